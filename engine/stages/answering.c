/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answering.c - see answering.h. */
#include "engine/stages/answering.h"

#include "engine/shard/connection.h"
#include "engine/stages/syn.h"

_Static_assert(ANSWER_STEPS == RATE_BUCKETS && ANSWER_STEP_US == RATE_STEP_US,
               "the kernel counts as the triggers do");
_Static_assert(ANSWER_OFFERS == OFFER_SIGNED, "an offer is a place");

static uint32_t index_of(const struct answering *answering, const struct server *server)
{
    return (uint32_t)(server->record - answering->records);
}

static bool may_be_answered(const struct server *server)
{
    return server->used && server_answers_new(server) && !server->key.vlan.id[1] &&
           !server_key_is_udp(&server->key);
}

/* --- counts ---------------------------------------------------------------------------------- */

/* Of all cores, what is new in this step. `counts`: of the first core; `so_far`: up to now. */
static uint32_t take_new(const struct engine *engine, const uint32_t *counts, uint32_t place,
                         uint32_t *so_far)
{
    const size_t stride = sizeof(struct answer_counts) / sizeof(*counts);
    uint32_t sum = 0, fresh;

    for (uint32_t core = 0; core < engine->config.answers.cores; core++)
        sum += __atomic_load_n(&counts[core * stride + place], __ATOMIC_RELAXED);
    fresh = sum - so_far[place];
    so_far[place] = sum;
    return fresh;
}

static void count_step(struct engine *engine, struct answered *answered, uint64_t step)
{
    const struct answer_record *record = answered->server->record;
    const uint32_t place = step % ANSWER_STEPS;
    const uint32_t syns = take_new(engine, record->counts[0].syns, place, answered->syns);
    const uint32_t asked = take_new(engine, record->counts[0].asked, place, answered->asked);

    engine->counters.cookies_syn += syns;
    engine->counters.cookies_sent += syns;
    answered->server->figures.syns += syns;
    answered->server->figures.cookies_sent += syns;
    if (answered->server->mode == MODE_ATTACK)
        trigger_answered_for(&answered->server->counts, step, syns, asked);
}

static void count_rejected(struct engine *engine, struct answered *answered)
{
    const uint32_t fresh =
        take_new(engine, &answered->server->record->counts[0].rejected, 0, &answered->rejected);

    engine->counters.cookies_rejected += fresh;
    engine->counters.drops[DROP_bad_cookie] += fresh;
}

void answering_count(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct answering *answering = engine->answering;
    struct answered *answered = &answering->answered[index_of(answering, server)];
    const uint64_t now = rate_step(now_us);
    uint64_t step = now >= ANSWER_STEPS ? now - (ANSWER_STEPS - 1) : 0;

    /* And the one before that was counted last: who was in it may have been late. */
    if (answered->step && answered->step - 1 > step)
        step = answered->step - 1;
    for (; step <= now; step++)
        count_step(engine, answered, step);
    answered->step = now;
    count_rejected(engine, answered);
}

/* --- what is said ---------------------------------------------------------------------------- */

