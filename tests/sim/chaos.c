/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chaos.c - see chaos.h.
 *
 * It is longer than most: one random world, its clients, servers and links, and what is judged
 * after each step.
 */
#include "tests/sim/chaos.h"

#include <stdlib.h>
#include <string.h>

#include "engine/stages/telling.h"
#include "engine/tcp/cookie.h"
#include "tests/sim/fixture.h"
#include "tests/sim/forms.h"
#include "tests/sim/inside.h"
#include "tests/sim/parts.h"

#define SESSIONS       8
#define SESSIONS_MAX   (2 * SESSIONS + 1)
#define LIMIT_US       (6000ull * 1000 * 1000)
#define SECOND_US      1000000ull
#define FEW_FLOWS      32
#define COOKIE_SAFE_US (200ull * SECOND_US) /* every cookie still lives after this */
#define BURST_MAX      40
#define BURSTS         20
#define COPIES         200
#define OTHER_GREETING "+OK howdy\r\n" /* as long as POP3_PROMISE */

_Static_assert(sizeof OTHER_GREETING == sizeof POP3_PROMISE,
               "a session's greeting is changed in place");

/* What the policy says of all servers; a promise is made of it. */
struct knowledge {
    struct tcp_settings settings;
    const char *greeting; /* NULL: nothing is said in the servers' name */
};

/* From a moment on sessions may fail that they would not fail else, whenever they begin; ended by
 * period_end(). */
typedef bool concerns(const struct session *session);
struct period {
    concerns *whom; /* NULL: it does not last */
    uint64_t since_us;
};

struct chaos_world {
    struct world world;
    struct rng rng;
    uint32_t recipe;
    enum mode_setting setting;
    struct packet_tag tags[2];
    struct tcp_settings truth; /* the servers' */
    const char *greeting;      /* the servers' */
    struct knowledge known, known_before;
    const char *learned_greeting; /* the newest; promised as soon as a promise may be made */
    bool disarmed, forgotten, has_before;
    struct period no_timestamps, wrong_greeting, refusing, dead;
    uint64_t before_until_us;
    struct forms forms;
    uint32_t generation, switches_left, drifts_left, blinds_left, bursts_left, copies_left;
    struct session *sessions[SESSIONS_MAX]; /* in the order of their making */
    uint32_t count;
};

static bool has(const struct chaos_world *chaos, enum chaos what)
{
    return (chaos->recipe & what) != 0;
}

static uint64_t now_of(const struct chaos_world *chaos)
{
    return chaos->world.wire->now_us;
}

static void later(struct chaos_world *chaos, uint32_t within_us, wire_call *call)
{
    wire_at(chaos->world.wire, now_of(chaos) + rng_below(&chaos->rng, within_us), call, chaos);
}

/* --- hosts and links ------------------------------------------------------------------------- */

static struct tcp_settings random_settings(struct chaos_world *chaos)
{
    static const uint16_t sizes[] = {1460, 1460, 1460, 1380, 1300, 536, 216 + 12};
    struct rng *rng = &chaos->rng;
    struct tcp_settings settings = tcp_settings_default(true);
    settings.mss = sizes[rng_below(rng, sizeof sizes / sizeof sizes[0])];
    settings.window_scale = (uint8_t)(rng_chance(rng, 250000) ? WSCALE_NONE : rng_below(rng, 11));
    settings.sack = rng_chance(rng, 750000);
    settings.timestamps = rng_chance(rng, 700000);
    settings.ecn = rng_chance(rng, 200000);
    settings.offload = rng_chance(rng, 400000);
    settings.delayed_ack = rng_chance(rng, 700000);
    settings.nagle = rng_chance(rng, 300000);
    settings.data_on_ack = rng_chance(rng, 300000);
    settings.window_bytes = rng_chance(rng, 300000) ? 20000 + rng_below(rng, 40000) : 256 * 1024;
    if (rng_chance(rng, 200000))
        settings.keepalive_us = has(chaos, CHAOS_SLOW) ? 45 * SECOND_US : 2 * SECOND_US;
    settings.keepalive_byte = rng_chance(rng, 300000);
    return settings;
}

static struct link random_link(struct chaos_world *chaos)
{
    struct rng *rng = &chaos->rng;
    struct link link = {.latency_us = 50 + rng_below(rng, 40000)};
    if (has(chaos, CHAOS_ROUGH)) {
        link.loss = rng_below(rng, 40000);
        link.duplicates = rng_below(rng, 20000);
        link.reorders = rng_below(rng, 30000);
        link.corrupts = rng_below(rng, 5000);
    }
    return link;
}

static void random_tags(struct chaos_world *chaos)
{
    uint32_t kind = rng_below(&chaos->rng, 4);
    if (kind >= 2)
        chaos->tags[0] = (struct packet_tag){kind == 3 ? 0x88a8 : 0x8100,
                                             (uint16_t)(1 + rng_below(&chaos->rng, 4000))};
    if (kind == 3)
        chaos->tags[1] = (struct packet_tag){0x8100, (uint16_t)(1 + rng_below(&chaos->rng, 4000))};
}

