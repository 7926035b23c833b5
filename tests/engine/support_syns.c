/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_syns.c - see support_syns.h. */
#include "tests/engine/support_syns.h"

#include <string.h>

#include "engine/base/checksum.h"

#define SILENT          "192.0.2.1:2001" /* nobody listens there */
#define NEVER_SEEN      "192.0.2.1:2002"
#define NEVER_PROTECTED "192.0.2.9:80"

static const char *const servers[] = {
    HTTP, HTTP, HTTP, POP3, STRANGER, SILENT, NEVER_SEEN, NEVER_PROTECTED, HTTP6};

/* --- worlds ---------------------------------------------------------------------------------- */

static enum capability some_capability(struct pair *pair)
{
    return one_in(pair, 4) ? (enum capability)random_below(&pair->random, 3) : CAPABILITY_GRANTED;
}

/* Layouts as hosts have them; the last has its timestamps at an odd offset. */
static void some_variant(struct pair *pair, struct synack_variant *variant)
{
    static const uint8_t layouts[][9] = {
        {5, TCP_OPT_MSS, TCP_OPT_SACK_PERMITTED, TCP_OPT_TIMESTAMPS, TCP_OPT_NOP, TCP_OPT_WSCALE},
        {6, TCP_OPT_MSS, TCP_OPT_NOP, TCP_OPT_WSCALE, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_TIMESTAMPS},
        {5, TCP_OPT_MSS, TCP_OPT_NOP, TCP_OPT_WSCALE, TCP_OPT_SACK_PERMITTED, TCP_OPT_TIMESTAMPS},
        {8, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_NOP,
         TCP_OPT_NOP, TCP_OPT_MSS},
        {1, TCP_OPT_MSS},
        {4, TCP_OPT_NOP, TCP_OPT_TIMESTAMPS, TCP_OPT_NOP, TCP_OPT_MSS},
    };
    const uint8_t *layout =
        layouts[random_below(&pair->random, sizeof(layouts) / sizeof(layouts[0]))];

    *variant = (struct synack_variant){.offered = (uint8_t)random_below(&pair->random, 32),
                                       .ecn = one_in(pair, 2),
                                       .window = (uint16_t)random_next(&pair->random),
                                       .layout_bytes = layout[0],
                                       .seen = 1};
    memcpy(variant->layout, layout + 1, layout[0]);
}

static void some_promise(struct pair *pair, struct promise *promise)
{
    struct synack_model *model = &promise->synack;

    promise->generation = 1 + random_below(&pair->random, 5);
    model->mss_state = some_capability(pair);
    model->window_scale_state = some_capability(pair);
    model->sack = some_capability(pair);
    model->timestamps = some_capability(pair);
    model->ecn = some_capability(pair);
    model->mss = (uint16_t)random_next(&pair->random);
    model->window_scale = (uint8_t)random_below(&pair->random, 16);
    model->window = one_in(pair, 4) ? 0 : (uint16_t)random_next(&pair->random);
    model->ttl = one_in(pair, 3) ? 0 : (uint8_t)random_next(&pair->random);
    model->df = one_in(pair, 2);
    model->ip_id = (enum ip_id_kind)random_below(&pair->random, 5);
    model->variants_count = (uint8_t)random_below(&pair->random, 5);
    for (uint8_t i = 0; i < model->variants_count; i++)
        some_variant(pair, &model->variants[i]);
}

static void some_policy(struct pair *pair)
{
    struct policy *policy = pair->plain->policy;

    for (uint32_t i = 0; i < policy->count; i++) {
        struct server_policy *server = &policy->servers[i];

        server->has_before = one_in(pair, 2);
        server->before = server->now;
        server->before_until_us =
            pair->plain->now_us + random_below(&pair->random, COOKIE_LIFETIME_US);
        some_promise(pair, &server->now);
        server->armed = !one_in(pair, 4);
        if (one_in(pair, 3) && !server->now.greeting_bytes)
            server->opening = (enum opening_kind)random_below(&pair->random, 5);
    }
    memcpy(pair->general->policy, policy, policy_bytes(policy->count));
}