/* Who reads meanwhile will find another version. */
static void begin_writing(struct answer_record *record)
{
    __atomic_store_n(&record->version, record->version + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void end_writing(struct answer_record *record)
{
    __atomic_store_n(&record->version, record->version + 1, __ATOMIC_RELEASE);
}

static void write_said(const struct promise *promise, uint8_t offered, struct answer_said *said)
{
    struct segment segment = {.options_bytes = 0};
    struct synack_answer answer;

    synack_prepare(&promise->synack, offered, &answer);
    kept_answer_say(&answer, &segment);
    *said = (struct answer_said){.options_bytes = segment.options_bytes,
                                 .timestamps_at = answer.timestamps_at,
                                 .flags = segment.flags,
                                 .window = segment.window};
    /* The kernel sums them with what is behind them. */
    memcpy(said->options, answer.options, segment.options_bytes);
    if (answer.timestamps_at % 2 == 0)
        said->grants |= ANSWER_USABLE;
    if (answer.features.sack)
        said->grants |= ANSWER_SACK;
    if (answer.features.window_scale != WSCALE_NONE)
        said->grants |= ANSWER_WSCALE;
    if (answer.features.ecn)
        said->grants |= ANSWER_ECN;
}

static uint8_t ip_id_kind(const struct promise *promise)
{
    if (promise->synack.ip_id == IP_ID_INCREMENT)
        return ANSWER_IP_ID_INCREMENT;
    return promise->synack.ip_id == IP_ID_RANDOM ? ANSWER_IP_ID_RANDOM : ANSWER_IP_ID_ZERO;
}

static uint32_t epoch_of(const struct engine *engine, uint64_t now_us)
{
    return (uint32_t)(cookie_time(engine, now_us) / COOKIE_EPOCH_US);
}

/* Of this epoch, the next and the one before, which may be of before time began. */
static void write_keys(const struct engine *engine, struct answered *answered, uint64_t now_us)
{
    const uint32_t epoch = epoch_of(engine, now_us);
    struct answer_promise *promises = answered->server->record->promises;

    for (uint32_t i = 0; i < ANSWER_PROMISES; i++)
        for (uint32_t of = epoch - 1; promises[i].until_us && of != epoch + 2; of++)
            cookie_key_make(&promises[i].keys[of % ANSWER_KEYS], &engine->config.keys,
                            &answered->server->key, promises[i].generation, of);
    answered->server->record->ahead_us = engine->config.share.ahead_us;
    answered->epoch = epoch;
}

/* As prove() tries them (proof.c). A greeting that a client may have heard part of is the engine's
 * to judge. */
static void write_promises(const struct engine *engine, const struct server *server,
                           struct answer_record *record)
{
    const struct server_policy *policy = server->policy;
    const bool v4 = addr_is_v4(&server->key.addr);
    const struct promise *now = server_promise_now(engine, server, v4);
    const struct promise *other = &engine->default_promise[v4 ? 0 : 1];
    uint32_t greeting_bytes = now->greeting_bytes;

    memset(record->promises, 0, sizeof(record->promises));
    record->promises[0].generation = now->generation;
    record->promises[0].greeting_bytes = now->greeting_bytes;
    record->promises[0].until_us = UINT64_MAX;
    if (policy && policy->has_before) {
        record->promises[1].generation = policy->before.generation;
        record->promises[1].greeting_bytes = policy->before.greeting_bytes;
        record->promises[1].until_us = policy->before_until_us;
        greeting_bytes |= policy->before.greeting_bytes;
    }
    if (policy && server->unprofiled_us) {
        record->promises[2].generation = other->generation;
        record->promises[2].greeting_bytes = other->greeting_bytes;
        record->promises[2].until_us = server->unprofiled_us + COOKIE_LIFETIME_US;
        greeting_bytes |= other->greeting_bytes;
    }
    /* What another bridge made it cannot prove. */
    record->rejects = !greeting_bytes && !engine->config.share.on;
}

/* We are there, and cookies are made from here on. */
static void say_alive(struct server *server, uint64_t now_us)
{
    __atomic_store_n(&server->record->until_us, now_us + ANSWER_DEAD_US, __ATOMIC_RELAXED);
    __atomic_store_n(&server->record->spare, ANSWERING_SPARE, __ATOMIC_RELAXED);
    if (!server->policy)
        server->unprofiled_us = now_us ? now_us : 1;
}

static void write_record(const struct engine *engine, struct answered *answered, uint64_t now_us)
{
    const struct server *server = answered->server;
    struct answer_record *record = server->record;
    const struct promise *promise =
        server_promise_now(engine, server, addr_is_v4(&server->key.addr));

    begin_writing(record);
    write_promises(engine, server, record);
    record->ttl = promised_ttl(promise);
    record->df = promise->synack.df;
    record->ip_id_kind = ip_id_kind(promise);
    record->waits = opening_waits_for_ack(server);
    record->notes = !record->waits && server_opening(server) != OPENING_PASS;
    for (uint8_t offered = 0; offered < ANSWER_OFFERS; offered++)
        write_said(promise, offered, &record->said[offered]);
    write_keys(engine, answered, now_us);
    end_writing(record);
}

/* --- for whom -------------------------------------------------------------------------------- */

static void put_order(struct answering *answering, const struct server *server, bool add)
{
    const uint32_t index = index_of(answering, server);

    /* There is room, as each look gives a record one of both, but where nobody has taken them; what
     * is not removed has a serial that no longer counts. */
    if (answering->orders_count == ANSWER_ORDERS)
        return;
    answering->orders[answering->orders_count++] =
        (struct answer_order){.server = server->key,
                              .index = index,
                              .serial = answering->records[index].serial,
                              .add = add};
}

static void withdraw(struct engine *engine, struct answered *answered, uint64_t now_us)
{
    struct answering *answering = engine->answering;
    struct server *server = answered->server;

    put_order(answering, server, false);
    __atomic_store_n(&server->record->serial, 0, __ATOMIC_RELEASE);
    begin_writing(server->record);
    end_writing(server->record);
    answering_count(engine, server, now_us);
    server->ip_id = (uint16_t)server->record->ip_id;
    server->record = NULL;
    answered->server = NULL;
    answering->used--;
}

static void count_from_here(const struct engine *engine, struct answered *answered)
{
    const struct answer_record *record = answered->server->record;

    for (uint32_t place = 0; place < ANSWER_STEPS; place++) {
        take_new(engine, record->counts[0].syns, place, answered->syns);
        take_new(engine, record->counts[0].asked, place, answered->asked);
    }
    take_new(engine, &record->counts[0].rejected, 0, &answered->rejected);
}

static struct answered *free_place(struct answering *answering)
{
    for (uint32_t i = 0; i < ANSWER_RECORDS; i++)
        if (!answering->answered[i].server)
            return &answering->answered[i];
    return NULL;
}

static void begin_answering(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct answering *answering = engine->answering;
    struct answered *answered =
        answering->orders_count < ANSWER_ORDERS ? free_place(answering) : NULL;

    if (!answered)
        return;
    server->record = &answering->records[answered - answering->answered];
    answered->server = server;
    answered->step = rate_step(now_us);
    count_from_here(engine, answered);
    server->record->ip_id = server->ip_id;
    server->record->strays_us = 0;
    write_record(engine, answered, now_us);
    say_alive(server, now_us);
    answering->serial += answering->serial == UINT32_MAX ? 2 : 1; /* never 0 */
    __atomic_store_n(&server->record->serial, answering->serial, __ATOMIC_RELEASE);
    answering->used++;
    put_order(answering, server, true);
}

static void look_at(struct engine *engine, struct answered *answered, uint64_t now_us)
{
    struct server *server = answered->server;

    answering_count(engine, server, now_us);
    if (!may_be_answered(server)) {
        withdraw(engine, answered, now_us);
        return;
    }
    if (engine->answering->renew) {
        write_record(engine, answered, now_us);
    } else if (answered->epoch != epoch_of(engine, now_us) ||
               server->record->ahead_us != engine->config.share.ahead_us) {
        begin_writing(server->record);
        write_keys(engine, answered, now_us);
        end_writing(server->record);
    }
    say_alive(server, now_us);
    engine_check_triggers(engine, server, now_us);
}

/* Servers that went into attack mode; or whose doubt has ended, or for which there was no room. */
static void look_for_more(struct engine *engine, uint64_t now_us)
{
    struct server_table *servers = &engine->servers;

    for (uint32_t i = 0; i < servers->capacity; i++) {
        struct server *server = &servers->slots[i];

        if (server_slot_used(servers, i) && may_be_answered(server) && !server->record)
            begin_answering(engine, server, now_us);
    }
}

void answering_tick(struct engine *engine, uint64_t now_us)
{
    struct answering *answering = engine->answering;
    const struct server_table *servers = &engine->servers;
    const bool others = servers->attacked != answering->attacked ||
                        servers->attacks_begun != answering->attacks_begun;

    if (!others && !answering->renew && now_us < answering->next_us)
        return;
    for (uint32_t i = 0; answering->used > 0 && i < ANSWER_RECORDS; i++)
        if (answering->answered[i].server)
            look_at(engine, &answering->answered[i], now_us);
    if (servers->attacked > answering->used)
        look_for_more(engine, now_us);
    answering->renew = false;
    answering->attacked = servers->attacked;
    answering->attacks_begun = servers->attacks_begun;
    answering->next_us = servers->attacked ? now_us + ANSWERING_US : UINT64_MAX;
}

uint64_t answering_next(const struct answering *answering)
{
    return answering->used ? answering->next_us : UINT64_MAX;
}