/* Most worlds begin a few seconds before an epoch ends, or at 1 s. */
static uint64_t random_start(struct chaos_world *chaos)
{
    uint32_t epochs = 1 + rng_below(&chaos->rng, 100000);
    if (rng_chance(&chaos->rng, 400000))
        return WIRE_START_US;
    return epochs * COOKIE_EPOCH_US - rng_below(&chaos->rng, 8000000);
}

static void tight_pools(struct engine_config *config)
{
    config->openings_max = 1;
    config->slots_max = 2;
    config->greeted_max = 256;
}

static void few_flows(struct engine_config *config)
{
    config->flows_max = FEW_FLOWS;
    config->greeted_max = 256;
    config->sources_max = 64;
}

static void small_tables(struct engine_config *config)
{
    config->flows_max = 256;
    config->greeted_max = 256;
    config->sources_max = 64;
}

/* A flood in normal mode fills any table, and closing entries make room for it (rule 5.7): none
 * of ours may. */
static void roomy_tables(struct engine_config *config)
{
    small_tables(config);
    config->flows_max = 4096;
}

/* --- what the policy says -------------------------------------------------------------------- */

static void fill_promise(struct promise *promise, const struct knowledge *known,
                         uint32_t generation, bool greets, const struct server_policy *by)
{
    struct tcp_settings own = known->settings;
    if (!addr_is_v4(&by->key.addr) && own.mss > 1440)
        own.mss = 1440;
    memset(promise, 0, sizeof *promise);
    promise->generation = generation;
    fixture_synack_model(&own, &promise->synack);
    promise->synack.ip_id = by->now.synack.ip_id;
    if (!greets || known->greeting == NULL)
        return;
    promise->greeting_bytes = (uint16_t)strlen(known->greeting);
    memcpy(promise->greeting, known->greeting, promise->greeting_bytes);
}

/* As profiles/promises.h has it: a promise that has to wait is honoured, but its greeting is not
 * said any more. */
static enum opening_kind opening_now(const struct chaos_world *chaos, enum opening_kind opening)
{
    if (opening == OPENING_GREET)
        return chaos->disarmed || chaos->known.greeting != chaos->learned_greeting ? OPENING_COOKIE
                                                                                   : opening;
    return chaos->disarmed && opening == OPENING_CHECK ? OPENING_COOKIE_REQUEST : opening;
}

static void adopt(struct chaos_world *chaos)
{
    struct middle *middle = chaos->world.wire->middle;
    struct packet tags;
    struct policy *policy = fixture_all(&chaos->known.settings);
    memcpy(tags.tags, chaos->tags, sizeof tags.tags);
    for (uint32_t i = 0; i < policy->count; i++) {
        struct server_policy *server = &policy->servers[i];
        bool greets = server->opening == OPENING_GREET;
        server->key.vlan = packet_vlan(&tags);
        fill_promise(&server->now, &chaos->known, chaos->generation, greets, server);
        server->has_before = chaos->has_before;
        server->before_until_us = chaos->before_until_us;
        fill_promise(&server->before, &chaos->known_before, chaos->generation - 1, greets, server);
        server->opening = opening_now(chaos, server->opening);
        if (has(chaos, CHAOS_FORMS))
            forms_teach(&chaos->forms, server);
    }
    if (chaos->forgotten)
        policy->count = 0;
    middle_adopt(middle, policy, now_of(chaos));
}

/* --- whom what happens may end --------------------------------------------------------------- */

static bool ended(const struct session *session)
{
    return session->client != NULL && session_ended(session);
}

/* True where its server has accepted it, and the client has heard or said what proves that no
 * greeting is compared any more. */
static bool joined(const struct session *session)
{
    const struct conn *server = session->server;
    bool greeted =
        session->greeting_bytes == 0 || (session->client->in.bytes >= session->greeting_bytes &&
                                         server != NULL && server->in.bytes > 0);
    return server != NULL && server->state != TCP_CLOSED && greeted;
}

static bool all(const struct session *session)
{
    return session != NULL;
}

static bool greeted(const struct session *session)
{
    return session->greeting_bytes > 0;
}

static bool with_timestamps(const struct session *session)
{
    return session->client_host->settings.timestamps;
}

/* Those under way that no server has accepted yet; `joined_too`: the others as well. */
static void excuse(struct chaos_world *chaos, concerns *whom, bool joined_too)
{
    for (uint32_t i = 0; i < chaos->count; i++) {
        struct session *session = chaos->sessions[i];
        if (session->client != NULL && !ended(session) && (joined_too || !joined(session)) &&
            whom(session))
            session->excused = true;
    }
}

static void period_begin(struct chaos_world *chaos, struct period *period, concerns *whom)
{
    excuse(chaos, whom, false);
    if (period->whom == NULL)
        *period = (struct period){whom, now_of(chaos)};
}

/* Who began meanwhile has met it, or may still. */
static void period_end(struct chaos_world *chaos, struct period *period)
{
    for (uint32_t i = 0; period->whom != NULL && i < chaos->count; i++) {
        struct session *session = chaos->sessions[i];
        if (session->client != NULL && session->began_us >= period->since_us &&
            period->whom(session))
            session->excused = true;
    }
    period->whom = NULL;
}

