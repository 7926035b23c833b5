/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.h - offline learning: a pcap or pcapng file through the engine in normal mode into the learner.
 */
#ifndef SYNWARD_PROFILES_CAPTURE_H
#define SYNWARD_PROFILES_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "profiles/error.h"
#include "profiles/store.h"

struct capture_summary {
    uint64_t frames, tcp_frames, frames_passed_over; /* no TCP, malformed, no SYN seen */
    uint64_t flows, handshakes, requests;
    bool truncated; /* the file ends in mid-packet; what came before was learned */
};

/* Learns from the capture at `path` into `store`. False: the file cannot be read as a capture. */
bool capture_learn(const char *path, struct store *store, struct capture_summary *summary,
                   struct error *error);

#endif