static void adopt(struct bench *bench)
{
    engine_adopt_policy(bench->engine, bench->policy, bench->now_us);
}

void pair_change_policy(struct pair *pair)
{
    some_policy(pair);
    adopt(pair->plain);
    adopt(pair->general);
}

static void know(struct bench *bench, const char *name, bool listened)
{
    struct server_key key = {0};

    endpoint_read(name, &key.addr, &key.port);
    engine_set_listening(bench->engine, &key, true, bench->now_us);
    if (!listened)
        engine_set_listening(bench->engine, &key, false, bench->now_us);
    engine_listening_fresh(bench->engine, bench->now_us);
}

static void set_modes(struct bench *bench, enum mode_setting setting)
{
    struct server_key key = {0};

    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]) && setting == SETTING_AUTO; i++) {
        endpoint_read(servers[i], &key.addr, &key.port);
        if (strcmp(servers[i], NEVER_SEEN) != 0)
            engine_set_mode(bench->engine, &key, MODE_ATTACK, TRIGGER_HALF_OPEN, 1, bench->now_us);
    }
    engine_set_setting(bench->engine, NULL, setting, bench->now_us);
    endpoint_read(NEVER_PROTECTED, &key.addr, &key.port);
    know(bench, NEVER_PROTECTED, true);
    engine_set_setting(bench->engine, &key, SETTING_NORMAL, bench->now_us);
}

struct pair *pair_new(uint64_t seed, const struct answer_share *answers)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    enum mode_setting setting;
    struct engine_config config;

    pair->random.state = seed;
    bench_config(&config);
    config.shards = one_in(pair, 3) && !answers ? 3 : 1;
    config.unknown =
        one_in(pair, 2) ? UNKNOWN_COOKIE : (enum unknown_servers)random_below(&pair->random, 3);
    setting = one_in(pair, 2) ? SETTING_ATTACK : one_in(pair, 8) ? SETTING_NORMAL : SETTING_AUTO;
    pair->general = bench_new_sized(setting, &config);
    if (answers)
        config.answers = *answers;
    pair->plain = bench_new_sized(setting, &config);
    some_policy(pair);
    for (int i = 0; i < 2; i++) {
        struct bench *bench = i ? pair->general : pair->plain;

        adopt(bench);
        know(bench, STRANGER, true);
        know(bench, SILENT, false);
        set_modes(bench, setting);
    }
    return pair;
}

/* --- frames ---------------------------------------------------------------------------------- */

static const char *some_options(struct pair *pair, char text[200])
{
    static const char *const forms[] = {
        "mss=1460 sack ts=%u/0 nop ws=%u",
        "mss=1460 sack ts=%u/7 nop ws=%u",
        "mss=1400 nop ws=7 sack ts=%u/0",
        "mss=1452 nop ws=%2$u nop nop ts=%1$u/0 sack eol eol",
        "mss=1380 nop ws=8 nop nop sack",
        "mss=1460 nop nop sack nop ws=0",
        "mss=536",
        "mss=0 ts=%u/0",
        "mss=9000 sack ts=%u/0 nop ws=%u",
        "nop ts=%u/0 eol",
        "nop nop ts=%u/0",
        "ts=%u/0 sack mss=1460 ws=3 nop fastopen",
        "md5",
        "hex=1d04aabb",
        "mss=1460 hex=1300",
        "hex=02",
        "sack mss=1300 mss=1400",
    };
    uint32_t form =
        one_in(pair, 2) ? 0 : random_below(&pair->random, sizeof(forms) / sizeof(forms[0]));

    if (one_in(pair, 20))
        return NULL;
    if (one_in(pair, 20)) {
        snprintf(text, 200, "mss=%u sack ts=%u/0 nop ws=%u", random_below(&pair->random, 65536),
                 (uint32_t)random_next(&pair->random), random_below(&pair->random, 256));
        return text;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, 200, forms[form], (uint32_t)random_next(&pair->random),
             random_below(&pair->random, 16));
#pragma GCC diagnostic pop
    return text;
}