static void end_all_periods(struct chaos_world *chaos)
{
    period_end(chaos, &chaos->no_timestamps);
    period_end(chaos, &chaos->wrong_greeting);
    period_end(chaos, &chaos->refusing);
    period_end(chaos, &chaos->dead);
}

/* --- drift ----------------------------------------------------------------------------------- */

static bool same_settings(const struct tcp_settings *a, const struct tcp_settings *b)
{
    return a->mss == b->mss && a->window_scale == b->window_scale && a->sack == b->sack &&
           a->timestamps == b->timestamps && a->ecn == b->ecn;
}

/* The learner has caught up; a promise is changed no more than once in a cookie's life (rule 3).
 */
static void learn(void *context)
{
    struct chaos_world *chaos = context;
    uint64_t now_us = now_of(chaos);
    const char *greeting = chaos->disarmed ? NULL : chaos->greeting;
    bool same =
        same_settings(&chaos->known.settings, &chaos->truth) && chaos->known.greeting == greeting;
    chaos->learned_greeting = chaos->greeting;
    if (!same && !(chaos->has_before && now_us < chaos->before_until_us)) {
        chaos->known_before = chaos->known;
        chaos->has_before = true;
        chaos->before_until_us = now_us + COOKIE_LIFETIME_US;
        chaos->known = (struct knowledge){chaos->truth, greeting};
        chaos->generation++;
    }
    if (!chaos->known.settings.timestamps || chaos->truth.timestamps)
        period_end(chaos, &chaos->no_timestamps);
    period_end(chaos, &chaos->wrong_greeting);
    adopt(chaos);
}

static void learn_at_once_or_later(struct chaos_world *chaos)
{
    if (rng_chance(&chaos->rng, 500000))
        learn(chaos);
    else
        later(chaos, 5000000, learn);
}

static void servers_change_settings(struct chaos_world *chaos)
{
    struct tcp_settings fresh = random_settings(chaos);
    struct tcp_settings *truth = &chaos->truth;
    bool promised = chaos->known.settings.timestamps || chaos->known_before.settings.timestamps;
    if (promised && !fresh.timestamps) /* rule 5.3: who has them is reset */
        period_begin(chaos, &chaos->no_timestamps, with_timestamps);
    truth->mss = fresh.mss;
    truth->window_scale = fresh.window_scale;
    truth->sack = fresh.sack;
    truth->timestamps = fresh.timestamps;
    truth->ecn = fresh.ecn;
    for (int family = 0; family < 2; family++) {
        struct tcp_settings *own = &chaos->world.server[family]->settings;
        own->mss = family == 1 && truth->mss > 1440 ? 1440 : truth->mss;
        own->window_scale = truth->window_scale;
        own->sack = truth->sack;
        own->timestamps = truth->timestamps;
        own->ecn = truth->ecn;
    }
}

/* Greeted as the servers used to, and reset. */
static void servers_change_greeting(struct chaos_world *chaos)
{
    chaos->greeting =
        chaos->world.stage.greetings[chaos->greeting == chaos->world.stage.greetings[0]];
    chaos->world.stage.greeting = chaos->greeting;
    period_begin(chaos, &chaos->wrong_greeting, greeted);
}

/* The promise that a cookie was made of is gone: who holds one is a stranger. Cookies made
 * meanwhile outlive its return. */
static void profile_forgotten_or_back(struct chaos_world *chaos)
{
    chaos->forgotten = !chaos->forgotten;
    if (chaos->forgotten)
        excuse(chaos, all, false);
    adopt(chaos);
}

static void drift(void *context)
{
    struct chaos_world *chaos = context;
    switch (rng_below(&chaos->rng, 5)) {
    case 0:
    case 1:
        servers_change_settings(chaos);
        learn_at_once_or_later(chaos);
        break;
    case 2:
        servers_change_greeting(chaos);
        learn_at_once_or_later(chaos);
        break;
    case 3:
        chaos->disarmed = !chaos->disarmed;
        learn(chaos);
        break;
    case 4:
        profile_forgotten_or_back(chaos);
        break;
    }
    if (chaos->drifts_left-- > 0)
        later(chaos, 1000000, drift);
}

/* --- what happens meanwhile ------------------------------------------------------------------ */

static void switch_mode(void *context)
{
    struct chaos_world *chaos = context;
    enum mode_setting setting = rng_chance(&chaos->rng, 500000) ? SETTING_ATTACK : SETTING_NORMAL;
    engine_set_setting(chaos->world.wire->middle->engine, NULL, setting, now_of(chaos));
    if (chaos->switches_left-- > 0)
        later(chaos, 600000, switch_mode);
}

static void servers_accept(void *context)
{
    struct chaos_world *chaos = context;
    for (int family = 0; family < 2; family++)
        chaos->world.server[family]->refuses = chaos->world.server[family]->dead = false;
    period_end(chaos, &chaos->refusing);
    period_end(chaos, &chaos->dead);
}

static void servers_refuse(void *context)
{
    struct chaos_world *chaos = context;
    period_begin(chaos, &chaos->refusing, all);
    for (int family = 0; family < 2; family++)
        chaos->world.server[family]->refuses = true;
    later(chaos, 3000000, servers_accept);
}

