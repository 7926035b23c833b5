/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cookie.c - makes and checks cookies; the only file that knows their bits.
 *
 * What it must do: prove that whoever sends a segment has received our SYN-ACK, without memory.
 * Whoever has not must guess (RFC 5961 5 counts such guesses).
 *
 * Arithmetic of guessing. A segment is tried as ack-1 and ack-1-g (where there is a greeting), each
 * for the promise now, the one before while it counts, and the default one while it may be out: and
 * there is no greeting under the default promise. At most 5 for a segment with data. Each passes a
 * blind guess with 2^-24, as every value of the 7 option bits decodes and the epoch bit is in
 * clear. At the full rate of one core, R = 750,000 segments a second:
 *
 *      data, usual    1 candidate     R *  1 / 2^24 = 0.045 passes a second, one in 22 s
 *      data, worst    5 candidates    R *  5 / 2^24 = 0.22  passes a second, one in 4.5 s
 *
 * An empty ACK is tried for three ISNs (seq-1, seq and seq-2: handshake, keepalive, last ACK), so
 * for thrice as many; it wins a greeting sent to the forged address, or, on a service that is
 * opened by cookie alone, a connection under the limits of rule 2.5.
 *
 * Trying all values for one tuple in order instead of at random makes the first pass certain after
 * the same times; a new epoch changes every MAC after 240 s. What a pass wins is one connection
 * opened to the server in somebody else's name, and only if the same segment carries a valid
 * request; the guesser sees no answer and cannot know which segment it was. On a service that
 * greets, a pass without data sends one greeting (and its two repeats) to the address that was
 * forged. 750,000 segments a second for one request in 6 s is dearer than making one real
 * connection. With one candidate a guesser of 1 Mbit/s (about 1,500 segments a second) waits 3
 * hours. The options are not in the MAC's input, so a client can flip bits of its own cookie: it
 * gains a scale, an MSS or SACK that it did not offer, on its own connection.
 *
 * Two stages are as good as one. Whoever could tell the hash from chance without the secret could
 * tell SipHash itself from chance: its outputs under the secret, which are the keys, or its outputs
 * under one of these, which are then as good as drawn by chance (the cascade of Bellare, Canetti
 * and Krawczyk, 1996). For this, nothing else is hashed under the secret, the halves of a key
 * differ in their input, and all inputs are of fixed size, so that no two mean the same. The price:
 * there are as many keys to be hit by chance as were ever made, some thousands of 2^128. A guess at
 * the cookie itself is one at 24 bits as before.
 *
 * MSS. Two bits: an index into a table of the family, read back as the entry, never more than the
 * client's own unless that was below the first entry (216: what a datagram of 256 bytes can carry;
 * hosts that say less are embedded ones with a few segments in hand). 536 and 1220 are the defaults
 * of RFC 9293 3.7.1; 1300 and 1360 cover tunnels and mobile networks; 1460 and 1440 are Ethernet.
 * With timestamps, 4 bits say in which sixteenth of the way to the next entry the MSS lies: exact
 * for 1380, 1400, 1440 and 1450 over IPv4, and the last entry's way is 8,000 long so that its last
 * step is that of 9,000-byte frames (8960, 8940).
 *
 * Limits: TSval goes in steps of 64 ms; a tuple whose options change within one step may see the
 * bits go back.
 */
#include "engine/tcp/cookie.h"

#include <string.h>

#include "engine/base/siphash.h"
#include "engine/tcp/cookie_words.h"
#include "engine/tcp/options.h"

#define OPTIONS_MASK 0x7f000000u
#define TS_FINER     0x0fu
#define TS_SPARE     0x20u /* always 0 in ours */

static const uint16_t mss_tables[2][COOKIE_MSS_ENTRIES + 1] = {COOKIE_MSS_V4, COOKIE_MSS_V6};

static const uint16_t *mss_table(const struct flow_key *key)
{
    return mss_tables[addr_is_v4(&key->client) ? 0 : 1];
}

