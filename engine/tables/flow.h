/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow.h - the table of connections of one shard.
 *
 * Memory. An entry takes 128 bytes: a hot line of 64 that a forwarded segment reads, a cold part of
 * 52 beside it, and 12 as its share of the hash index. Both parts are arrays with the same index.
 * Entries are touched only as they are used, so a table may be made for as many flows as there may
 * ever be. The index is touched at start: every look-up, also a flood's, reads it at a random
 * place.
 *
 * Index. A bucket is one cache line: places for 12 entries, and 8 bits of the hash of each, which
 * are compared all at once. Who finds no place goes to the next bucket with one, and is counted in
 * those that it passed: a look-up goes on only where somebody has passed. A full table has 5.3
 * entries to a bucket, so that hardly anybody does (one bucket in 500), and a look-up reads the
 * bucket's line and the entry's hot one, however full the table is.
 *
 * States, and what may happen in each:
 *
 *      HALF_OPEN --ACK--> ESTABLISHED --+                     tracked: nothing is changed on the
 *                                                             way
 *      ASKING -----------> OUTBOUND ----+--> CLOSING --> free
 *      OPENING --> GREETING --> SPLICED +                     opened by us, changed on the way
 *        ^ |           |          ^  ^
 *        | +-----------|----------+  |
 *      KEPT            +-> DRAINING -+                        what we have acknowledged goes first
 *
 * Every state belongs to one list, oldest first. A list is a timer and an order of eviction at
 * once: all its entries wait for the same time, so only its head need be looked at, and traffic
 * never touches it (an entry that was used meanwhile goes to the tail when its turn comes). When
 * the table is full, what the server side alone has spoken of goes first. It makes room for its
 * like, too, and takes a place of others only while it has less than an eighth of all: there
 * it is the oldest of the MAC that has the most. Then a half-open entry makes room
 * for a half-open one, so that SYNs, which can be spoofed, push out nothing else as long as there
 * are any; a proved connection takes the place of the oldest closing entry, then of the oldest
 * half-open one, then of one that its server has closed and nobody has used for FLOW_CLOSING_LIFE.
 * Other established and spliced flows are never evicted.
 *
 * Who has been half-open for a fifth of a second is looked at (flow_waiting()), and again each time
 * that it is renewed: a mark goes through that list behind those that were.
 */
#ifndef SYNWARD_ENGINE_TABLES_FLOW_H
#define SYNWARD_ENGINE_TABLES_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/base/counters.h"

#define FLOW_NONE UINT32_MAX

/* Clock of the table: uint32_t, in steps of 65,536 us. */
static inline uint32_t flow_clock(uint64_t now_us)
{
    return (uint32_t)(now_us >> 16);
}
#define FLOW_CLOCK_SECONDS(s) ((uint32_t)((s)*1000000ull >> 16))

#define FLOW_WAITING_AGE    (FLOW_CLOCK_SECONDS(1) / 5) /* less up to a step: it is rounded down */
#define FLOW_HALF_OPEN_LIFE FLOW_CLOCK_SECONDS(60)
#define FLOW_CLOSING_LIFE   FLOW_CLOCK_SECONDS(240)  /* RFC 9293 3.6.1: 2 MSL */
#define FLOW_IDLE_LIFE      FLOW_CLOCK_SECONDS(7440) /* RFC 5382 REQ-5: at least 2 h 4 min */
#define FLOW_IDLE_CHECK     FLOW_CLOCK_SECONDS(60)

/* Numbers for good: other versions read them (bridge/takeover_forms.c). New ones go to the end. */
enum flow_state {
    FLOW_FREE,
    FLOW_HALF_OPEN,   /* SYN seen, handshake not completed */
    FLOW_ESTABLISHED, /* handshake completed, or picked up in the middle */
    FLOW_PICKED_UP,   /* only the server side has spoken, or its client's SYN was forgotten */
    FLOW_ASKING,      /* the server side's own SYN, not answered yet */
    FLOW_OUTBOUND,    /* opened from the server side: passes in every mode */
    FLOW_KEPT,        /* the beginning of a request is kept until it is whole: no server yet */
    FLOW_OPENING,     /* our SYN is on its way to the server */
    FLOW_GREETING,    /* the server accepted; its greeting is being compared */
    FLOW_DRAINING,    /* joined by offsets; what we have acknowledged is still on its way */
    FLOW_SPLICED,     /* both halves joined by offsets */
    FLOW_CLOSING,     /* RST, or FIN both ways; offsets stay */
    FLOW_STATES
};