/* All connections are forgotten without a word. */
static void servers_crash(void *context)
{
    struct chaos_world *chaos = context;
    excuse(chaos, all, true);
    period_begin(chaos, &chaos->dead, all);
    for (int family = 0; family < 2; family++)
        host_crash(chaos->world.server[family]);
    later(chaos, 60000000, servers_accept);
}

static void links_mended(void *context)
{
    struct chaos_world *chaos = context;
    for (int side = 0; side < 2; side++) {
        chaos->world.wire->in[side].loss %= 1000000;
        chaos->world.wire->out[side].loss %= 1000000;
    }
}

static void link_cut(void *context)
{
    struct chaos_world *chaos = context;
    enum side side = (enum side)rng_below(&chaos->rng, 2);
    struct link *link = rng_chance(&chaos->rng, 500000) ? &chaos->world.wire->in[side]
                                                        : &chaos->world.wire->out[side];
    link->loss += 1000000;
    later(chaos, 4000000, links_mended);
}

static bool all_over(const struct chaos_world *chaos)
{
    for (uint32_t i = 0; i < chaos->count; i++) {
        const struct session *session = chaos->sessions[i];
        const struct conn *client = session->client, *server = session->server;
        if (client == NULL || server == NULL || server->state != TCP_CLOSED ||
            (client->state != TCP_CLOSED && client->state != TCP_TIME_WAIT))
            return false;
    }
    return true;
}

/* So many other connections, older than the engine, say a word and are reset that none of ours is
 * remembered. */
static void forget_the_closed(void *context)
{
    struct chaos_world *chaos = context;
    const struct host *client = chaos->world.client[0], *server = chaos->world.server[0];
    struct packet packet = {.ttl = 61, .df = true, .window = 1000, .seq = 1000, .ack = 2000};
    if (!all_over(chaos)) {
        later(chaos, 200000, forget_the_closed);
        return;
    }
    if (inside_tags_lost(chaos->world.wire) > 0) /* rule 5.8's stated limit */
        return;
    memcpy(packet.from_mac, server->mac, 6);
    memcpy(packet.to_mac, client->mac, 6);
    memcpy(packet.tags, chaos->tags, sizeof packet.tags);
    packet.src = server->addr;
    packet.dst = client->addr;
    packet.src_port = 5555;
    for (uint16_t i = 0; i < 2 * FEW_FLOWS; i++) {
        packet.dst_port = (uint16_t)(1024 + i);
        packet.flags = TCP_ACK;
        wire_send(chaos->world.wire, SIDE_SERVER, &packet);
        packet.flags = TCP_RST;
        wire_send(chaos->world.wire, SIDE_SERVER, &packet);
    }
}

/* A segment that its server never takes for the client's: off by a quarter of the number space and
 * more. */
static void blind(void *context)
{
    static const uint8_t kinds[] = {TCP_RST,           TCP_RST | TCP_ACK, TCP_SYN,          TCP_ACK,
                                    TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN, TCP_SYN | TCP_ACK};
    struct chaos_world *chaos = context;
    const struct session *session = chaos->sessions[rng_below(&chaos->rng, chaos->count)];
    struct packet packet = {.ttl = 61, .df = true, .window = 1000};
    if (session->client != NULL) {
        const struct host *client = session->client_host, *server = session->server_host;
        memcpy(packet.from_mac, client->mac, 6);
        memcpy(packet.to_mac, server->mac, 6);
        memcpy(packet.tags, chaos->tags, sizeof packet.tags);
        packet.src = client->addr;
        packet.dst = server->addr;
        packet.src_port = session->client_port;
        packet.dst_port = session->server_port;
        packet.flags = kinds[rng_below(&chaos->rng, sizeof kinds)];
        packet.seq = session->client->snd_max + (1u << 30) + rng_below(&chaos->rng, 1u << 30);
        packet.ack = (uint32_t)rng_next(&chaos->rng);
        packet.payload = (const uint8_t *)"GET /blind HTTP/1.1\r\n\r\n";
        packet.payload_bytes = (packet.flags & TCP_PSH) != 0 ? 23 : 0;
        if ((packet.flags & TCP_SYN) != 0)
            packet_add_mss(&packet, 1460);
        wire_send(chaos->world.wire, SIDE_CLIENT, &packet);
    }
    if (chaos->blinds_left-- > 0)
        later(chaos, 500000, blind);
}

/* A SYN that nobody has sent, or, on a tuple that a session will use, nobody who will answer. */
static void spoofed_syn(struct chaos_world *chaos)
{
    static const uint16_t ports[] = {HTTP_PORT, POP3_PORT, BINARY_PORT, COOKIE_PORT};
    struct rng *rng = &chaos->rng;
    const struct session *session = chaos->sessions[rng_below(rng, chaos->count)];
    const struct host *client = session->client_host, *server = session->server_host;
    struct packet packet = {.ttl = 61, .df = true, .window = 1000, .flags = TCP_SYN};
    memcpy(packet.from_mac, client->mac, 6);
    memcpy(packet.to_mac, server->mac, 6);
    memcpy(packet.tags, chaos->tags, sizeof packet.tags);
    packet.src = client->addr;
    packet.dst = server->addr;
    packet.src_port = session->client_port;
    packet.dst_port = session->server_port;
    if (session->client != NULL || chaos->setting != SETTING_ATTACK || has(chaos, CHAOS_SWITCHES)) {
        packet.src.bytes[13] = 200;
        packet.src.bytes[14] = (uint8_t)rng_next(rng);
        packet.src_port = (uint16_t)(1024 + rng_below(rng, 60000));
        packet.dst_port = ports[rng_below(rng, sizeof ports / sizeof ports[0])];
    }
    packet.seq = (uint32_t)rng_next(rng);
    packet_add_mss(&packet, 1460);
    wire_send(chaos->world.wire, SIDE_CLIENT, &packet);
}

