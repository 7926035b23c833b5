/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy.c - servers are found, requests are checked by protocol and by pattern. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/server/policy.h"

#define UNKNOWN (1u << PROTOCOL_UNKNOWN)
#define HTTP    (1u << PROTOCOL_HTTP)
#define POP3    (1u << PROTOCOL_POP3)

static enum match check(const struct server_policy *server, const char *request)
{
    return policy_check_request(server, (const uint8_t *)request, strlen(request));
}

static enum match match_pattern(const struct pattern *pattern, const char *request)
{
    return pattern_check(pattern, (const uint8_t *)request, strlen(request));
}

static int by_key(const void *a, const void *b)
{
    return memcmp(&((const struct server_policy *)a)->key, &((const struct server_policy *)b)->key,
                  sizeof(struct server_key));
}

Test(policy, finds_every_server_and_no_other)
{
    const uint32_t sizes[] = {0, 1, 2, 3, 64, 65};

    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct policy *policy = calloc(1, policy_bytes(sizes[s]));

        policy->count = sizes[s];
        for (uint32_t i = 0; i < policy->count; i++)
            policy->servers[i].key =
                (struct server_key){.addr.bytes[15] = (uint8_t)(i * 7), .port = (uint16_t)(i + 1)};
        qsort(policy->servers, policy->count, sizeof(policy->servers[0]), by_key);
        for (uint32_t i = 0; i < policy->count; i++) {
            struct server_key key = policy->servers[i].key;

            cr_assert_eq(policy_find(policy, &key), &policy->servers[i]);
            key.vlan.id[0] = VLAN_PRESENT;
            cr_assert_null(policy_find(policy, &key));
        }
        free(policy);
    }
    cr_assert_null(policy_find(NULL, &(struct server_key){.port = 1}));
}

Test(policy, pattern)
{
    struct pattern pattern = {.least_bytes = 6, .pairs = 2, .pair = {{0, 'a'}, {3, 'b'}}};

    cr_assert_eq(match_pattern(&pattern, "a..b.."), MATCH_YES);
    cr_assert_eq(match_pattern(&pattern, "a..b......"), MATCH_YES);
    cr_assert_eq(match_pattern(&pattern, "a..b."), MATCH_MORE, "shorter than any seen");
    cr_assert_eq(match_pattern(&pattern, "a."), MATCH_MORE);
    cr_assert_eq(match_pattern(&pattern, ""), MATCH_MORE);
    cr_assert_eq(match_pattern(&pattern, "b"), MATCH_NO);
    cr_assert_eq(match_pattern(&pattern, "a..c"), MATCH_NO);
}

Test(policy, pattern_of_length_alone)
{
    struct pattern pattern = {.least_bytes = 3};

    cr_assert_eq(match_pattern(&pattern, "xy"), MATCH_MORE);
    cr_assert_eq(match_pattern(&pattern, "xyz"), MATCH_YES);
    pattern.least_bytes = 0;
    cr_assert_eq(match_pattern(&pattern, ""), MATCH_MORE, "nothing is no request");
}

Test(policy, request_by_protocol)
{
    struct server_policy *server = calloc(1, sizeof(*server));

    server->protocols = HTTP;
    cr_assert_eq(check(server, "GET / HTTP/1.1\r\n"), MATCH_YES);
    cr_assert_eq(check(server, "GET /"), MATCH_MORE);
    cr_assert_eq(check(server, "\023BitTorrent protocol"), MATCH_NO);
    cr_assert_eq(check(server, "USER me"), MATCH_MORE, "a method and the beginning of a target");
    server->protocols = HTTP | POP3;
    cr_assert_eq(check(server, "USER me\r\n"), MATCH_YES);
    server->protocols = 0;
    cr_assert_eq(check(server, "GET / HTTP/1.1\r\n"), MATCH_NO);
    free(server);
}