enum flow_list_id {
    FLOW_LIST_NONE,
    FLOW_LIST_PICKED_UP,
    FLOW_LIST_HALF_OPEN,
    FLOW_LIST_LIVE,
    FLOW_LIST_KEPT, /* with timers of their own (stages/kept.c) */
    FLOW_LIST_OPENING,
    FLOW_LIST_CLOSING,
    FLOW_LISTS
};

/* For good, likewise. */
enum flow_flags {
    FLOW_EDIT = 1 << 0, /* spliced (also while closing): the offsets apply */
    FLOW_CLIENT_FIN = 1 << 1,
    FLOW_SERVER_FIN = 1 << 2,
    FLOW_RESET = 1 << 3,        /* closing by a RST: valid data makes it live again */
    FLOW_NO_SACK = 1 << 4,      /* promised but not granted: the client's blocks become NOPs */
    FLOW_NO_ECN = 1 << 5,       /* promised but not asked for or not granted: ECT is cleared */
    FLOW_GREETING_DUE = 1 << 6, /* the client has not acknowledged our greeting yet */
    FLOW_REFUSED =
        1 << 7, /* closing because the opening failed: the server's late answers are reset */
};

/*
 * How the client's SYN was carried, for a RST in its name (stages/half_open.c). It stands where the
 * offsets of later states do, which a half-open flow has none of, so it costs no memory.
 */
struct flow_link {
    uint8_t macs[12];    /* destination, source */
    uint8_t tags[2];     /* of key.vlan.id[]: priority and DEI as in the tag, kind of tag */
    uint8_t ttl;         /* 0: nothing of all this is known */
    uint8_t counted : 1; /* that it is not answered says nothing, or nothing more */
    uint8_t asked : 2;   /* what was done about it (stages/half_open.c) */
    uint8_t waited : 5; /* flow_clock() from its SYN to its last renewal; LINK_WAITED_MAX: longer */
};

#define LINK_WAITED_MAX 31u

/* Hot: what a forwarded segment needs. */
struct flow {
    struct flow_key key;
    union {
        struct flow_link link; /* HALF_OPEN; cleared when it leaves that state */
        uint32_t mac_place;    /* PICKED_UP, ASKING: in picked_up_by, plus one; likewise */
        struct {
            /* server to client: seq += delta; client to server: ack -= delta */
            uint32_t delta;
            uint32_t ts_delta; /* the same for TSval and TSecr */
            /* least ack towards the server, in its numbers: ISN + 1 + greeting */
            uint32_t ack_floor;
            /* least TSecr towards the server: the newest TSval of its that we echoed */
            uint32_t tsecr_floor;
        };
    };
    uint32_t used;                           /* flow_clock() of the last segment */
    uint8_t state;                           /* enum flow_state */
    uint8_t flags;                           /* enum flow_flags */
    int8_t to_client_shift, to_server_shift; /* of windows: left where positive */
};

/* Empty segments thrown back and forth (stages/ack_storm.h). All zero: none seen. */
struct flow_storm {
    uint8_t seen[2]; /* digest of the last empty segment, by enum side */
    uint8_t since;   /* low bits of flow_clock(): when counting began */
    uint8_t bounces; /* STORM_FROM_SERVER, and how many */
};

/* Cold: handshake, closing, observations, bookkeeping. */
struct flow_cold {
    uint32_t
        serial; /* tells this connection from others on the same entry; wraps after 2^32 of them */
    uint32_t born;         /* flow_clock() of its beginning */
    uint32_t older, newer; /* list of the state; older: chain of freed ones */
    uint32_t listed;       /* flow_clock() when it was put at the list's tail */
    uint32_t client_isn;
    uint32_t server_isn;  /* in the server's numbers */
    uint32_t client_next; /* highest sequence number seen from the client, plus one */
    uint32_t server_next; /* the same from the server, in its numbers */
    union {
        uint32_t slot;           /* KEPT: index into the slots */
        uint32_t opening;        /* OPENING, GREETING, DRAINING: index into the pool */
        uint32_t newest_tsval;   /* later, with GREETING_DUE: of the server */
        struct flow_storm storm; /* later, without */
    };
    uint16_t server;      /* index into the server table + 1; 0: none */
    uint16_t server_mss;  /* payload of a segment that the server takes, options off; 0: no limit */
    uint16_t sampled[2];  /* payload bytes copied into observations, by enum side */
    uint8_t offered;      /* half-open: enum synack_offer; FLOW_OFFER_UNKNOWN */
    uint8_t generation;   /* GREETING_DUE: lowest bits of the promise's */
    bool timestamps;      /* opened by us: granted on both halves */
    uint8_t client_scale; /* opened by us: the client's window scale, WSCALE_NONE */
};

