/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * samples.h - first requests of every protocol, as real clients send them: what a pattern learned
 * from a server's requests is held against (profiles/model/pattern_rate.h), and what the tests of
 * the protocols and the bench check.
 */
#ifndef SYNWARD_ENGINE_PROTOCOLS_SAMPLES_H
#define SYNWARD_ENGINE_PROTOCOLS_SAMPLES_H

#include "engine/protocols/protocol.h"

struct sample {
    enum protocol_id id;
    const char *name;
    const char *bytes;
    size_t count;
    size_t decided; /* the fewest bytes that decide */
    size_t whole;   /* how many the whole request has: where there are more than these, any may
                       follow them; 0: these */
};

extern const struct sample samples[];
extern const size_t samples_count;

#endif
