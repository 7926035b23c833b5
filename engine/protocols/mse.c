/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mse.c - BitTorrent's encrypted handshake (message stream encryption, protocol encryption): the
 * client speaks first.
 *
 *      client  Ya(96)  padding(0 to 512)
 *      server  Yb(96)  padding(0 to 512)                                             both random
 *      client  hash(20)  hash(20)  cipher: zeros(8) offers(4) padding ...            nobody else
 *                                  can read this
 *
 * Ya is 2^a modulo the prime below. Nothing in it can be verified without a or the server's b; what
 * can be said is what it is not: a number that would give the secret away (0, 1, P-1), one beyond
 * P, bytes of a known protocol, or bytes that do not look random.
 *
 * Limits: once in 10,000 times Ya happens to begin as another protocol does (mostly Telnet's two
 * bytes), and its client is refused, as by a host that is busy; it comes again with another Ya. A
 * request of more than 608 bytes is refused, but one in pieces is taken by its first 96.
 */
#include "engine/protocols/hidden.h"

#include <string.h>

#define RANDOM_BYTES_LEAST 32   /* fewer could be anything within the bounds */
#define RANDOM_BYTES_MOST  2048 /* of more no more is learned */
#define WORDS_AT_ONCE      15   /* a field of four bits holds no more */

/* P - 1. */
static const uint8_t largest[MSE_KEY_BYTES] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x0f, 0xda, 0xa2, 0x21, 0x68, 0xc2, 0x34,
    0xc4, 0xc6, 0x62, 0x8b, 0x80, 0xdc, 0x1c, 0xd1, 0x29, 0x02, 0x4e, 0x08, 0x8a, 0x67, 0xcc, 0x74,
    0x02, 0x0b, 0xbe, 0xa6, 0x3b, 0x13, 0x9b, 0x22, 0x51, 0x4a, 0x08, 0x79, 0x8e, 0x34, 0x04, 0xdd,
    0xef, 0x95, 0x19, 0xb3, 0xcd, 0x3a, 0x43, 0x1b, 0x30, 0x2b, 0x0a, 0x6d, 0xf2, 0x5f, 0x14, 0x37,
    0x4f, 0xe1, 0x35, 0x6d, 0x6d, 0x51, 0xc2, 0x45, 0xe4, 0x85, 0xb5, 0x76, 0x62, 0x5e, 0x7e, 0xc6,
    0xf4, 0x4c, 0x42, 0xe9, 0xa6, 0x3a, 0x36, 0x21, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x05, 0x62,
};

static uint64_t word_at(const uint8_t *data, size_t at)
{
    uint64_t word;

    memcpy(&word, data + at * 8, 8);
    return word;
}

static unsigned sum_of_bytes(uint64_t word)
{
    return (unsigned)(word * 0x0101010101010101u >> 56);
}

/* How often each bit of a byte is set, in fields of four bits: bit 0 and bit 4, 1 and 5, 2 and 6, 3
 * and 7 of each byte. */
struct bit_sums {
    uint64_t field[4];
};

/* Three words: as one whose bits weigh one, and one whose bits weigh two, then in fields of two
 * bits. */
static inline void add_bits(struct bit_sums *sums, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t by_two = 0x5555555555555555u, by_four = 0x3333333333333333u;
    uint64_t ones = a ^ b ^ c, twos = (a & b) | ((a ^ b) & c);
    uint64_t evens = (ones & by_two) + 2 * (twos & by_two);
    uint64_t odds = (ones >> 1 & by_two) + (twos & ~by_two);

    sums->field[0] += evens & by_four;
    sums->field[1] += odds & by_four;
    sums->field[2] += evens >> 2 & by_four;
    sums->field[3] += odds >> 2 & by_four;
}

/* Adds what at most 15 words hold: some 150 instructions for 96 bytes. */
static inline void count_bits(const uint8_t *data, size_t words, unsigned counts[8])
{
    struct bit_sums sums = {{0}};

    for (; words >= 3; words -= 3, data += 24)
        add_bits(&sums, word_at(data, 0), word_at(data, 1), word_at(data, 2));
    if (words > 0)
        add_bits(&sums, word_at(data, 0), words > 1 ? word_at(data, 1) : 0, 0);
    for (unsigned bit = 0; bit < 4; bit++) {
        counts[bit] += sum_of_bytes(sums.field[bit] & 0x0f0f0f0f0f0f0f0fu);
        counts[bit + 4] += sum_of_bytes(sums.field[bit] >> 4 & 0x0f0f0f0f0f0f0f0fu);
    }
}

/* Text: the cheapest question, as one bit that is never set is enough. */
static bool is_7_bit(const uint8_t *data, size_t words)
{
    uint64_t any = 0;

    for (; words >= 4; words -= 4, data += 32)
        any |= word_at(data, 0) | word_at(data, 1) | word_at(data, 2) | word_at(data, 3);
    for (; words > 0; words--, data += 8)
        any |= word_at(data, 0);
    return (any & 0x8080808080808080u) == 0;
}

bool looks_random(const uint8_t *data, size_t bytes)
{
    size_t words = (bytes < RANDOM_BYTES_MOST ? bytes : RANDOM_BYTES_MOST) / 8;
    unsigned counts[8] = {0};

    if (bytes < RANDOM_BYTES_LEAST || is_7_bit(data, words))
        return false;
    for (size_t at = 0; at < words; at += WORDS_AT_ONCE)
        count_bits(data + at * 8, words - at < WORDS_AT_ONCE ? words - at : WORDS_AT_ONCE, counts);
    for (unsigned bit = 0; bit < 8; bit++) {
        /* Binomial: the deviation is half the root of n; 5.2 of them are missed 2 times in 10
         * million. */
        int twice_off = (int)(2 * counts[bit]) - (int)(words * 8);

        if (twice_off * twice_off > (int)(27 * words * 8))
            return false;
    }
    return true;
}

enum match mse_check_rest(uint64_t protocols, const uint8_t *request, size_t bytes)
{
    static const uint8_t one[MSE_KEY_BYTES] = {[MSE_KEY_BYTES - 1] = 1};
    size_t first = bytes < MSE_KEY_BYTES ? bytes : MSE_KEY_BYTES;
    enum protocol_id matched;

    if (bytes > MSE_KEY_BYTES + MSE_PADDING_BYTES)
        return MATCH_NO;
    /* The cheaper question first: text does not look random. */
    if (bytes >= MSE_KEY_BYTES &&
        (memcmp(request, one, MSE_KEY_BYTES) <= 0 || memcmp(request, largest, MSE_KEY_BYTES) >= 0 ||
         !looks_random(request, MSE_KEY_BYTES)))
        return MATCH_NO;
    if (protocols_check(protocols, request, first, &matched) == MATCH_YES)
        return MATCH_NO;
    return bytes < MSE_KEY_BYTES ? MATCH_MORE : MATCH_YES;
}

enum match mse_check(const uint8_t *request, size_t bytes)
{
    return mse_check_rest(~UINT64_C(0), request, bytes);
}
