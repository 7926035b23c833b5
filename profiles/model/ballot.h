/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ballot.h - who says what about one server: a row for each prefix of clients that it has served.
 *
 *      prefix     an IPv4 /24 or an IPv6 /48, as a keyed hash: nobody can aim at rows, and no list
 *                 of clients is kept
 *      row        when the prefix was first and last served, and its latest vote on each fact
 *      senior     first served BALLOT_SENIOR_S ago or more; on a server younger than that, every
 *                 row
 *
 * What makes a server's protection looser (a form of request added, a profile disarmed) takes the
 * votes of BALLOT_LEAST senior rows, and of a tenth of them where that is more. One prefix has one
 * vote, however much it sends, and a new one has none for a day.
 *
 * There are BALLOT_ROWS rows. When they are full only those prefixes are kept whose hash begins
 * with one zero bit more, so that rows stay a fair sample: a tenth of the rows is a tenth of the
 * prefixes. A wide network (IPv4 /16, IPv6 /32) has at most BALLOT_WIDE_V4 or BALLOT_WIDE_V6 rows:
 * it costs an attacker no more to own all of it than a part. A row that was not served for
 * BALLOT_KEPT_S is forgotten.
 *
 *      hash   |-- 40 bits: of the prefix --|-- 24 bits: of the wide network --|
 *
 * Times are seconds since 1970. All is pure: time and key are passed in.
 */
#ifndef SYNWARD_PROFILES_MODEL_BALLOT_H
#define SYNWARD_PROFILES_MODEL_BALLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"

#define BALLOT_ROWS      256
#define BALLOT_LEAST     3u
#define BALLOT_SHARE     10u /* one in so many seniors */
#define BALLOT_MINOR     2u  /* seniors that make a form known, though not accepted */
#define BALLOT_WIDE_V4   8u
#define BALLOT_WIDE_V6   4u
#define BALLOT_SENIOR_S  (24u * 3600)
#define BALLOT_KEPT_S    (30u * 24 * 3600)
#define BALLOT_KEY_BYTES 16
#define BALLOT_ZEROS_MAX 40 /* bits of the hash that are the prefix's own */

/* The facts that a prefix votes on. Bits 0 to 47: a request of this protocol was accepted. */
#define VOTE_FORM(protocol) (UINT64_C(1) << (protocol))
#define VOTE_FORMS          ((UINT64_C(1) << 48) - 1)
#define VOTE_HIDDEN(form)   ((uint64_t)(form) << 48) /* enum hidden_form: 8 bits */
#define VOTE_SYNACK_EQUAL   (UINT64_C(1) << 56)
#define VOTE_SYNACK_UNEQUAL (UINT64_C(1) << 57)
#define VOTE_WORDS_EQUAL    (UINT64_C(1) << 58) /* the greeting */
#define VOTE_WORDS_UNEQUAL  (UINT64_C(1) << 59)
#define VOTE_REFUSED        (UINT64_C(1) << 60) /* of few, who insist (loosening.h); in no row */
#define VOTE_LOWER          (UINT64_C(1) << 62) /* its SYN-ACKs have a lower MSS */
#define VOTE_WIDER          (UINT64_C(1) << 61) /* an accepted request did not fit the pattern */

struct ballot_row {
    uint64_t prefix;
    uint32_t first_s, last_s;
    uint64_t votes;
};
_Static_assert(sizeof(struct ballot_row) == 24, "256 rows take 6 KiB of each profile");

struct ballot {
    uint16_t count;
    uint8_t zeros; /* leading zero bits that a hash needs to have a row */
    struct ballot_row rows[BALLOT_ROWS];
};

/* The clock of one server: `since_s` when it was first seen. */
struct ballot_time {
    uint32_t now_s, since_s;
};

struct ballot_count {
    uint16_t rows, seniors;
    uint16_t rows_for, seniors_for; /* that have all of the votes asked for */
};

/* Rows beyond `count` are never read. */
void ballot_init(struct ballot *ballot);
uint64_t ballot_prefix(const uint8_t key[BALLOT_KEY_BYTES], const struct ip_addr *client);

/*
 * The row of a prefix that the server has just served, made where there is room. NULL: it is not in
 * the sample, or its wide network has its share.
 */
struct ballot_row *ballot_serve(struct ballot *ballot, uint64_t prefix, uint32_t now_s);
/* The row of a prefix that was served before, or NULL. */
struct ballot_row *ballot_find(struct ballot *ballot, uint64_t prefix);
/* Takes these votes back, of all rows. */
void ballot_clear(struct ballot *ballot, uint64_t votes);

struct ballot_count ballot_count(const struct ballot *ballot, uint64_t votes,
                                 const struct ballot_time *time);
/* How many seniors it takes to loosen. */
uint32_t ballot_needed(const struct ballot_count *count);
/*
 * True where enough seniors say so. With fewer than BALLOT_LEAST rows there are too few to ask:
 * then all of them must, and the caller has to ask for more than votes (loosening.h).
 */
bool ballot_carries(const struct ballot_count *count);
/* True where so few prefixes are known that votes alone say little. */
static inline bool ballot_few(const struct ballot_count *count)
{
    return count->rows < BALLOT_LEAST;
}

/* True where the prefix of this row may vote on what makes protection looser. */
bool ballot_senior(const struct ballot_row *row, const struct ballot_time *time);

/* Forms (VOTE_FORMS and hidden ones) that BALLOT_MINOR seniors or more have had accepted. */
uint64_t ballot_minor(const struct ballot *ballot, const struct ballot_time *time);

#endif