#define FLOW_OFFER_UNKNOWN  0xff
#define FLOW_OFFER_OUTBOUND 0xfe /* the server side opened it */
#define FLOW_OFFER_MIDDLE   0xfd /* picked up in its middle, and both sides have spoken since */

_Static_assert(sizeof(struct flow) == 64, "the hot part is one cache line");
_Static_assert(sizeof(struct flow_cold) <= 52,
               "64 + 52 + 12 of index stays within 128 bytes a flow");

#define FLOW_BUCKET_PLACES 12
/* Buckets for so many entries: 3 * 64 / 16 = 12 bytes for each. */
#define FLOW_BUCKETS(flows) (((flows) + 15) / 16 * 3)

/* All zero is an empty one. */
struct flow_bucket {
    uint8_t tags[FLOW_BUCKET_PLACES]; /* of the hash, never 0 or 1; 0: a free place */
    uint32_t passed; /* entries that found no place here, and stand in a later bucket */
    uint32_t entries[FLOW_BUCKET_PLACES]; /* indices */
};

_Static_assert(sizeof(struct flow_bucket) == 64, "a bucket is one cache line");
_Static_assert(offsetof(struct flow_bucket, passed) == 12,
               "the last tags and `passed` are one word");

#define FLOW_MAC_PLACES 256u

struct flow_list {
    uint32_t oldest, newest, count;
    uint32_t unseen; /* the oldest that flow_waiting() has not told of; FLOW_NONE: there is none */
};

struct flow_table {
    struct flow *flows;
    struct flow_cold *cold;
    struct flow_bucket *buckets;
    uint32_t capacity, buckets_count;
    uint32_t unused;    /* entries from here on were never used */
    uint32_t free_head; /* chain of freed ones */
    uint32_t serial;
    struct flow_seed seed;
    struct flow_list lists[FLOW_LISTS];
    uint32_t picked_up_by[FLOW_MAC_PLACES]; /* entries of the server side's, by a hash of its MAC */
    uint32_t picked_up_most;   /* the place that had the most when it was last added to */
    struct counters *counters; /* the gauges are kept here */
    struct carried *carried;   /* carried.h; NULL: the kernel carries nothing */
    struct handed_flow *log;   /* joined_log.h; NULL: none */
    uint32_t log_rows;
    uint16_t *joined; /* tcp/joined.h; NULL: nobody asks */
    uint8_t *known;   /* tcp/answer_record.h; NULL: the kernel answers nobody */
};

/* Bytes of memory (64-aligned, zeroed) for `capacity` entries. */
size_t flow_table_bytes(uint32_t capacity);
void flow_table_init(struct flow_table *table, void *memory, uint32_t capacity,
                     const uint64_t seed[2], struct counters *counters);

struct flow *flow_find(const struct flow_table *table, const struct flow_key *key);
/*
 * A new entry in `state` for a key that has none; NULL where the table is full of flows that may
 * not be evicted. The entry that had to go is told by flow_evictable() beforehand.
 */
struct flow *flow_new(struct flow_table *table, const struct flow_key *key, enum flow_state state,
                      uint64_t now_us);
/*
 * Where the table is full: the entry to be freed before flow_new() in `state`, or NULL (room is
 * there, or nothing may go).
 */
struct flow *flow_evictable(struct flow_table *table, enum flow_state state, uint64_t now_us);
/* Of a PICKED_UP or ASKING one: counts it for the MAC that its frame came from. */
void flow_note_mac(struct flow_table *table, struct flow *flow, const uint8_t mac[6]);
/* The one place where a state changes: lists and gauges follow. */
void flow_set_state(struct flow_table *table, struct flow *flow, enum flow_state state,
                    uint64_t now_us);
