/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_fields.c - how a server answers queries over UDP, in JSON: `dns` of a profile. */
#include "profiles/store/profile_fields.h"

/* Of each fact the answers in which it could show, and those in which it did. */
#define FACT_ROWS(fact, text)                                                                      \
    static const struct field fact##_fields[] = {                                                  \
        {FIELD_UINT("of", struct profile, dns.fact.of, DNS_TALLY_MOST)},                           \
        {FIELD_UINT("yes", struct profile, dns.fact.yes, DNS_TALLY_MOST)},                         \
        {0},                                                                                       \
    };
DNS_FACTS(FACT_ROWS)
#undef FACT_ROWS

const struct field dns_fields[] = {
#define FACT_ROW(fact, text) {FIELD_OBJECT(#fact, fact##_fields)},
    DNS_FACTS(FACT_ROW)
#undef FACT_ROW
        {FIELD_UINT("udp_bytes", struct profile, dns.udp_bytes, UINT16_MAX)},
    {0},
};
