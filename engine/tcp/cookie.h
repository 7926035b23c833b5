/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cookie.h - the ISN of our SYN-ACK, and the TSval that goes with it (rule 3, RFC 4987 3.6).
 *
 *      31     30    27   26   25 24  23                     0
 *      epoch | wscale | SACK | MSS | MAC                      |      wscale 15 = none
 *
 * MAC (24 bits) and the mask of bits 24 to 30 come from SipHash-2-4 in two stages: under the
 * secret, server (address, port, VLAN IDs), promise's generation and epoch's number give a key,
 * which is kept beside the server; under that key, client (address, port) and the client's ISN give
 * the hash. The options are not in the input; masked, they lie high, so that an ack of c+1+g is
 * hardly ever taken for a c+1 with other options. The epoch's lowest bit is in clear: one hash
 * decides a candidate. An epoch lasts COOKIE_EPOCH_US, so a cookie lives 4 to 8 minutes.
 *
 *      TSval = ((ms + offset of the tuple) & ~63) | bits         bits: 5 = 0, 4 = ECN, 3..0 = finer
 *                                                                MSS
 *
 * What a blind guess costs and wins, and what the MSS table loses, is worked out at the head of
 * cookie.c.
 */
#ifndef SYNWARD_ENGINE_TCP_COOKIE_H
#define SYNWARD_ENGINE_TCP_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/base/siphash.h"

#define MSS_DEFAULT_V4 536 /* of a SYN without the option: RFC 9293 3.7.1 */
#define MSS_DEFAULT_V6 1220

#define COOKIE_EPOCH_US    (240ull * 1000 * 1000)
#define COOKIE_LIFETIME_US (2 * COOKIE_EPOCH_US)
#define COOKIE_TS_BITS     63u
#define COOKIE_MAC_MASK    0x00ffffffu

/* Secrets, the same in every shard and for the life of the process. */
struct cookie_keys {
    uint8_t mac[16];   /* SipHash-2-4 key, of the keys of servers */
    uint64_t tsval[2]; /* seed of the per-tuple TSval offset */
};

/*
 * What several bridges that protect the same servers have in common, so that each takes the cookies
 * of all. All zero: it is alone.
 *
 * Epochs and TSvals count on one clock, the monotonic one of each bridge plus `ahead_us`. It is
 * steered towards wall time, by COOKIE_SLEW of what passes at most, so that it neither steps nor
 * stands still. Bridges are COOKIE_SKEW_US apart at most. So cookies are checked by a time that is
 * `early_us` ahead: that long before an epoch ends those of the next are good, in the place of
 * those of the one before, which live so much shorter (3.5 to 7.5 minutes). One hash decides as
 * well.
 */
struct cookie_share {
    bool on;
    bool has_before; /* the keys are being rolled: those of `before` count as well */
    struct cookie_keys before;
    uint64_t early_us;   /* COOKIE_SKEW_US, or 0 of a bridge that is alone */
    uint64_t ahead_us;   /* modulo 2^64 */
    uint64_t steered_us; /* when it was last */
};

#define COOKIE_SKEW_US (30ull * 1000 * 1000)
#define COOKIE_SLEW    2048u /* one in so many: 488 ppm */

/* Towards `ahead_us`, as far as may be by now. */
void cookie_share_steer(struct cookie_share *share, uint64_t ahead_us, uint64_t now_us);

/* What a cookie (and the TSval beside it) carries. */
struct cookie_options {
    uint16_t mss; /* the client's MSS; read back rounded down to the table, or finer with a TSval */
    uint8_t window_scale; /* what our SYN-ACK granted: the client's scale, or WSCALE_NONE */
    bool sack;
    bool ecn; /* only read back where there is a TSval */
};

/* The same as it goes onto the wire: bits 24 to 30 of a cookie, before they are masked, and bits 0
 * to 5 of a TSval. */
struct cookie_words {
    uint32_t cookie, tsval;
};
struct cookie_words cookie_words_of(bool ipv4, const struct cookie_options *options);

/* The key of a server's cookies for one generation and one epoch, as the state that a hash under it
 * begins with. */
struct cookie_key {
    uint64_t made_for; /* generation, and epoch + 1; 0: not made */
    struct siphash begun;
};

static inline uint64_t cookie_key_for(uint32_t generation, uint32_t epoch)
{
    return (uint64_t)generation << 32 | (epoch + 1);
}

/*
 * Both epochs' keys of one promise of one server, by the epoch's lowest bit. It belongs to that
 * server for good; what it is asked for is compared each time, so that nobody has to empty it when
 * generation or epoch change. All zero is an empty one.
 */
struct cookie_kept {
    struct cookie_key key[2];
};

/* The key in force: the one kept, or it is made now, once in an epoch. */
const struct siphash *cookie_key_make(struct cookie_key *made, const struct cookie_keys *keys,
                                      const struct server_key *server, uint32_t generation,
                                      uint32_t epoch);
static inline const struct siphash *cookie_key_of(struct cookie_kept *kept,
                                                  const struct cookie_keys *keys,
                                                  const struct server_key *server,
                                                  uint32_t generation, uint32_t epoch)
{
    struct cookie_key *slot = &kept->key[epoch & 1];

    return slot->made_for == cookie_key_for(generation, epoch)
               ? &slot->begun
               : cookie_key_make(slot, keys, server, generation, epoch);
}