static void burst(void *context)
{
    struct chaos_world *chaos = context;
    for (uint32_t i = rng_below(&chaos->rng, BURST_MAX); i > 0; i--)
        spoofed_syn(chaos);
    if (chaos->bursts_left-- > 0)
        later(chaos, 100000, burst);
}

static void copy(void *context)
{
    struct chaos_world *chaos = context;

    parts_copy(chaos->sessions[rng_below(&chaos->rng, chaos->count)], &chaos->rng);
    if (chaos->copies_left-- > 0)
        later(chaos, 100000, copy);
}

/* --- dialogues ------------------------------------------------------------------------------- */

static void random_dialogue(struct chaos_world *chaos, struct session *session)
{
    struct rng *rng = &chaos->rng;
    uint32_t bytes = rng_chance(rng, 150000) ? rng_below(rng, 100000) : rng_below(rng, 4000);
    uint64_t seed = rng_next(rng);
    if (has(chaos, CHAOS_FORMS) && session->server_port != COOKIE_PORT) {
        bool wrong = has(chaos, CHAOS_ENDS) && rng_chance(rng, 150000);
        forms_dialogue(&chaos->forms, session, bytes, wrong, rng);
    } else if (has(chaos, CHAOS_PARTS)) {
        parts_dialogue(session, rng);
    } else if (has(chaos, CHAOS_ENDS) && session->server_port != COOKIE_PORT &&
               rng_chance(rng, 60000)) {
        if (session->server_port == POP3_PORT) {
            session_say_text(session, SIDE_SERVER, POP3_PROMISE);
            session->greeting_bytes = session->promise_bytes = sizeof POP3_PROMISE - 1;
        }
        session_wrong(session);
        session->wrong = session->excused = true;
    } else if (session->server_port == HTTP_PORT && rng_chance(rng, 500000)) {
        session_http_post(session, bytes, seed);
    } else if (session->server_port == HTTP_PORT) {
        session_http_get(session, 1 + rng_below(rng, 3), bytes, seed);
    } else if (session->server_port == BINARY_PORT) {
        session_binary(session, bytes, seed);
    } else {
        session_pop3(session, POP3_PROMISE, bytes, seed);
    }
}

static void random_manner(struct chaos_world *chaos, struct session *session)
{
    struct rng *rng = &chaos->rng;
    struct session_manner *manner = &session->manner;
    bool greets = session->greeting_bytes > 0;
    if (!greets)
        manner->close = (enum session_close)rng_below(rng, CLOSE_BOTH + 1);
    manner->early_talk = session->server_port == POP3_PORT && rng_chance(rng, 200000);
    if (rng_chance(rng, 200000)) {
        manner->pieces = 1 + rng_below(rng, 30);
        manner->pieces_gap_us = rng_below(rng, 300000);
        if (session->said[SIDE_CLIENT].bytes > 40 * manner->pieces)
            manner->pieces = 1 + session->said[SIDE_CLIENT].bytes / 40;
    }
    if (greets && rng_chance(rng, 300000)) {
        manner->greeting_cut = 1 + rng_below(rng, 10);
        manner->greeting_gap_us = rng_below(rng, 2000000);
    }
    manner->half_close = !greets && rng_chance(rng, 200000);
    manner->slow_reader_bytes = rng_chance(rng, 150000) ? 1 + rng_below(rng, 3000) : 0;
    manner->slow_server_bytes = rng_chance(rng, 100000) ? 1 + rng_below(rng, 3000) : 0;
    manner->slow_us = rng_chance(rng, 200000) ? 1 + rng_below(rng, 60000000) : 0;
    manner->think_us = rng_chance(rng, 300000) ? rng_below(rng, 4000000) : 0;
}

static void random_ends(struct chaos_world *chaos, struct session *session)
{
    struct rng *rng = &chaos->rng;
    struct session_manner *manner = &session->manner;
    uint64_t at_us = 1 + rng_below(rng, rng_chance(rng, 700000) ? 500000 : 10000000);
    switch (rng_below(rng, 12)) {
    case 0:
        manner->client_abort_us = at_us;
        break;
    case 1:
        manner->server_abort_us = at_us;
        break;
    case 2:
        manner->silent = true;
        manner->silent_us = at_us;
        break;
    default:
        return;
    }
    session->excused = true;
}

