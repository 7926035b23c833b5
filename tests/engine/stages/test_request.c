/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_request.c - who is judged for a request: the client, or whom a proxy names. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "engine/stages/request.h"
#include "tests/engine/support_engine.h"

static uint16_t port;

/* HTTP behind a load balancer at 198.51.100.0/24. */
static struct bench *behind_a_proxy(bool believed)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct source_rule rule = {.length = 24, .state = SOURCE_PROXY, .by = SOURCE_BY_OPERATOR};

    port = 1000;
    bench_policy(b, HTTP)->protocols |= UINT64_C(1) << PROTOCOL_PROXY;
    cr_assert(addr_from_text("198.51.100.0", &rule.prefix));
    cr_assert(!believed || engine_set_source(b->engine, &rule, b->now_us));
    return b;
}

static void forget_answers(struct bench *b)
{
    while (b->queued > 0)
        take(b, b->queue[0].to);
}

/* The balancer opens a connection for `client` and asks. True where the server is asked, too. */
static bool asks(struct bench *b, const char *client, const char *request)
{
    char name[32], said[256];
    uint32_t c;

    snprintf(name, sizeof(name), "198.51.100.7:%u", port++);
    snprintf(said, sizeof(said), "PROXY TCP4 %s 192.0.2.1 4711 80\r\n%s", client, request);
    b->client = name;
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = said);
    const bool opened = b->verdict.action == VERDICT_HOLD;
    forget_answers(b);
    b->client = CLIENT;
    return opened;
}

static enum source_state state_of(struct bench *b, const char *text)
{
    /* The balancer's, as test frames have it of its address. */
    static const uint8_t header[14] = {[6] = 2, 0, 198, 51, 100, 7};
    struct source_id id = {.link = source_link_of(header, (struct vlan_ids){{0}})};

    cr_assert(addr_from_text(text, &id.addr));
    return source_state(&b->engine->sources, &id, NULL, b->now_us);
}

Test(request_behind_a_proxy, whom_it_names_is_put_aside_and_nobody_else)
{
    struct bench *b = behind_a_proxy(true);

    for (int i = 0; i < SOURCE_MISMATCHES; i++)
        cr_assert_not(asks(b, "203.0.113.9", "USER a\r\n"));
    cr_assert_eq(state_of(b, "203.0.113.9"), SOURCE_ASIDE);
    cr_assert_eq(state_of(b, "198.51.100.7"), SOURCE_PROXY);
    cr_assert_not(asks(b, "203.0.113.9", REQUEST), "a right one, but it is put aside");
    cr_assert_eq(bench_counters(b)->drops[DROP_aside], 1);
    cr_assert(asks(b, "203.0.113.10", REQUEST), "its neighbour behind the same balancer");
    bench_end(b);
}

/* Without the operator's word the header is what the client says: whoever sends it is judged. */
Test(request_behind_a_proxy, a_header_is_not_believed_of_anybody)
{
    struct bench *b = behind_a_proxy(false);

    for (int i = 0; i < SOURCE_MISMATCHES; i++)
        cr_assert_not(asks(b, "203.0.113.9", "USER a\r\n"));
    cr_assert_eq(state_of(b, "203.0.113.9"), SOURCE_CLEAR, "a victim that somebody else names");
    cr_assert_eq(state_of(b, "198.51.100.7"), SOURCE_ASIDE);
    bench_end(b);
}

/* Openings without a check have a share for each source. */
Test(request_behind_a_proxy, openings_are_limited_for_whom_it_names)
{
    struct bench *b = behind_a_proxy(true);
    unsigned opened = 0;

    bench_policy(b, HTTP)->opening = OPENING_COOKIE_REQUEST;
    bench_policy(b, HTTP)->open_per_source_per_second = 3;
    for (int i = 0; i < 6; i++)
        opened += asks(b, "203.0.113.9", REQUEST);
    cr_assert_eq(opened, 3);
    cr_assert(asks(b, "203.0.113.10", REQUEST));
    bench_end(b);
}

/* A header alone, where the service greets behind it, is no request: as many as of bare ACKs. */
Test(request_behind_a_proxy, a_header_alone_is_opened_within_the_limits)
{
    struct bench *b = behind_a_proxy(true);
    unsigned opened = 0;

    bench_policy(b, HTTP)->protocols |= UINT64_C(1) << PROTOCOL_POP3;
    bench_policy(b, HTTP)->open_per_source_per_second = 3;
    for (int i = 0; i < 6; i++)
        opened += asks(b, "203.0.113.9", "");
    cr_assert_eq(opened, 3);
    cr_assert_eq(bench_counters(b)->requests_matched, 0);
    cr_assert(asks(b, "203.0.113.10", ""), "another client of the same balancer");
    cr_assert(asks(b, "203.0.113.9", REQUEST), "a request has no such limit");
    cr_assert_eq(bench_counters(b)->requests_matched, 1);
    bench_end(b);
}

/* --- ends that not all servers know ---------------------------------------------------------- */

/* How many of ten connections of one source are opened for this request, unanswered. */
static unsigned opened_for(const char *request)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    unsigned opened = 0;

    for (uint16_t i = 0; i < 10; i++) {
        uint32_t c;

        bench_client(b, i);
        c = get_cookie(b, OFFERS);
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = request);
        opened += b->verdict.action == VERDICT_HOLD;
        bench_forget(b);
        server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        bench_forget(b);
    }
    bench_end(b);
    return opened;
}

/* gunicorn waits for CR LF CR LF, nginx does not: who says it with less gets what a request has
 * that is not whole. */
Test(request, bare_line_feeds_are_the_end_for_few_at_once)
{
    static const char *const loose[] = {
        "GET / HTTP/1.1\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\nX: \r\n\r\n",
    };

    cr_assert_eq(opened_for("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 10);
    cr_assert_eq(opened_for("GET / HTTP/1.1\nHost: a\r\n\r\n"), 10);
    cr_assert_eq(opened_for("\n\nGET / HTTP/1.1\r\n\r\n"), 10);
    for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++)
        cr_assert_eq(opened_for(loose[i]), 4, "%s", loose[i]);
}