/*
 * The least MSS that lies in that sixteenth: never more than the client's own, and read back it
 * gives the same bits, so that a later stateless segment's TSval does not fall behind the
 * SYN-ACK's.
 */
static uint16_t finer_to_mss(const uint16_t *table, unsigned index, uint32_t step)
{
    uint32_t width = (uint32_t)(table[index + 1] - table[index]);

    return (uint16_t)(table[index] + (step * width + COOKIE_FINER_STEPS - 1) / COOKIE_FINER_STEPS);
}

static uint32_t cookie_bits(const uint16_t *table, const struct cookie_options *options)
{
    return cookie_option_bits(cookie_mss_index(table, options->mss), options->window_scale,
                              options->sack);
}

static uint32_t tsval_bits(const uint16_t *table, const struct cookie_options *options)
{
    return cookie_finer_of(table, cookie_mss_index(table, options->mss), options->mss) |
           (options->ecn ? COOKIE_TS_ECN : 0);
}

struct cookie_words cookie_words_of(bool ipv4, const struct cookie_options *options)
{
    const uint16_t *table = mss_tables[ipv4 ? 0 : 1];

    return (struct cookie_words){cookie_bits(table, options), tsval_bits(table, options)};
}

/*
 * First stage. 31 bytes: address | VLAN IDs, generation | port, epoch, half. Two outputs of 64 bits
 * are the 128 of the key.
 *
 *      16 address | 4 VLAN IDs | 4 generation | 2 port | 4 epoch | 1 which half of the key
 */
static uint64_t key_half(const struct cookie_keys *keys, const struct server_key *server,
                         uint32_t generation, uint32_t epoch, uint8_t half)
{
    struct siphash state = siphash_begin(keys->mac);
    uint32_t vlan;

    memcpy(&vlan, &server->vlan, sizeof(vlan));
    siphash_word(&state, key_word(&server->addr, 0));
    siphash_word(&state, key_word(&server->addr, 8));
    siphash_word(&state, vlan | (uint64_t)generation << 32);
    return siphash_end(&state, server->port | (uint64_t)epoch << 16 | (uint64_t)half << 48, 31);
}

const struct siphash *cookie_key_make(struct cookie_key *made, const struct cookie_keys *keys,
                                      const struct server_key *server, uint32_t generation,
                                      uint32_t epoch)
{
    made->begun = siphash_begin_words(key_half(keys, server, generation, epoch, 0),
                                      key_half(keys, server, generation, epoch, 1));
    made->made_for = cookie_key_for(generation, epoch);
    return &made->begun;
}

/* The same for who has the key of a connection. */
static const struct siphash *key_of(struct cookie_kept *kept, const struct cookie_keys *keys,
                                    const struct flow_key *key, uint32_t generation, uint32_t epoch)
{
    const struct server_key server = flow_key_server(key);

    return cookie_key_of(kept, keys, &server, generation, epoch);
}

static inline uint32_t cookie_hash(const struct siphash *begun, const struct flow_key *key,
                                   uint32_t x)
{
    const uint64_t v6[2] = {key_word(&key->client, 0), key_word(&key->client, 8)};
    uint32_t v4;

    if (!addr_is_v4(&key->client))
        return cookie_hash_v6(begun, v6, key->client_port, x);
    memcpy(&v4, key->client.bytes + 12, sizeof(v4));
    return cookie_hash_v4(begun, v4, key->client_port, x);
}

/* The same for a SYN that is sent again (RFC 9293 3.8.1) in the same epoch. */
uint32_t cookie_make_kept(struct cookie_kept *kept, const struct cookie_keys *keys,
                          const struct flow_key *key, uint32_t x, uint32_t generation,
                          const struct cookie_options *options, uint64_t now_us)
{
    uint64_t epoch = now_us / COOKIE_EPOCH_US;
    uint32_t hash = cookie_hash(key_of(kept, keys, key, generation, (uint32_t)epoch), key, x);

    return cookie_of(hash, cookie_bits(mss_table(key), options), (uint32_t)epoch);
}