static void random_thinking(struct chaos_world *chaos, struct session *session)
{
    struct rng *rng = &chaos->rng;
    struct session_manner *manner = &session->manner;
    if (rng_chance(rng, 500000))
        manner->first_think_us = rng_below(rng, 650000000);
    if (rng_chance(rng, 300000))
        manner->think_us = rng_below(rng, 600000000);
    if (manner->first_think_us > COOKIE_SAFE_US && chaos->setting != SETTING_INHERIT)
        session->excused = true; /* its cookie may be gone before it asks */
}

static struct session *make_session(struct chaos_world *chaos, struct host *client,
                                    struct host *server, uint16_t client_port, uint16_t server_port)
{
    struct session *session = session_new(&chaos->world.stage, chaos->world.wire, client,
                                          client_port, server, server_port);
    random_dialogue(chaos, session);
    random_manner(chaos, session);
    if (has(chaos, CHAOS_PARTS))
        parts_manner(session, &chaos->rng, has(chaos, CHAOS_ENDS));
    if (has(chaos, CHAOS_PARTS) && has(chaos, CHAOS_TIGHT)) /* two chunks are not enough */
        session->excused = true;
    if (has(chaos, CHAOS_FORMS) && session->wrong) /* a beginning said twice is let in (rule 1.3) */
        session->manner.pieces = 0;
    if (session->any_greeting &&
        has(chaos, CHAOS_TIGHT)) /* without a buffer it must stand in one frame (rule 2.4) */
        session->manner.greeting_cut = 0;
    if (has(chaos, CHAOS_DRIFT) && session->server_port == POP3_PORT)
        session->other_greeting = OTHER_GREETING;
    if (has(chaos, CHAOS_ENDS))
        random_ends(chaos, session);
    if (has(chaos, CHAOS_SLOW))
        random_thinking(chaos, session);
    chaos->sessions[chaos->count++] = session;
    return session;
}

/* Starts the next session on the tuple as soon as the client's half of the one before has ended, or
 * waits in TIME_WAIT. */
struct again {
    struct chaos_world *chaos;
    struct session *before, *next;
};

static void use_again(void *context)
{
    struct again *again = context;
    const struct conn *conn = again->before->client;
    uint64_t now_us = now_of(again->chaos);
    bool over = conn != NULL && (conn->state == TCP_CLOSED || conn->state == TCP_TIME_WAIT);
    if (!over) {
        wire_at(again->chaos->world.wire, now_us + 20000, use_again, again);
        return;
    }
    if (again->before->excused) /* the server may not have heard of the end */
        again->next->excused = true;
    session_start(again->next, now_us + rng_below(&again->chaos->rng, 1000));
    free(again);
}

static void make_sessions(struct chaos_world *chaos)
{
    static const uint16_t ports[] = {HTTP_PORT, HTTP_PORT,   POP3_PORT,
                                     POP3_PORT, BINARY_PORT, COOKIE_PORT};
    struct rng *rng = &chaos->rng;
    struct world *world = &chaos->world;
    struct tcp_settings other = random_settings(chaos), padded = tcp_settings_default(true);
    if (chaos->setting == SETTING_ATTACK &&
        !has(chaos, CHAOS_ROUGH | CHAOS_SWITCHES | CHAOS_DRIFT | CHAOS_LATE) &&
        rng_chance(rng, 300000))
        padded.padding = (uint8_t)(1 + rng_below(rng, 6));
    other.mss = other.mss > 1440 ? 1440 : other.mss;
    padded.mss = 1440;
    struct host *clients[2][3] = {
        {world->client[0], host_add(world->wire, SIDE_CLIENT, "10.0.0.7", &other),
         host_add(world->wire, SIDE_CLIENT, "10.0.0.8", &padded)},
        {world->client[1], host_add(world->wire, SIDE_CLIENT, "fd00::7", &other),
         host_add(world->wire, SIDE_CLIENT, "fd00::8", &padded)},
    };
    for (uint16_t i = 0; i < SESSIONS; i++) {
        uint32_t family = rng_below(rng, 2);
        uint16_t port = ports[rng_below(rng, sizeof ports / sizeof ports[0])];
        struct host *client = clients[family][rng_below(rng, 3)], *server = world->server[family];
        struct session *session = make_session(chaos, client, server, (uint16_t)(40000 + i), port);
        session_start(session, now_of(chaos) + 1000 + rng_below(rng, 500000));
        if (has(chaos, CHAOS_AGAIN) && rng_chance(rng, 500000)) {
            struct again *again = malloc(sizeof *again);
            *again = (struct again){
                chaos, session, make_session(chaos, client, server, (uint16_t)(40000 + i), port)};
            wire_at(world->wire, now_of(chaos) + 500000, use_again, again);
        }
    }
}

/* One client of its own that goes dead in the middle. */
static void make_vanisher(struct chaos_world *chaos)
{
    uint32_t family = rng_below(&chaos->rng, 2);
    struct tcp_settings settings = tcp_settings_default(family == 0);
    struct host *host =
        host_add(chaos->world.wire, SIDE_CLIENT, family == 0 ? "10.0.0.66" : "fd00::66", &settings);
    struct session *session =
        make_session(chaos, host, chaos->world.server[family], 40100, HTTP_PORT);
    session->manner.vanish_us = 1 + rng_below(&chaos->rng, 400000);
    session->excused = true;
    session_start(session, now_of(chaos) + rng_below(&chaos->rng, 500000));
}

