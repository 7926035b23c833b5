/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * path.h - the kernel path beside an engine, played: what bridge/bpf/carry.bpf.c and complete.bpf.h
 * do with the records that the engine writes (engine/tcp/flow_record.h, prepared.h), without them.
 *
 *      frame --> of a connection that the kernel knows, plain, gate open --> translated, out
 *            \-> SYN-ACK as prepared --> ACK with the request; the engine is told
 *            \-> all else --> up
 *
 * It carries less than the program does, and never more: FINs go up, as where nobody reads what is
 * told, and nothing of normal mode is told of. When the engine is told of a SYN-ACK is drawn: it
 * may be faster than the kernel, which then says nothing; it may hear of it at once, after other
 * frames, or not at all; and the kernel may leave all to it. Each of these the programs allow.
 *
 * Nothing here uses the engine's parser, writer or arithmetic (packet.h).
 */
#ifndef SYNWARD_TESTS_SIM_PATH_H
#define SYNWARD_TESTS_SIM_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "tests/sim/packet.h"
#include "tests/sim/rng.h"

/* What becomes of a frame. */
enum path_action {
    PATH_UP,    /* the engine's, as it came */
    PATH_OUT,   /* path_out() leaves */
    PATH_ENDED, /* the engine is told of it, and nothing leaves */
};

struct path;

/* For an engine of this configuration, which gets what both share. */
struct path *path_new(struct engine_config *config, uint64_t seed);
void path_free(struct path *path);

/* `buffer`: with its offload header. */
enum path_action path_frame(struct path *path, enum side from, const uint8_t *buffer,
                            uint32_t bytes, uint64_t now_us);
/* Of PATH_OUT; `reply`: it is the answer to a SYN-ACK, and not a frame that was carried. */
struct path_out {
    const uint8_t *buffer;
    uint32_t bytes;
    enum side to;
    bool reply;
};
struct path_out path_out(const struct path *path);

/* What the engine is told of now, before the next frame. NULL: nothing. Good until the next call.
 */
const uint8_t *path_told(struct path *path, uint32_t *bytes);

/* When all that the engine has said is out: it settles, and the kernel obeys. */
void path_settle(struct path *path, struct engine *engine);

/* Of all paths that are gone: segments carried, requests given to servers, and such as the engine
 * was faster with. */
struct path_totals {
    uint64_t carried, completed, beaten;
};
struct path_totals path_totals(void);
/* Of a connection that the kernel knows: the serial of its record; 0: it knows none. */
uint32_t path_serial(struct path *path, const struct flow_key *key);
/* The options of the SYN-ACK that it awaits of a server, with this TSval; 0: it awaits none. */
uint8_t path_awaited(struct path *path, const struct flow_key *key, uint32_t tsval,
                     uint8_t options[TCP_OPTIONS_MAX]);
/* How many connections the kernel knows. */
uint32_t path_known(const struct path *path);

#endif