void flow_free(struct flow_table *table, struct flow *flow);
/* Puts the entry at its list's tail: its time begins anew. */
void flow_renew(struct flow_table *table, struct flow *flow, uint64_t now_us);
/*
 * An entry whose time is over, or NULL. Those used meanwhile are renewed on the way, at most
 * `budget` of them; `*more` then says that there are others to be looked at.
 */
struct flow *flow_expired(struct flow_table *table, uint64_t now_us, uint32_t budget, bool *more);
/* No entry's time is over before this; UINT64_MAX: none. */
uint64_t flow_next_expiry(const struct flow_table *table, uint64_t now_us);
/*
 * The next one that has been HALF_OPEN for FLOW_WAITING_AGE, each once, unless it is
 * renewed; NULL: nobody has for now. flow_waiting_anew() forgets who was told of.
 */
struct flow *flow_waiting(struct flow_table *table, uint64_t now_us);
void flow_waiting_anew(struct flow_table *table);
/* When flow_waiting() is next worth calling; UINT64_MAX: nobody waits. */
uint64_t flow_next_waiting(const struct flow_table *table, uint64_t now_us);

static inline uint32_t flow_index(const struct flow_table *table, const struct flow *flow)
{
    return (uint32_t)(flow - table->flows);
}

static inline struct flow_cold *flow_cold(const struct flow_table *table, const struct flow *flow)
{
    return &table->cold[flow_index(table, flow)];
}

/* Where the search for this hash begins: its low half, scaled to the number of buckets. */
static inline uint32_t flow_home(const struct flow_table *table, uint64_t hash)
{
    return (uint32_t)((hash & 0xffffffff) * table->buckets_count >> 32);
}

/* Never 1: a free place behind an entry of that tag would be marked by flow_tags_like(), and who
 * stood there once be found again. */
static inline uint8_t flow_tag(uint64_t hash)
{
    uint8_t tag = (uint8_t)(hash >> 56);

    return tag > 1 ? tag : 2;
}

/*
 * A mark (the top bit of the byte) for each of eight tags that may be `tag`: for the first that is,
 * in memory's order, and for some behind it that are not, where subtracting has borrowed: those
 * that differ in the lowest bit.
 */
static inline uint64_t flow_tags_like(const uint8_t tags[8], uint8_t tag)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t differ;

    memcpy(&differ, tags, sizeof(differ));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    differ = __builtin_bswap64(differ);
#endif
    differ ^= ones * tag;
    return (differ - ones) & ~differ & ones << 7;
}

/* The index of the entry among eight places of the bucket, from `first` on; FLOW_NONE. */
static inline uint32_t flow_find_among(const struct flow_table *table,
                                       const struct flow_bucket *bucket, uint32_t first,
                                       struct flow_words key, uint8_t tag)
{
    for (uint64_t like = flow_tags_like(bucket->tags + first, tag); like; like &= like - 1) {
        uint32_t place = first + ((uint32_t)__builtin_ctzll(like) >> 3);
        uint32_t index = bucket->entries[place];

        if (flow_key_is(&table->flows[index].key, key))
            return index;
    }
    return FLOW_NONE;
}

/* The rest of the search, behind the first eight places of its first bucket. */
uint32_t flow_find_further(const struct flow_table *table, struct flow_words key, uint64_t hash);

/* The same by words, which may be in registers: the entry's index, or FLOW_NONE. */
static inline uint32_t flow_find_words(const struct flow_table *table, struct flow_words key,
                                       uint64_t hash)
{
    const struct flow_bucket *bucket = &table->buckets[flow_home(table, hash)];
    uint32_t index = flow_find_among(table, bucket, 0, key, flow_tag(hash));

    /*
     * Places are taken from the first on, but may have been given back: the tags behind eight tell
     * for themselves, in one word with how many have passed.
     */
    if (index != FLOW_NONE || key_word(bucket, 8) == 0)
        return index;
    return flow_find_further(table, key, hash);
}

/* The client's handshake is not completed, as far as is known. */
static inline bool flow_is_half_open(const struct flow *flow)
{
    return flow->state == FLOW_HALF_OPEN || flow->state == FLOW_PICKED_UP;
}

/* "half-open", "established", "asking", "outbound", "opening", "greeting", "spliced", "closing". */
const char *flow_state_name(enum flow_state state);

#endif
