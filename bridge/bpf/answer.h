/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer.h - what the part of the program that answers SYNs (answer.bpf.h) and those who load it
 * agree on. */
#ifndef SYNWARD_BRIDGE_BPF_ANSWER_H
#define SYNWARD_BRIDGE_BPF_ANSWER_H

#include <stdint.h>

/* Workers whose engines the kernel answers for, at most: each costs 7 MiB. */
#define ANSWER_SHARDS_MAX 8u

/* A server for one worker's engine: its address as in struct ip_addr, its port in wire order, its
 * VLAN as in carry.h. */
struct answer_key {
    uint64_t addr[2];
    uint16_t port, shard, vlan, unused;
};

struct answer_value {
    uint32_t index, serial; /* of the record */
};

/* A prefix of an address as in struct ip_addr; some of it may be put aside. `bits`: the shard's 32
 * among them. */
struct answer_prefix {
    uint32_t bits, shard;
    uint8_t addr[16];
};

/* One for each shard. */
struct answer_settings {
    uint32_t servers;     /* that are answered for; 0: all goes up */
    uint32_t aside;       /* prefixes that are put aside */
    uint32_t aside_lost;  /* not 0: there was no room for all of them, and all goes up */
    uint32_t served_mask; /* of the connections served lately (engine/tables/replays.h) */
    uint32_t shard, shards;
    uint64_t steer_seed; /* by which frames are shared out among them (steer.h) */
    uint32_t known_page, asked_at, served_page, unused; /* where its parts of the maps begin */
    uint64_t clock_us;                                  /* for tests: stands; 0: the kernel's own */
    uint64_t table_seed[2], tsval_seed[2];
};

/* Entries of known connections lie in pages: an element is found by number, and mapped. */
#define ANSWER_PAGE_BYTES  4096u
#define ANSWER_SERVED_PAGE 1024u

#endif
