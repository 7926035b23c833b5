/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fixture.c - see fixture.h. */
#include "tests/sim/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/inside.h"
#include "tests/sim/line.h"

/* RFC 5382's 2 h 4 min: a RST that was lost before it came to us */
#define EMPTY_AFTER_US (130ull * 60 * 1000 * 1000)

static enum capability granted(bool yes)
{
    return yes ? CAPABILITY_GRANTED : CAPABILITY_REFUSED;
}

static void add_variant(const struct tcp_settings *settings, struct synack_model *model,
                        uint8_t offered)
{
    struct synack_variant *variant = &model->variants[model->variants_count++];
    bool timestamps = (offered & OFFER_TIMESTAMPS) != 0 && settings->timestamps;
    variant->offered = offered;
    variant->window = tcp_first_window(settings, timestamps);
    variant->ecn = (offered & OFFER_ECN) != 0 && settings->ecn;
    variant->layout_bytes = tcp_synack_layout(
        settings->mss != 0, (offered & OFFER_SACK) != 0 && settings->sack, timestamps,
        (offered & OFFER_WSCALE) != 0 && settings->window_scale != WSCALE_NONE, variant->layout);
    variant->seen = 10;
}

void fixture_synack_model(const struct tcp_settings *settings, struct synack_model *model)
{
    *model =
        (struct synack_model){.mss_state = granted(settings->mss != 0),
                              .mss = settings->mss,
                              .window_scale_state = granted(settings->window_scale != WSCALE_NONE),
                              .window_scale = settings->window_scale,
                              .sack = granted(settings->sack),
                              .timestamps = granted(settings->timestamps),
                              .ecn = granted(settings->ecn),
                              .window = tcp_first_window(settings, true),
                              .ttl = settings->ttl,
                              .df = true,
                              .ip_id = IP_ID_ZERO};
    for (uint8_t bits = 0; bits < 8; bits++)
        add_variant(settings, model, (uint8_t)(OFFER_MSS | bits << 1));
    for (uint8_t bits = 0; bits < 8; bits++)
        add_variant(settings, model, (uint8_t)(OFFER_MSS | OFFER_ECN | bits << 1));
    model->window_scale = settings->window_scale == WSCALE_NONE ? 0 : settings->window_scale;
}

static struct server_policy armed(const char *addr, uint16_t port,
                                  const struct tcp_settings *settings)
{
    struct server_policy policy = {.armed = true};
    if (!addr_from_text(addr, &policy.key.addr))
        abort();
    policy.key.port = port;
    policy.now.generation = 1;
    fixture_synack_model(settings, &policy.now.synack);
    if (!addr_is_v4(&policy.key.addr))
        policy.now.synack.ip_id = IP_ID_NONE;
    return policy;
}

struct server_policy fixture_check(const char *addr, uint16_t port, enum protocol_id protocol,
                                   const struct tcp_settings *settings)
{
    static const uint8_t head[4] = {0xab, 0xcd, 0x01, 0x00};
    struct server_policy policy = armed(addr, port, settings);
    policy.opening = OPENING_CHECK;
    policy.protocols = 1ull << protocol;
    policy.has_pattern = protocol == PROTOCOL_UNKNOWN;
    policy.pattern.least_bytes = 8;
    policy.pattern.pairs = policy.has_pattern ? 4 : 0;
    for (uint8_t i = 0; i < policy.pattern.pairs; i++) {
        policy.pattern.pair[i].offset = i;
        policy.pattern.pair[i].byte = head[i];
    }
    return policy;
}

struct server_policy fixture_greet(const char *addr, uint16_t port, const char *greeting,
                                   const struct tcp_settings *settings)
{
    struct server_policy policy = armed(addr, port, settings);
    policy.opening = OPENING_GREET;
    policy.greeting_protocol = PROTOCOL_POP3;
    policy.protocols = 1ull << PROTOCOL_POP3;
    policy.now.greeting_bytes = (uint16_t)strlen(greeting);
    memcpy(policy.now.greeting, greeting, policy.now.greeting_bytes);
    return policy;
}

struct server_policy fixture_cookie(const char *addr, uint16_t port,
                                    const struct tcp_settings *settings)
{
    struct server_policy policy = armed(addr, port, settings);
    policy.opening = OPENING_COOKIE;
    policy.greeting_protocol = PROTOCOL_POP3;
    policy.protocols = 1ull << PROTOCOL_POP3;
    return policy;
}

static int by_key(const void *a, const void *b)
{
    return memcmp(&((const struct server_policy *)a)->key, &((const struct server_policy *)b)->key,
                  sizeof(struct server_key));
}

