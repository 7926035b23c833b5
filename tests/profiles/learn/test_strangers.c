/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_strangers.c - services that nobody here has heard of, as their real clients speak to them.
 *
 * Each has two or three kinds of clients (dialects), and every request has contents that no request
 * had before. synward learns from few of them and is then asked about others: no right client may
 * be turned away as wrong, and none whose request is whole may be kept waiting for more of it.
 * Dialects that nobody spoke while it learned may be slowed down, no more.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "profiles/compile.h"
#include "tests/profiles/observations.h"
#include "tests/profiles/support_strangers.h"

/* --- learning and asking --------------------------------------------------------------------- */

#define SEGMENT_BYTES 1400
#define ASKED         200
#define UNHEARD       100000 /* no request before has this number or a higher one */

static struct store *store;
static struct learner *learner;

/* In segments, the first of which may be shorter. */
static void client_sends(struct talk *talk, const struct words *request, size_t first)
{
    size_t at = 0, count = first && first < request->count ? first : SEGMENT_BYTES;

    for (; at < request->count; at += count, count = SEGMENT_BYTES) {
        count = count < request->count - at ? count : request->count - at;
        talk_data(talk, SIDE_CLIENT, (uint32_t)at, talk->server_bytes, request->bytes + at, count);
    }
    talk->acked_by_server = (uint32_t)request->count;
}

static void converse(const struct stranger *stranger, uint64_t id, unsigned dialect)
{
    struct words request = {0}, answer = {0}, greeting = {0};
    struct talk talk = talk_open(learner, id);

    stranger->say(dialect, (uint32_t)id, &request, &answer);
    if (stranger->greeting)
        server_says(&talk, stranger->greeting);
    if (stranger->greet) {
        stranger->greet((uint32_t)id, &greeting);
        talk_data(&talk, SIDE_SERVER, 0, 0, greeting.bytes, greeting.count);
        talk.server_bytes = (uint32_t)greeting.count;
    }
    client_sends(&talk, &request, stranger->first_write);
    talk_data(&talk, SIDE_SERVER, talk.server_bytes, talk.acked_by_server, answer.bytes,
              answer.count);
    talk_close(&talk);
}

/* As many connections, of the first `dialects` in turn. */
static struct policy *learned(const struct stranger *stranger, unsigned dialects, unsigned flows)
{
    struct policy *policy;

    store = store_new();
    learner = learner_new(store);
    for (uint64_t id = 1; id <= flows; id++)
        converse(stranger, id, (unsigned)(id % dialects));
    policy = policy_compile(store, NULL, 1);
    cr_assert_eq(policy->count, 1);
    learner_free(learner);
    store_free(store);
    return policy;
}

enum fate { SERVED, SLOWED, TURNED_AWAY, KEPT_WAITING, FATES };

static enum fate fate_of(const struct server_policy *server, const uint8_t *request, size_t bytes)
{
    enum protocol_id matched;

    switch (policy_match_request(server, request, bytes, &matched)) {
    case MATCH_YES:
        return SERVED;
    case MATCH_MORE:
        return KEPT_WAITING;
    case MATCH_NO:
        break;
    }
    switch (policy_refused_as(server, request, bytes)) {
    case REFUSED_WRONG:
        return TURNED_AWAY;
    case REFUSED_LIMITED: /* the limits of every server that is opened by cookie */
        return SERVED;
    case REFUSED_PROBE:
    case REFUSED_MINOR:
        break;
    }
    return SLOWED;
}

static bool is_checked(const struct server_policy *server)
{
    return server->opening == OPENING_CHECK || server->opening == OPENING_GREET;
}

/* As much of a request as its client writes first must not be refused: the rest follows. */
static bool begins_wrong(const struct stranger *stranger, const struct server_policy *server,
                         const struct words *request)
{
    const size_t first = stranger->first_write ? stranger->first_write : request->count / 2;

    return first > 0 && fate_of(server, request->bytes, first) == TURNED_AWAY;
}

static void ask(const struct stranger *stranger, const struct server_policy *server,
                unsigned dialect, unsigned fates[FATES])
{
    for (uint32_t n = UNHEARD; n < UNHEARD + ASKED; n++) {
        struct words request = {0}, answer = {0};

        stranger->say(dialect, n, &request, &answer);
        if (!is_checked(server))
            fates[SERVED]++;
        else if (begins_wrong(stranger, server, &request))
            fates[TURNED_AWAY]++;
        else
            fates[fate_of(server, request.bytes, request.count)]++;
    }
}

static void judge(const struct stranger *stranger, unsigned dialects, unsigned flows)
{
    struct policy *policy = learned(stranger, dialects, flows);
    const struct server_policy *server = &policy->servers[0];

    if (dialects == stranger->dialects)
        cr_expect_eq(is_checked(server), !stranger->unchecked, "%s is checked", stranger->name);
    for (unsigned dialect = 0; dialect < stranger->dialects; dialect++) {
        unsigned fates[FATES] = {0};

        ask(stranger, server, dialect, fates);
        cr_expect_eq(fates[TURNED_AWAY], 0, "%s, dialect %u of %u learned from %u: %u turned away",
                     stranger->name, dialect, dialects, flows, fates[TURNED_AWAY]);
        cr_expect_eq(fates[KEPT_WAITING], 0, "%s, dialect %u of %u learned from %u: %u wait",
                     stranger->name, dialect, dialects, flows, fates[KEPT_WAITING]);
        if (dialect < dialects)
            cr_expect_leq(fates[SLOWED], ASKED / 20,
                          "%s, dialect %u of %u learned from %u: %u slowed", stranger->name,
                          dialect, dialects, flows, fates[SLOWED]);
    }
    free(policy);
}

static void judge_all(bool one_dialect, unsigned flows)
{
    for (size_t i = 0; i < strangers_count; i++)
        judge(&strangers[i], one_dialect ? 1 : strangers[i].dialects, flows);
    for (size_t i = 0; i < odd_strangers_count; i++)
        judge(&odd_strangers[i], one_dialect ? 1 : odd_strangers[i].dialects, flows);
}

Test(strangers, learned_from_few_clients_of_one_kind_others_are_served_too)
{
    judge_all(true, 9);
}

Test(strangers, learned_from_few_clients_of_all_kinds)
{
    judge_all(false, 12);
}

Test(strangers, learned_from_many)
{
    judge_all(false, 600);
}
