/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_model.c - see dns_model.h. */
#include "profiles/model/dns_model.h"

static void count(struct dns_tally *tally, bool could, bool shows)
{
    if (!could)
        return;
    if (tally->of >= DNS_TALLY_MOST) {
        tally->of /= 2;
        tally->yes /= 2;
    }
    tally->of++;
    tally->yes += shows;
}

void dns_model_add(struct dns_model *model, const struct observed_query *query)
{
    const uint8_t *asked = query->asked, *answered = query->answered;

    count(&model->question_same, true, query->question_same);
    count(&model->rd_copied, asked[0] & DNS_RD, answered[0] & DNS_RD);
    count(&model->cd_copied, asked[1] & DNS_CD, answered[1] & DNS_CD);
    count(&model->ra_set, true, answered[1] & DNS_RA);
    count(&model->aa_set, true, answered[0] & DNS_AA);
    count(&model->edns, query->asked_edns, query->answered_edns);
    count(&model->do_copied, query->asked_dnssec_ok, query->answered_dnssec_ok);
    if (query->answered_edns)
        model->udp_bytes = query->udp_bytes;
}

bool dns_model_echo(const struct dns_model *model, struct dns_echo *echo)
{
    *echo = (struct dns_echo){
        .copied = {dns_fact(&model->rd_copied) ? DNS_RD : 0,
                   dns_fact(&model->cd_copied) ? DNS_CD : 0},
        .set = {dns_fact(&model->aa_set) ? DNS_AA : 0, dns_fact(&model->ra_set) ? DNS_RA : 0},
        .edns = dns_fact(&model->edns),
        .dnssec_ok = dns_fact(&model->do_copied),
        .udp_bytes = (uint16_t)model->udp_bytes,
    };
    return dns_fact(&model->question_same);
}
