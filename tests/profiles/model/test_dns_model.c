/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_dns_model.c - what may be said in the name of a server that is asked over UDP. */
#include <criterion/criterion.h>

#include "profiles/compile.h"
#include "profiles/model/profile.h"
#include "profiles/store/profile_json.h"

static const struct observed_query usual = {.asked = {DNS_RD, DNS_CD},
                                            .answered = {DNS_QR | DNS_RD, DNS_RA | DNS_CD},
                                            .question_same = true,
                                            .asked_edns = true,
                                            .answered_edns = true,
                                            .asked_dnssec_ok = true,
                                            .answered_dnssec_ok = true,
                                            .udp_bytes = 1232};

static struct profile profile;

static void setup(void)
{
    const uint8_t v4[4] = {192, 0, 2, 1};
    const struct server_key key = {.addr = addr_from_v4(v4), .port = 53},
                            udp = server_key_over(&key, true);

    profile_init(&profile, &udp);
}

TestSuite(dns_model, .init = setup);

Test(dns_model, what_most_answers_show_is_said)
{
    struct observed_query other = usual;
    struct dns_echo echo;

    cr_assert_not(dns_model_echo(&profile.dns, &echo), "nothing is known");
    for (int i = 0; i < 3; i++)
        dns_model_add(&profile.dns, &usual);
    other.answered[0] |= DNS_AA;
    other.answered[1] = 0;
    for (int i = 0; i < 2; i++)
        dns_model_add(&profile.dns, &other);
    cr_assert(dns_model_echo(&profile.dns, &echo));
    cr_assert_eq(echo.copied[0], DNS_RD);
    cr_assert_eq(echo.copied[1], DNS_CD);
    cr_assert_eq(echo.set[0], 0, "AA in two of five");
    cr_assert_eq(echo.set[1], DNS_RA);
    cr_assert(echo.edns && echo.dnssec_ok);
    cr_assert_eq(echo.udp_bytes, 1232);
}

Test(dns_model, what_it_does_now_outweighs_what_it_did)
{
    struct observed_query other = usual;
    struct dns_echo echo;

    for (int i = 0; i < 5000; i++)
        dns_model_add(&profile.dns, &usual);
    cr_assert_leq(profile.dns.ra_set.of, DNS_TALLY_MOST);
    other.answered[1] = 0;
    for (int i = 0; i < 1500; i++)
        dns_model_add(&profile.dns, &other);
    dns_model_echo(&profile.dns, &echo);
    cr_assert_eq(echo.set[1], 0);
}

Test(dns_model, server_that_says_another_question_is_never_armed)
{
    struct observed_query other = usual;
    char text[ENFORCED_TEXT_BYTES];

    other.question_same = false;
    for (int i = 0; i < 20; i++)
        profile_query(&profile, &other);
    cr_assert_not(profile_armed(&profile));
    cr_assert_str_eq(profile_enforced(&profile, text),
                     "nothing: its answers do not say what was asked");
    for (int i = 0; i < 30; i++)
        profile_query(&profile, &usual);
    cr_assert(profile_armed(&profile));
    cr_assert_str_eq(profile_enforced(&profile, text), "a query over TCP first");
}

Test(dns_model, profile_is_the_same_after_it_was_written_and_read)
{
    static struct profile again;
    struct json_object *json, *tcp = NULL;
    struct json_fault fault = {0};

    for (int i = 0; i < 9; i++)
        profile_query(&profile, &usual);
    json = profile_to_json(&profile);
    cr_assert_not(json_object_object_get_ex(json, "tcp", &tcp), "of TCP nothing is known");
    cr_assert(profile_from_json(json, &again, &fault));
    json_object_put(json);
    cr_assert(server_key_equal(&again.key, &profile.key));
    cr_assert_eq(memcmp(&again.dns, &profile.dns, sizeof(again.dns)), 0);
    cr_assert_eq(again.requests, 9);
    cr_assert(profile_armed(&again));
}