uint32_t cookie_make(const struct cookie_keys *keys, const struct flow_key *key, uint32_t x,
                     uint32_t generation, const struct cookie_options *options, uint64_t now_us)
{
    struct cookie_kept nothing = {0};

    return cookie_make_kept(&nothing, keys, key, x, generation, options, now_us);
}

uint32_t cookie_hash_kept(struct cookie_kept *kept, const struct cookie_keys *keys,
                          const struct flow_key *key, uint32_t x, uint32_t generation,
                          uint64_t epoch)
{
    return cookie_hash(key_of(kept, keys, key, generation, (uint32_t)epoch), key, x);
}

struct cookie_options cookie_read(const struct flow_key *key, uint32_t read)
{
    uint32_t bits = (read & OPTIONS_MASK) >> COOKIE_OPTIONS_SHIFT;

    return (struct cookie_options){
        .mss = mss_table(key)[bits & 3],
        .window_scale = (uint8_t)(bits >> 3),
        .sack = (bits & 4) != 0,
    };
}

bool cookie_check_kept(struct cookie_kept *kept, const struct cookie_keys *keys,
                       const struct flow_key *key, uint32_t x, uint32_t generation, uint32_t c,
                       uint64_t now_us, struct cookie_options *options)
{
    uint64_t epoch = cookie_epoch(c, now_us);
    uint32_t hash;

    if (epoch == COOKIE_EPOCH_NONE)
        return false;
    hash = cookie_hash_kept(kept, keys, key, x, generation, epoch);
    if (!cookie_fits(c, hash))
        return false;
    *options = cookie_read(key, c ^ hash);
    return true;
}

bool cookie_check(const struct cookie_keys *keys, const struct flow_key *key, uint32_t x,
                  uint32_t generation, uint32_t c, uint64_t now_us, struct cookie_options *options)
{
    struct cookie_kept nothing = {0};

    return cookie_check_kept(&nothing, keys, key, x, generation, c, now_us, options);
}

/* The clock never goes back: what it is steered by is less than what has passed. */
void cookie_share_steer(struct cookie_share *share, uint64_t ahead_us, uint64_t now_us)
{
    const int64_t most = (int64_t)((now_us - share->steered_us) / COOKIE_SLEW);
    int64_t by = (int64_t)(ahead_us - share->ahead_us);

    if (by > most)
        by = most;
    if (by < -most)
        by = -most;
    share->ahead_us += (uint64_t)by;
    share->steered_us = now_us;
}

uint32_t cookie_tsval(const struct cookie_keys *keys, const struct flow_key *key,
                      const struct cookie_options *options, uint64_t now_us)
{
    return (cookie_tuple_ms(keys, flow_key_words(key), now_us) & ~COOKIE_TS_BITS) |
           tsval_bits(mss_table(key), options);
}

uint32_t cookie_tsval_ceiling(const struct cookie_keys *keys, const struct flow_key *key,
                              uint64_t now_us)
{
    return (cookie_tuple_ms(keys, flow_key_words(key), now_us) | COOKIE_TS_BITS) + 1;
}

bool cookie_tsecr_is_ours(const struct cookie_keys *keys, const struct flow_key *key,
                          uint32_t tsecr, uint64_t age_us, uint64_t now_us)
{
    return (cookie_tuple_ms(keys, flow_key_words(key), now_us) | COOKIE_TS_BITS) - tsecr <=
           age_us / 1000 + COOKIE_TS_BITS;
}

void cookie_refine(const struct flow_key *key, uint32_t tsecr, struct cookie_options *options)
{
    const uint16_t *table = mss_table(key);

    /* Not one of ours: some stacks echo 0 or their own clock. What is in the cookie stands. */
    if (tsecr & TS_SPARE)
        return;
    options->ecn = (tsecr & COOKIE_TS_ECN) != 0;
    options->mss = finer_to_mss(table, cookie_mss_index(table, options->mss), tsecr & TS_FINER);
}