void pair_damage(struct pair *pair)
{
    uint8_t *data = frame_data(&pair->frame), *ip = data + ETH_HEADER_BYTES;
    uint32_t at = random_below(&pair->random, pair->frame.bytes - OFFLOAD_BYTES);

    switch (random_below(&pair->random, 7)) {
    case 0: /* any byte, its checksums wrong */
        data[at] ^= (uint8_t)(1 + random_below(&pair->random, 255));
        return;
    case 1: /* any byte of the IP header, its checksum right */
        ip[random_below(&pair->random, 20)] ^= (uint8_t)(1u << random_below(&pair->random, 8));
        if (frame_read(&pair->frame) == FRAME_TCP && pair->frame.view.ip_version == 4)
            frame_fix_ip_checksum(&pair->frame);
        return;
    case 2: /* vouched for, and wrong */
        pair->frame.buffer[0] = OFFLOAD_CHECKSUM_VALID;
        data[at] ^= 1;
        return;
    case 3: /* partial */
        frame_checksum_partial(&pair->frame);
        return;
    case 4: /* cut off: on its way, or in a capture */
        at = 1 + random_below(&pair->random, 25);
        pair->frame.bytes -= at;
        pair->missing = one_in(pair, 2) ? at : 0;
        return;
    case 5: /* padding */
        memset(pair->frame.buffer + pair->frame.bytes, 0xee, 8);
        pair->frame.bytes += 1 + random_below(&pair->random, 8);
        return;
    default: /* the data offset, its checksum right */
        if (pair->frame.view.kind == FRAME_TCP && pair->frame.view.ip_version == 4) {
            uint8_t *tcp = data + pair->frame.view.l4, was = tcp[12];

            tcp[12] ^= (uint8_t)(0x10u << random_below(&pair->random, 4));
            checksum_update16(tcp + TCP_CHECKSUM_AT, (uint16_t)(was << 8),
                              (uint16_t)(tcp[12] << 8));
        }
    }
}

void pair_make_syn(struct pair *pair)
{
    static const char *const flags[] = {"SEW", "SE", "SW", "SP", "SU", "SA",
                                        "SF",  "SR", "S.", "R",  "F",  "SEWA"};
    char from[40], options[200];
    struct frame_words words = {
        .from = from,
        .to = servers[random_below(&pair->random, sizeof(servers) / sizeof(servers[0]))],
        .flags = one_in(pair, 4)
                     ? flags[random_below(&pair->random, sizeof(flags) / sizeof(flags[0]))]
                     : "S",
        .seq = one_in(pair, 10) ? UINT32_MAX : X + random_below(&pair->random, 3),
        .options = some_options(pair, options),
        .ttl = (uint8_t)random_below(&pair->random, 256),
        .tos = (uint8_t)(one_in(pair, 3) ? random_below(&pair->random, 256) : 0),
        .ip_id = (uint16_t)random_below(&pair->random, 65536),
        .may_fragment = one_in(pair, 3)};

    if (strcmp(words.to, HTTP6) == 0)
        snprintf(from, sizeof(from), "[2001:db8:1::%u]:%u", random_below(&pair->random, 9),
                 random_below(&pair->random, 9));
    else
        snprintf(from, sizeof(from), "198.51.%u.%u:%u", random_below(&pair->random, 4),
                 random_below(&pair->random, 256),
                 one_in(pair, 2) ? 40000 + random_below(&pair->random, 4)
                                 : random_below(&pair->random, 65536));
    if (one_in(pair, 30))
        words.payload = "fast open";
    if (one_in(pair, 30))
        words.vlan[0] = (uint16_t)random_below(&pair->random, 65536);
    if (strcmp(words.flags, "S.") == 0)
        words.ack = 9;
    frame_write(&pair->frame, &words);
    if (one_in(pair, 40) && pair->frame.view.ip_version == 4 && !words.vlan[0])
        frame_insert_ip_options(&pair->frame, "\1\1\1", 4);
    if (one_in(pair, 8))
        pair_damage(pair);
}