static void make_events(struct chaos_world *chaos)
{
    struct rng *rng = &chaos->rng;
    if (has(chaos, CHAOS_SWITCHES))
        later(chaos, 400000, switch_mode);
    if (has(chaos, CHAOS_DRIFT))
        later(chaos, 600000, drift);
    if (has(chaos, CHAOS_BLIND))
        later(chaos, 400000, blind);
    if (has(chaos, CHAOS_LATE))
        later(chaos, 400000, forget_the_closed);
    if (has(chaos, CHAOS_FLOOD))
        later(chaos, 100000, burst);
    if (has(chaos, CHAOS_COPIES))
        later(chaos, 100000, copy);
    if (has(chaos, CHAOS_ROUGH) && rng_chance(rng, 150000))
        later(chaos, 800000, link_cut);
    if (has(chaos, CHAOS_ENDS) && rng_chance(rng, 100000))
        later(chaos, 700000, servers_refuse);
    if (has(chaos, CHAOS_ENDS) && rng_chance(rng, 100000))
        later(chaos, 700000, servers_crash);
    if (has(chaos, CHAOS_ENDS) && rng_chance(rng, 200000))
        make_vanisher(chaos);
}

/* --- what must have come of it --------------------------------------------------------------- */

/* On an undisturbed wire nothing may cost a timeout, nor may a host see anything that it has to
 * refuse. */
static void expect_calm(struct wire *wire, const struct session *session, const struct conn *conn,
                        const char *name)
{
    if (conn->seen.paws_drops > 0 || conn->seen.bad_segments > 0)
        wire_fail_port(wire, session->client_port,
                       "port %u > %u: the %s dropped %u by PAWS and refused %u",
                       session->client_port, session->server_port, name, conn->seen.paws_drops,
                       conn->seen.bad_segments);
}

/*
 * rule 2.1's stated limit: our SYN-ACK and greeting come again at 1 and 3 s only. Where loss
 * takes every one of them, a client that waits for the greeting is left to its own timeout; on a
 * rough wire this may happen, and nothing else may.
 */
static bool left_to_its_timeout(const struct session *session)
{
    return session->greeting_bytes > 0 && session->servers_seen == 0 &&
           session->client->in.bytes == 0 && session->client->end == CONN_ABORTED;
}

/* rule 5.4: four SYNs to the server; where loss takes them all the client is reset after 15 s. */
static bool opening_gave_up(const struct session *session)
{
    return session->servers_seen == 0 && session->client->end == CONN_RESET &&
           session->client->ended_us - session->began_us >= 15 * SECOND_US;
}

/* Where a window is small and its updates are lost, each is found out by a probe, after up to a
 * minute: both hosts' own affair. */
static bool took_too_long(const struct chaos_world *chaos, const struct session *session)
{
    return has(chaos, CHAOS_SMALL) && has(chaos, CHAOS_ROUGH) &&
           session->client->end == CONN_ABORTED;
}

/*
 * rule 5.13: when protection begins, who has needed more than a second and a half for its
 * handshake, and answered nothing for a second, is reset.
 */
static bool was_half_open_for_long(const struct chaos_world *chaos, const struct session *session)
{
    return has(chaos, CHAOS_SWITCHES) && chaos->world.wire->middle != NULL &&
           engine_counters(chaos->world.wire->middle->engine)->flows_freed > 0 &&
           session->servers_seen == 0 && session->client->in.bytes == 0 &&
           session->client->end == CONN_RESET &&
           session->client->ended_us - session->began_us >= SECOND_US * 3 / 2;
}

static void judge_session(const struct chaos_world *chaos, const struct session *session)
{
    struct wire *wire = chaos->world.wire;
    bool wrong_passed = chaos->world.stage.attack && session->wrong && session->servers_seen > 0;
    bool limit =
        has(chaos, CHAOS_ROUGH | CHAOS_DROPS) && wire->middle != NULL &&
        (left_to_its_timeout(session) || opening_gave_up(session) || took_too_long(chaos, session));
    bool fine = session->excused || limit || was_half_open_for_long(chaos, session)
                    ? session_ended(session)
                    : session_done(session);
    parts_judge_end(session, !has(chaos, CHAOS_ROUGH | CHAOS_DROPS));
    if (wrong_passed)
        wire_fail_port(wire, session->client_port,
                       "port %u > %u: a wrong request reached the server", session->client_port,
                       session->server_port);
    if (has(chaos, CHAOS_LATE) && session->servers_seen > 1)
        wire_fail_port(wire, session->client_port, "port %u > %u: %u connections at the server",
                       session->client_port, session->server_port, session->servers_seen);
    if (!fine)
        wire_fail_port(wire, session->client_port,
                       "port %u > %u: not done%s: client %s end %d, has %u of %u; server %s end "
                       "%d, has %u of %u",
                       session->client_port, session->server_port,
                       session->excused ? " (need only end)" : "",
                       tcp_state_name(session->client->state), session->client->end,
                       session->client->in.bytes, session->expected_bytes,
                       session->server != NULL ? tcp_state_name(session->server->state) : "none",
                       session->server != NULL ? (int)session->server->end : -1,
                       session->server != NULL ? session->server->in.bytes : 0,
                       session->said[SIDE_CLIENT].bytes);
    if ((chaos->recipe & ~(uint32_t)(CHAOS_SWITCHES | CHAOS_SLOW | CHAOS_FORMS | CHAOS_PARTS)) ==
            0 &&
        !session->excused) {
        expect_calm(wire, session, session->client, "client");
        expect_calm(wire, session, session->server, "server");
    }
}