Test(policy, request_by_pattern)
{
    struct server_policy *server = calloc(1, sizeof(*server));

    server->protocols = UNKNOWN;
    server->pattern = (struct pattern){.least_bytes = 2, .pairs = 1, .pair = {{0, 'Q'}}};
    cr_assert_eq(check(server, "Quit"), MATCH_NO, "there is no pattern");
    server->has_pattern = true;
    cr_assert_eq(check(server, "Quit"), MATCH_YES);
    cr_assert_eq(check(server, "Q"), MATCH_MORE);
    cr_assert_eq(check(server, "GET / HTTP/1.1\r\n"), MATCH_NO);
    server->protocols = UNKNOWN | HTTP;
    cr_assert_eq(check(server, "GET / HTTP/1.1\r\n"), MATCH_YES);
    cr_assert_eq(check(server, "GET /"), MATCH_MORE);
    server->protocols = HTTP;
    cr_assert_eq(check(server, "Q\x01"), MATCH_NO, "the pattern is not accepted");
    free(server);
}

/* Who has said all would wait for ever: only the end of a line or of a message is waited for. */
Test(policy, unproved_pattern_waits_for_ends_only)
{
    struct server_policy *server = calloc(1, sizeof(*server));

    server->protocols = UNKNOWN;
    server->has_pattern = true;
    server->unknown = UNKNOWN_MINOR;
    server->pattern = (struct pattern){.least_bytes = 9};
    cr_assert_eq(check(server, "short"), MATCH_NO);
    server->unknown = UNKNOWN_PROBED;
    cr_assert_eq(check(server, "short"), MATCH_MORE);
    server->unknown = UNKNOWN_MINOR;
    server->pattern.line_bytes_max = 64;
    cr_assert_eq(check(server, "short"), MATCH_MORE);
    cr_assert_eq(check(server, "short\n"), MATCH_YES);
    free(server);
}

static void know(struct server_policy *server, enum keyword_kind kind, const char *name)
{
    keyword_filter_add(&server->keywords, kind, (const uint8_t *)name, strlen(name));
}

Test(policy, request_by_keyword)
{
    struct server_policy *server = calloc(1, sizeof(*server));

    server->protocols = HTTP | POP3;
    server->check_keywords = true;
    know(server, KEYWORD_HOST, "a.example");
    cr_assert_eq(check(server, "GET / HTTP/1.1\r\nHost: a.example\r\n"), MATCH_YES);
    cr_assert_eq(check(server, "GET / HTTP/1.1\r\nHost: a.exa"), MATCH_MORE);
    cr_assert_eq(check(server, "GET / HTTP/1.1\r\nHost: b.example\r\n"), MATCH_NO);
    cr_assert_eq(check(server, "GET / HTTP/1.0\r\n\r\n"), MATCH_NO, "none named");
    cr_assert_eq(check(server, "USER me\r\n"), MATCH_YES, "POP3 has no keywords");
    cr_assert_eq(check(server, "\023BitTorrent protocol"), MATCH_NO);
    know(server, KEYWORD_HOST, "");
    cr_assert_eq(check(server, "GET / HTTP/1.0\r\n\r\n"), MATCH_YES, "it was accepted so");
    server->check_keywords = false;
    cr_assert_eq(check(server, "GET / HTTP/1.1\r\nHost: b.example\r\n"), MATCH_YES);
    free(server);
}

Test(policy, tells_a_wrong_keyword_from_a_wrong_protocol)
{
    static const uint8_t other[] = "GET / HTTP/1.1\r\nHost: b\r\n", ssh[] = "SSH-2.0-x\r\n";
    struct server_policy *server = calloc(1, sizeof(*server));

    server->protocols = HTTP;
    server->check_keywords = true;
    cr_assert(policy_wrong_keyword(server, other, sizeof(other) - 1));
    cr_assert_not(policy_wrong_keyword(server, ssh, sizeof(ssh) - 1));
    server->check_keywords = false;
    cr_assert_not(policy_wrong_keyword(server, other, sizeof(other) - 1));
    free(server);
}
