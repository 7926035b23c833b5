/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dns_model.h - how a server answers DNS queries over UDP: from pairs of a query and its answer to
 * what may be said in its name (struct dns_echo).
 *
 * Each fact is a count of answers in which it showed, of those in which it could. Counts are halved
 * before they overflow, so that what a server does now outweighs what it did long ago. A fact holds
 * where it showed in more than half.
 */
#ifndef SYNWARD_PROFILES_MODEL_DNS_MODEL_H
#define SYNWARD_PROFILES_MODEL_DNS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/shard/observation.h"
#include "engine/udp/dns_message.h"

#define DNS_TALLY_MOST 1000u

struct dns_tally {
    uint32_t of, yes;
};

/* X(name, text): the facts, for struct, JSON and people. */
#define DNS_FACTS(X)                                                                               \
    X(question_same, "the question comes back to the byte")                                        \
    X(rd_copied, "RD is said as it was asked")                                                     \
    X(cd_copied, "CD is said as it was asked")                                                     \
    X(ra_set, "RA is said")                                                                        \
    X(aa_set, "AA is said")                                                                        \
    X(edns, "EDNS is answered with EDNS")                                                          \
    X(do_copied, "DO is said as it was asked")

struct dns_model {
#define DNS_FACT_FIELD(name, text) struct dns_tally name;
    DNS_FACTS(DNS_FACT_FIELD)
#undef DNS_FACT_FIELD
    uint32_t udp_bytes; /* that it says it takes; 0: not known */
};

void dns_model_add(struct dns_model *model, const struct observed_query *query);
static inline bool dns_fact(const struct dns_tally *tally)
{
    return tally->yes * 2 > tally->of;
}
/* False: it does not say a question as it was asked, so nothing can be said in its name. */
bool dns_model_echo(const struct dns_model *model, struct dns_echo *echo);

#endif