/* The hash of a client over IPv4; its address as it lies in the packet. */
static inline __attribute__((always_inline)) uint32_t
cookie_hash_v4(const struct siphash *key, uint32_t client, uint16_t port, uint32_t x)
{
    struct siphash state = *key;

    siphash_word(&state, client | (uint64_t)x << 32);
    return (uint32_t)siphash_end(&state, port, 10);
}

static inline uint32_t cookie_of(uint32_t hash, uint32_t words, uint32_t epoch)
{
    return epoch << 31 | ((words ^ hash) & ~(1u << 31));
}

/*
 * A cookie for the connection `key` with client ISN `x`, promised under `generation`. `now_us`
 * counts from a fixed start. `kept` is of the connection's server, and saves most of the work.
 */
uint32_t cookie_make_kept(struct cookie_kept *kept, const struct cookie_keys *keys,
                          const struct flow_key *key, uint32_t x, uint32_t generation,
                          const struct cookie_options *options, uint64_t now_us);
/* The same cookie, with nothing kept. */
uint32_t cookie_make(const struct cookie_keys *keys, const struct flow_key *key, uint32_t x,
                     uint32_t generation, const struct cookie_options *options, uint64_t now_us);

/*
 * The epoch, now or before, that a cookie with this highest bit was made in; COOKIE_EPOCH_NONE:
 * there was none before. The hash of that epoch, which cookie_hash_kept() makes, decides on all
 * candidates with the same bit.
 */
#define COOKIE_EPOCH_NONE UINT64_MAX
static inline uint64_t cookie_epoch(uint32_t c, uint64_t now_us)
{
    uint64_t epoch = now_us / COOKIE_EPOCH_US;

    return epoch - ((epoch & 1) != c >> 31);
}
uint32_t cookie_hash_kept(struct cookie_kept *kept, const struct cookie_keys *keys,
                          const struct flow_key *key, uint32_t x, uint32_t generation,
                          uint64_t epoch);
static inline bool cookie_fits(uint32_t c, uint32_t hash)
{
    return ((c ^ hash) & COOKIE_MAC_MASK) == 0;
}
/* By which it is remembered: the options are not sealed, so its client may say it with others. */
static inline uint32_t cookie_itself(uint32_t c)
{
    return c & COOKIE_MAC_MASK;
}
/* What a cookie that fits carries: `read` is it xor the hash. mss is from the cookie's own two
 * bits. */
struct cookie_options cookie_read(const struct flow_key *key, uint32_t read);

/*
 * All this in one: true where `c` is a cookie of this connection, epoch now or before, made under
 * `generation`. Fills `options`. One hash.
 */
bool cookie_check_kept(struct cookie_kept *kept, const struct cookie_keys *keys,
                       const struct flow_key *key, uint32_t x, uint32_t generation, uint32_t c,
                       uint64_t now_us, struct cookie_options *options);
bool cookie_check(const struct cookie_keys *keys, const struct flow_key *key, uint32_t x,
                  uint32_t generation, uint32_t c, uint64_t now_us, struct cookie_options *options);

/*
 * TSval of a stateless segment for this tuple, with the bits that `options` asks for (RFC 7323 5.4
 * clock: 1 ms in steps of 64).
 */
uint32_t cookie_tsval(const struct cookie_keys *keys, const struct flow_key *key,
                      const struct cookie_options *options, uint64_t now_us);
/*
 * Milliseconds on a clock that starts elsewhere for each tuple, so that TSvals tell nothing of
 * other connections (RFC 7323 7.1).
 */
static inline uint32_t cookie_tuple_ms(const struct cookie_keys *keys, struct flow_words key,
                                       uint64_t now_us)
{
    return (uint32_t)(now_us / 1000) + (uint32_t)flow_words_hash(flow_seed_of(keys->tsval), key);
}
/* The first TSval above every stateless one that this tuple can have been sent up to now: (newest |
 * 63) + 1. */
uint32_t cookie_tsval_ceiling(const struct cookie_keys *keys, const struct flow_key *key,
                              uint64_t now_us);
/*
 * `tsval` of our own clock, or where another bridge told the client a later one, the next after
 * that: (echo | 63) + 1 with the bits of `tsval`. Else a clock behind would trip PAWS (RFC 7323
 * 5.3).
 */
static inline uint32_t cookie_tsval_above(uint32_t tsval, uint32_t echo)
{
    const uint32_t least = (echo | COOKIE_TS_BITS) + 1;

    return (int32_t)(least - (tsval & ~COOKIE_TS_BITS)) > 0 ? least | (tsval & COOKIE_TS_BITS)
                                                            : tsval;
}
/*
 * True where `tsecr` echoes what this tuple was told by us within the last `age_us` (less than 24
 * days). Another server's clock looks so with age_us / 49 days.
 */
bool cookie_tsecr_is_ours(const struct cookie_keys *keys, const struct flow_key *key,
                          uint32_t tsecr, uint64_t age_us, uint64_t now_us);
/* Reads the finer MSS and ECN from the TSecr that a client echoes into `options` already filled by
 * cookie_check(). */
void cookie_refine(const struct flow_key *key, uint32_t tsecr, struct cookie_options *options);

#endif