struct policy *fixture_policy(const struct server_policy *servers, uint32_t count)
{
    static _Thread_local uint64_t generation;
    struct policy *policy = calloc(1, policy_bytes(count));
    policy->generation = ++generation;
    policy->count = count;
    memcpy(policy->servers, servers, count * sizeof servers[0]);
    qsort(policy->servers, count, sizeof servers[0], by_key);
    return policy;
}

static struct tcp_settings for_family(const struct tcp_settings *settings, bool ipv4)
{
    struct tcp_settings own = *settings;
    if (!ipv4 && own.mss > 1440)
        own.mss = 1440;
    return own;
}

struct policy *fixture_all(const struct tcp_settings *settings)
{
    struct server_policy servers[8];
    for (uint32_t family = 0; family < 2; family++) {
        const char *addr = family == 0 ? SERVER_V4 : SERVER_V6;
        struct tcp_settings own = for_family(settings, family == 0);
        struct server_policy *at = servers + 4 * family;
        at[0] = fixture_check(addr, HTTP_PORT, PROTOCOL_HTTP, &own);
        at[1] = fixture_greet(addr, POP3_PORT, POP3_PROMISE, &own);
        at[2] = fixture_check(addr, BINARY_PORT, PROTOCOL_UNKNOWN, &own);
        at[3] = fixture_cookie(addr, COOKIE_PORT, &own);
        if (family == 1)
            at[3].early_grace_us = 20000;
    }
    return fixture_policy(servers, 8);
}

static void add_hosts(struct world *world, const struct tcp_settings *client,
                      const struct tcp_settings *server)
{
    static const uint16_t ports[] = {HTTP_PORT, POP3_PORT, BINARY_PORT, COOKIE_PORT};
    for (uint32_t family = 0; family < 2; family++) {
        struct tcp_settings own = for_family(client, family == 0);
        world->client[family] =
            host_add(world->wire, SIDE_CLIENT, family == 0 ? CLIENT_V4 : CLIENT_V6, &own);
        own = for_family(server, family == 0);
        world->server[family] =
            host_add(world->wire, SIDE_SERVER, family == 0 ? SERVER_V4 : SERVER_V6, &own);
        for (uint32_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
            host_listen(world->server[family], ports[i], &session_server_app);
    }
}

void world_open_at(struct world *world, uint64_t seed, struct middle *middle, uint64_t start_us,
                   const struct tcp_settings *client, const struct tcp_settings *server)
{
    *world = (struct world){0};
    world->wire = wire_new(seed, middle, start_us);
    world->wire->context = &world->stage;
    world->wire->after_step = stage_check;
    world->wire->on_enter = line_enter;
    world->wire->on_leave = line_leave;
    add_hosts(world, client, server);
}

void world_open(struct world *world, uint64_t seed, enum mode_setting setting,
                const struct tcp_settings *client, const struct tcp_settings *server)
{
    struct middle *middle = NULL;
    if (setting != SETTING_INHERIT) {
        middle = middle_new(NULL, WIRE_START_US);
        engine_set_setting(middle->engine, NULL, setting, WIRE_START_US);
        middle_adopt(middle, fixture_all(server), WIRE_START_US);
    }
    world_open_at(world, seed, middle, WIRE_START_US, client, server);
}

void world_close(struct world *world)
{
    wire_free(world->wire);
    stage_free(&world->stage);
}

struct session *world_session(struct world *world, bool ipv4, uint16_t client_port,
                              uint16_t server_port)
{
    return session_new(&world->stage, world->wire, world->client[ipv4 ? 0 : 1], client_port,
                       world->server[ipv4 ? 0 : 1], server_port);
}

bool world_run(struct world *world, uint64_t limit_us)
{
    uint64_t until_us = world->wire->now_us + limit_us;
    while (world->wire->now_us < until_us) {
        bool all = true;
        wire_run(world->wire, world->wire->now_us + 1000000);
        for (struct session *session = world->stage.sessions; session != NULL;
             session = session->next)
            all = all && session_ended(session);
        if (all)
            break;
    }
    bool all = true;
    for (struct session *session = world->stage.sessions; session != NULL;
         session = session->next) {
        session_check(session);
        all = all && session_ended(session);
    }
    return all;
}

const struct counters *world_counters(struct world *world)
{
    return middle_counters(world->wire->middle);
}

void world_expect_empty(struct world *world)
{
    wire_run(world->wire, world->wire->now_us + EMPTY_AFTER_US);
    inside_expect_empty(world->wire);
}

uint64_t fixture_seed(uint64_t otherwise)
{
    const char *text = getenv("SIM_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}
