/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carrying.h - the programs (carry.bpf.c) by which the kernel carries plain segments of known
 * connections from one port to the other, and their maps.
 *
 *      carrying_open()       loads them: nothing is attached, and nothing would be carried
 *      carrying_records()    what engines write, one for each connection of all shards
 *      carrying_obey()       which record a connection has: any thread, each for its own shard
 *      carrying_lead()       where to; all goes up until then
 *      carrying_set_peer()   who may be answered at once
 */
#ifndef SYNWARD_BRIDGE_BPF_CARRYING_H
#define SYNWARD_BRIDGE_BPF_CARRYING_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/bpf/answer_maps.h"
#include "bridge/bpf/carry.h"
#include "bridge/bpf/tell_maps.h"
#include "engine/tables/carried.h"
#include "engine/tcp/frame.h"
#include "profiles/error.h"

struct carrying;

struct carrying_sizes {
    uint32_t connections, servers; /* of one engine */
    struct answer_sizes answers;   /* and how many engines there are */
    int pulse; /* map that says whether a worker is alive (bypassing.h); -1: they always are */
};

/* NULL: the kernel takes no such program, or no map of that size. */
struct carrying *carrying_open(const struct carrying_sizes *sizes, struct error *error);
/* Nothing is carried from here on, but for what is left to go on. Who writes records has ended
 * before. NULL is fine. */
void carrying_close(struct carrying *carrying);
/* The programs go on where they are attached, when all else is closed. */
void carrying_leave(struct carrying *carrying);

/* Of the part that answers SYNs, one engine's; until carrying_close(). NULL: carrying_no_answers()
 * says why. */
struct answer_maps *carrying_answers(struct carrying *carrying, uint32_t shard);
const char *carrying_no_answers(const struct carrying *carrying);
/* Why no server's SYN-ACK is answered. NULL: those are that the only engine has prepared. */
const char *carrying_no_completion(const struct carrying *carrying);
/* Of the part that tells of what it passes on, to the only engine. NULL: it tells of nothing. */
struct tell_maps *carrying_tells(struct carrying *carrying);
/* Zeroed; until carrying_close(). */
struct flow_record *carrying_records(struct carrying *carrying);
/* The same for who comes after us, killed or not: its number in the kernel, and how many each
 * engine has. 0: the kernel does not say. */
struct carrying_left {
    uint32_t number, each;
};
struct carrying_left carrying_left(const struct carrying *carrying);
/* By that, of one that is gone, whose version may have had other records (takeover_forms.h).
 * Only to be read. `bytes` NULL: they are gone with its programs, or not of this size. */
struct carrying_rows {
    uint8_t *bytes; /* that nobody may write to */
    uint64_t count; /* of all shards */
    uint32_t row_bytes;
};
struct carrying_rows carrying_rows_left(struct carrying_left left, uint32_t row_bytes);
/* Nothing may be left. */
void carrying_rows_close(struct carrying_rows *rows);
/* What the engine of a shard has of both. */
void carrying_share(struct carrying *carrying, uint32_t shard, struct engine_config *config);
/* Of the program for frames that come from this side. */
int carrying_program(const struct carrying *carrying, enum side from);
/* Interfaces that lead to both sides, in the namespace where the programs are attached; 0: all
 * goes up. */
void carrying_lead(struct carrying *carrying, uint32_t to_client, uint32_t to_server);
/*
 * Who is at the other end of the veth that leads to the client, in another namespace (veth.h);
 * NULL, and from carrying_lead() on: nobody. Answers to this MAC are handed over there at once:
 * neither the queue of the port nor who looks at what leaves it sees them. They overtake nothing.
 */
void carrying_set_peer(struct carrying *carrying, const uint8_t mac[6]);
/* While all goes up: what is carried from then on overtakes nothing that is on its way up. */
void carrying_shut(struct carrying *carrying);
/*
 * Obeys what the engine of a shard asks: adds at once, and removes when there are CARRY_AT_ONCE of
 * one kind to remove. Until then the kernel finds a record that is another's by its serial, or
 * nobody's: the same as none.
 */
#define CARRY_AT_ONCE 32u /* added, or removed, by one system call */
void carrying_obey(struct carrying *carrying, const struct carry_order *orders, uint32_t count,
                   uint32_t shard);
/* What the programs have counted, and how many connections found no room. */
void carrying_count(const struct carrying *carrying, uint64_t counts[CARRY_COUNTS_COUNT],
                    uint64_t *unrecorded);

#endif
