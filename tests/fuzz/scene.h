/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scene.h - an engine with small tables between clients and servers that remember what came to
 * them, so that a step can say "the next segment" and need not guess a cookie. fuzz_engine.c takes
 * its steps from libFuzzer, random_inputs.c from a generator.
 *
 *      step, 1 byte: | segments: 3 super-frame, 2 damage, 1 partial, 0 QinQ | kind, 3 bits |
 *
 *      kind     then
 *      0..2     who flags seq ack options payload window [patches]   a segment; see say()
 *      3        who error seq length                                 an ICMP error about a segment
 *                                                                    that came before
 *      4        side length(2) bytes                                 a frame as it stands, offload
 *                                                                    header first; with bit 0 of
 *                                                                    the segments' four bits:
 *               who what id name [patches]                           a datagram; see tell()
 *                                                                    with bit 1: a segment, as at
 *                                                                    0..2, that the kernel has
 *                                                                    passed on and tells of
 *               chance                                               with bit 2 alone, before any
 *                                                                    frame: from here on the kernel
 *                                                                    path comes first (sim/path.h);
 *                                                                    a multiple of 4: with a
 *                                                                    learner
 *      5        time(2): 14 bits << (0, 8, 12 or 16 by the high 2)   microseconds pass; odd: with
 *                                                                    the ticks that are due
 *      6        server setting                                       setting, or the main thread's
 *                                                                    mode
 *      7        policy                                               another policy, or none
 *
 * Checked after each step, with abort() where it does not hold:
 *
 *      - verdict and outbox stay within their bounds;
 *      - every frame of our own is well-formed, of exactly its length, with right checksums, and of
 *        the connection of the frame that caused it;
 *      - what is passed on is of the kind that it came as, right if it was, and untouched unless
 *        its connection is spliced;
 *      - a segment with a wrong checksum causes no answer, no opening, and is not held;
 *      - in attack mode a client's segment makes no flow, but an opening whose ack names a cookie
 *        that was sent, and whose data may be a request where requests are checked;
 *      - what is answered over UDP is a client's query, by TC=1 and no longer than it was, and none
 *        passes to a server that is attacked before anybody has proved himself;
 *      - what the kernel tells of is answered by nothing, and makes no opening;
 *      - the kernel knows the connections that the engine has told it of, and no others;
 *      - of a joined connection both know the same offsets;
 *      - who was given the request in the kernel is neither asked nor given it again;
 *      - gauges equal what the tables hold, and no table holds more than it was made for;
 *      - ticks come to an end. scene_end(): after 9,000 s of silence nothing is left.
 */
#ifndef SYNWARD_TESTS_FUZZ_SCENE_H
#define SYNWARD_TESTS_FUZZ_SCENE_H

#include "engine/engine.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/path.h"

#define SCENE_CLIENTS 4
#define SCENE_SERVERS 8
#define SCENE_VLANS   3 /* untagged, one tag, two tags */
#define SCENE_COOKIES 64
#define SCENE_ASKED   2 /* over TCP and UDP, beside those servers */

enum scene_step { STEP_SEGMENT, STEP_ICMP = 3, STEP_RAW, STEP_TIME, STEP_SETTING, STEP_POLICY };
/* Bits of a segment's step. */
enum step_bits {
    STEP_DATAGRAM = 8,
    STEP_QINQ = 8,
    STEP_PARTIAL = 16,
    STEP_TOLD = 16,
    STEP_DAMAGED = 32,
    STEP_PATH = 32,
    STEP_SUPER = 64
};

/* What one side of a connection knows: enough to say the next segment. */
struct talker {
    uint32_t next;     /* end of what it said */
    uint32_t peer_seq; /* of the last segment that came to it */
    uint32_t peer_end;
    uint32_t peer_ack;
    uint32_t peer_tsval;
    uint8_t peer_flags;
    bool peer_data;
};

struct conversation {
    struct talker talkers[2];        /* by enum side */
    uint32_t cookies[SCENE_COOKIES]; /* of our SYN-ACKs */
    uint64_t cookies_sent;
    uint32_t given_serial; /* of the record by which the kernel has given it the request; 0: none */
    uint32_t given_seq;    /* where that begins */
};

struct scene {
    struct engine *engine;
    uint64_t now_us;
    uint64_t frames;
    bool proved;                               /* somebody may ask over UDP */
    struct path *path;                         /* NULL: all goes through the engine */
    uint64_t replies, forwarded, opened, told; /* that the callers may see how far they come */
    uint64_t followed;                         /* segments that the kernel told of */
    uint64_t carried, given;                   /* segments, and requests, that the path let out */
    struct conversation conversations[SCENE_CLIENTS][SCENE_SERVERS][SCENE_VLANS];
};

/* Begins anew: a new engine in attack mode with the usual policy. The scene is the caller's, its
 * engine is shared. */
void scene_begin(struct scene *scene);
/* Takes one step from the stream. */
void scene_step(struct scene *scene, struct fuzz_bytes *stream);
/* A long silence. */
void scene_end(struct scene *scene);

#endif