static bool all_connected(const struct chaos_world *chaos)
{
    for (uint32_t i = 0; i < chaos->count; i++) {
        if (chaos->sessions[i]->client == NULL)
            return false;
    }
    return true;
}

static struct middle *make_middle(struct chaos_world *chaos, uint64_t start_us)
{
    if (chaos->setting == SETTING_INHERIT)
        return NULL;
    void (*change)(struct engine_config *) = has(chaos, CHAOS_TIGHT)  ? tight_pools
                                             : has(chaos, CHAOS_LATE) ? few_flows
                                             : has(chaos, CHAOS_FLOOD) && has(chaos, CHAOS_SWITCHES)
                                                 ? roomy_tables
                                                 : small_tables;
    struct middle *middle = has(chaos, CHAOS_PATH)
                                ? middle_new_beside_path(change, rng_next(&chaos->rng), start_us)
                                : middle_new(change, start_us);
    if (has(chaos, CHAOS_PATH)) /* in every fourth world the learner is to see some of them */
        engine_telling(middle->engine)->unlearned = rng_below(&chaos->rng, 4) > 0;
    engine_set_setting(middle->engine, NULL, chaos->setting, start_us);
    return middle;
}

static void open_world(struct chaos_world *chaos, const char *name, uint64_t seed)
{
    struct tcp_settings client = random_settings(chaos);
    uint64_t start_us = random_start(chaos);
    struct world *world = &chaos->world;
    random_tags(chaos);
    chaos->truth = random_settings(chaos);
    if (has(chaos, CHAOS_SMALL))
        parts_small_server(&chaos->truth, &chaos->rng);
    chaos->truth.data_on_ack = false;
    world_open_at(world, seed, make_middle(chaos, start_us), start_us, &client, &chaos->truth);
    world->wire->name = name;
    for (int side = 0; side < 2; side++) {
        world->wire->in[side] = random_link(chaos);
        world->wire->out[side] = random_link(chaos);
    }
    if (has(chaos, CHAOS_LATE))
        world->wire->in[SIDE_CLIENT].late = 500000;
    if (has(chaos, CHAOS_DROPS))
        world->wire->out[SIDE_SERVER].loss = 200000;
    chaos->generation = 1;
    world->stage.greetings[0] = POP3_PROMISE;
    world->stage.greetings[1] = OTHER_GREETING;
    if (has(chaos, CHAOS_FORMS)) {
        /* TIGHT: a request in pieces may find no room, and its server is opened and greets itself
         * (rule 1.3, 2.5). */
        bool any_length =
            chaos->setting == SETTING_ATTACK && !has(chaos, CHAOS_SWITCHES | CHAOS_TIGHT);
        forms_init(&chaos->forms, &chaos->rng, any_length);
        world->stage.greetings[0] = chaos->forms.said;
    }
    chaos->greeting = world->stage.greetings[0];
    chaos->known = chaos->known_before = (struct knowledge){chaos->truth, chaos->greeting};
    chaos->learned_greeting = chaos->greeting;
    if (world->wire->middle != NULL)
        adopt(chaos);
    chaos->switches_left = 20;
    chaos->bursts_left = BURSTS;
    chaos->copies_left = COPIES;
    world->stage.lies = has(chaos, CHAOS_COPIES);
    chaos->drifts_left = rng_below(&chaos->rng, 5);
    chaos->blinds_left = rng_below(&chaos->rng, 12);
    world->stage.lenient = has(chaos, CHAOS_BLIND);
    world->stage.attack =
        chaos->setting == SETTING_ATTACK &&
        !has(chaos, CHAOS_SWITCHES | CHAOS_DRIFT | CHAOS_BLIND | CHAOS_SLOW | CHAOS_LATE);
}

uint32_t chaos_run(const char *name, uint64_t seed, enum mode_setting setting, uint32_t recipe)
{
    struct chaos_world chaos = {.rng = {.state = seed}, .recipe = recipe, .setting = setting};
    open_world(&chaos, name, seed);
    make_sessions(&chaos);
    make_events(&chaos);
    for (struct host *host = chaos.world.wire->hosts; host != NULL; host = host->next)
        memcpy(host->tags, chaos.tags, sizeof host->tags);
    for (uint32_t rounds = 0; rounds < SESSIONS && !(rounds > 0 && all_connected(&chaos)); rounds++)
        world_run(&chaos.world, LIMIT_US);
    end_all_periods(&chaos);
    for (uint32_t i = 0; i < chaos.count; i++)
        judge_session(&chaos, chaos.sessions[i]);
    if (setting != SETTING_INHERIT)
        world_expect_empty(&chaos.world);
    world_close(&chaos.world);
    return chaos.count;
}
