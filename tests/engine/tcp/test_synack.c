/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_synack.c - SYN-ACKs planned from what was learned: exact variants, near ones, none; and
 * option bytes. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/tcp/frame.h"
#include "engine/tcp/synack.h"
#include "tests/engine/random.h"
#include "tests/engine/support_frames.h"

#define OFFER_ALL (OFFER_MSS | OFFER_SACK | OFFER_TIMESTAMPS | OFFER_WSCALE)

/* A Linux server that grants all; it has no variant yet. */
static struct synack_model linux_model(void)
{
    return (struct synack_model){
        .mss_state = CAPABILITY_GRANTED,
        .window_scale_state = CAPABILITY_GRANTED,
        .sack = CAPABILITY_GRANTED,
        .timestamps = CAPABILITY_GRANTED,
        .ecn = CAPABILITY_GRANTED,
        .mss = 1460,
        .window_scale = 7,
        .window = 65160,
        .ttl = 64,
        .df = true,
        .ip_id = IP_ID_ZERO,
    };
}

/* Adds what the server answered to an offer, its layout by its option words. */
static void add_variant(struct synack_model *model, uint8_t offered, uint16_t window,
                        const char *options, uint32_t seen)
{
    struct synack_variant *variant = &model->variants[model->variants_count++];
    uint8_t bytes[TCP_OPTIONS_MAX], layout[TCP_OPTIONS_MAX];

    *variant = (struct synack_variant){
        .offered = offered, .ecn = (offered & OFFER_ECN) != 0, .window = window, .seen = seen};
    variant->layout_bytes = tcp_options_layout(bytes, options_write(options, bytes), layout);
    memcpy(variant->layout, layout, variant->layout_bytes);
}

/* The plan as "window 65160 ecn: mss=1460 ...", which must agree with its own features. */
static const char *plan_in_words(const struct synack_model *model, uint8_t offered)
{
    static char text[300];
    struct synack_features features;
    struct tcp_options parsed;
    uint8_t bytes[TCP_OPTIONS_MAX], layout[TCP_OPTIONS_MAX], kinds;
    size_t count, used;

    synack_plan(model, offered, &features);
    count = synack_options(&features, 1, 2, bytes);
    cr_assert_eq(count % 4, 0u);
    cr_assert_eq(tcp_options_parse(bytes, count, &parsed), OPTIONS_OK);
    cr_assert_eq(parsed.mss, features.mss);
    cr_assert_eq(parsed.wscale, features.window_scale);
    cr_assert_eq((parsed.present & OPTION_SACK_PERMITTED) != 0, features.sack);
    cr_assert_eq((parsed.present & OPTION_TIMESTAMPS) != 0, features.timestamps);
    used = (size_t)snprintf(text, sizeof(text), "window %u%s:", features.window,
                            features.ecn ? " ecn" : "");
    kinds = tcp_options_layout(bytes, count, layout);
    for (unsigned i = 0; i < kinds; i++)
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, " %s", tcp_option_name(layout[i]));
    return text;
}

Test(synack, offers_of_a_syn)
{
    struct tcp_options options = {.present = OPTION_MSS | OPTION_WSCALE | OPTION_AUTHENTICATED};

    cr_assert_eq(synack_offer_of(&options, TCP_SYN), OFFER_MSS | OFFER_WSCALE | OFFER_SIGNED);
    options.present = OPTION_SACK_PERMITTED | OPTION_TIMESTAMPS;
    cr_assert_eq(synack_offer_of(&options, TCP_SYN | TCP_ECE | TCP_CWR),
                 OFFER_SACK | OFFER_TIMESTAMPS | OFFER_ECN);
    cr_assert_eq(synack_offer_of(&options, TCP_SYN | TCP_ECE), OFFER_SACK | OFFER_TIMESTAMPS);
}

Test(synack, exact_variant_is_sent_as_seen)
{
    struct synack_model model = linux_model();
    struct synack_features features;

    add_variant(&model, OFFER_ALL, 65160, "mss=1460 sack ts=1/2 nop ws=7", 5);
    add_variant(&model, OFFER_MSS, 64240, "mss=1460", 9);
    add_variant(&model, OFFER_ALL | OFFER_ECN, 65160, "mss=1460 sack ts=1/2 nop ws=7", 2);
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL),
                     "window 65160: mss sack timestamps nop window_scale");
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS), "window 64240: mss");
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL | OFFER_ECN),
                     "window 65160 ecn: mss sack timestamps nop window_scale");
    synack_plan(&model, OFFER_ALL, &features);
    cr_assert_eq(features.mss, 1460);
    cr_assert_eq(features.window_scale, 7);
    cr_assert_eq(features.ttl, 64);
    cr_assert(features.df);
}

Test(synack, end_of_list_layouts_stand)
{
    struct synack_model model = linux_model();

    /* macOS: the layout ends at EOL and is not a multiple of four without it. */
    add_variant(&model, OFFER_ALL, 65535, "mss=1460 nop ws=6 nop nop ts=1/2 sack eol eol", 1);
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL),
                     "window 65535: mss nop window_scale nop nop timestamps sack");
}

Test(synack, near_variant_without_what_was_not_offered)
{
    struct synack_model model = linux_model();

    add_variant(&model, OFFER_ALL, 65160, "mss=1460 sack ts=1/2 nop ws=7", 5);
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL & ~OFFER_WSCALE),
                     "window 65160: mss sack timestamps");
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL & ~OFFER_SACK),
                     "window 65160: mss nop nop timestamps nop window_scale");
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL & ~OFFER_TIMESTAMPS),
                     "window 65160: mss nop nop sack nop window_scale");
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS | OFFER_WSCALE),
                     "window 65160: mss nop window_scale");
    cr_assert_str_eq(plan_in_words(&model, 0), "window 65160: mss", "MSS is sent unasked");
}

Test(synack, near_variant_keeps_a_foreign_order_where_it_stays_aligned)
{
    struct synack_model model = linux_model();

    add_variant(&model, OFFER_ALL, 65535, "mss=1460 nop ws=6 nop nop ts=1/2 nop nop sack", 1);
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS | OFFER_SACK | OFFER_TIMESTAMPS),
                     "window 65535: mss nop nop timestamps nop nop sack");
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS | OFFER_SACK | OFFER_WSCALE),
                     "window 65160: mss nop window_scale nop nop sack");
    model.variants_count = 0;
    add_variant(&model, OFFER_ALL, 65535, "mss=1460 nop ws=6 sack ts=1/2", 1);
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS | OFFER_SACK | OFFER_WSCALE),
                     "window 65160: mss nop nop sack nop window_scale",
                     "10 bytes are laid out anew");
}

Test(synack, window_comes_from_a_variant_alike_in_timestamps)
{
    struct synack_model model = linux_model();

    add_variant(&model, OFFER_ALL, 65160, "mss=1460 sack ts=1/2 nop ws=7", 100);
    add_variant(&model, OFFER_MSS, 64240, "mss=1460", 1);
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL & ~OFFER_TIMESTAMPS),
                     "window 64240: mss nop nop sack nop window_scale");
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS | OFFER_TIMESTAMPS),
                     "window 65160: mss nop nop timestamps");
}

Test(synack, server_that_refuses_stays_refusing)
{
    struct synack_model model = linux_model();

    /* No timestamps at all; offered, and left out. */
    model.timestamps = CAPABILITY_REFUSED;
    add_variant(&model, OFFER_ALL, 64240, "mss=1460 nop nop sack nop ws=7", 5);
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL),
                     "window 64240: mss nop nop sack nop window_scale");
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL | OFFER_ECN),
                     "window 64240 ecn: mss nop nop sack nop window_scale");
    /* Unknown counts as refused, even where a layout (of a store written by hand) has it. */
    model.sack = CAPABILITY_UNKNOWN;
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL), "window 64240: mss nop window_scale");
}

Test(synack, variant_that_left_an_offer_out_rules_its_neighbours)
{
    struct synack_model model = linux_model();

    /* This one grants SACK only together with timestamps. */
    add_variant(&model, OFFER_MSS | OFFER_SACK, 64240, "mss=1460", 5);
    add_variant(&model, OFFER_ALL, 65160, "mss=1460 sack ts=1/2 nop ws=7", 5);
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS | OFFER_SACK), "window 64240: mss");
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS | OFFER_SACK | OFFER_ECN),
                     "window 64240 ecn: mss");
}

Test(synack, mss_only_where_the_server_sends_it)
{
    struct synack_model model = linux_model();

    add_variant(&model, 0, 64240, "", 1);
    cr_assert_str_eq(plan_in_words(&model, 0), "window 64240:");
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS), "window 64240: mss");
    model.mss_state = CAPABILITY_REFUSED;
    cr_assert_str_eq(plan_in_words(&model, OFFER_MSS), "window 64240:");
}

Test(synack, ecn_needs_offer_and_grant)
{
    struct synack_model model = linux_model();
    struct synack_features features;

    synack_plan(&model, OFFER_ALL, &features);
    cr_assert_not(features.ecn);
    synack_plan(&model, OFFER_ALL | OFFER_ECN, &features);
    cr_assert(features.ecn);
    add_variant(&model, OFFER_ALL | OFFER_ECN, 65160, "mss=1460 sack ts=1/2 nop ws=7", 1);
    model.variants[0].ecn = false;
    synack_plan(&model, OFFER_ALL | OFFER_ECN, &features);
    cr_assert_not(features.ecn, "the variant decides");
    model.variants_count = 0;
    model.ecn = CAPABILITY_UNKNOWN;
    synack_plan(&model, OFFER_ALL | OFFER_ECN, &features);
    cr_assert_not(features.ecn);
}

Test(synack, default_model)
{
    struct synack_model model;
    struct synack_features features;

    synack_default_model(true, &model);
    cr_assert_str_eq(plan_in_words(&model, OFFER_ALL | OFFER_ECN),
                     "window 64240: mss nop nop sack nop window_scale");
    synack_plan(&model, OFFER_ALL, &features);
    cr_assert_eq(features.mss, 1460);
    cr_assert_eq(features.window_scale, 7);
    synack_default_model(false, &model);
    synack_plan(&model, 0, &features);
    cr_assert_eq(features.mss, 1440);
    cr_assert_eq(features.window_scale, WSCALE_NONE);
    cr_assert_eq(model.ip_id, IP_ID_NONE);
}

/* Any model and offer: nothing is granted that was not offered, and the bytes fit. plan_in_words()
 * checks the rest. */
Test(synack, random_models_grant_only_what_was_offered)
{
    struct random random = random_begin("synack/random");

    for (unsigned round = 0; round < 20000; round++) {
        struct synack_model model;
        struct synack_features features;
        uint8_t offered = (uint8_t)random_below(&random, 32);

        for (size_t i = 0; i < sizeof(model); i++)
            ((uint8_t *)&model)[i] = (uint8_t)random_next(&random);
        model.mss_state = (enum capability)random_below(&random, 3);
        model.sack = (enum capability)random_below(&random, 3);
        model.timestamps = (enum capability)random_below(&random, 3);
        model.window_scale_state = (enum capability)random_below(&random, 3);
        model.ecn = (enum capability)random_below(&random, 3);
        model.df = true;
        model.mss |= 1;
        for (unsigned v = 0; v < SYNACK_VARIANTS_MAX; v++) {
            model.variants[v].ecn = random_below(&random, 2);
            model.variants[v].offered &= 31;
            for (unsigned k = 0; k < SYNACK_LAYOUT_MAX; k++)
                model.variants[v].layout[k] %= 9;
        }
        model.variants_count = (uint8_t)random_below(&random, 20);
        plan_in_words(&model, offered);
        synack_plan(&model, offered, &features);
        cr_assert(!features.sack || (offered & OFFER_SACK));
        cr_assert(!features.timestamps || (offered & OFFER_TIMESTAMPS));
        cr_assert(features.window_scale == WSCALE_NONE || (offered & OFFER_WSCALE));
        cr_assert(!features.ecn || (offered & OFFER_ECN));
    }
}

Test(synack, features_equal_looks_at_all)
{
    struct synack_model model = linux_model();
    struct synack_features a, b;

    synack_plan(&model, OFFER_ALL, &a);
    b = a;
    cr_assert(synack_features_equal(&a, &b));
    b.layout[SYNACK_LAYOUT_MAX - 1] = 9; /* beyond layout_bytes */
    cr_assert(synack_features_equal(&a, &b));
    b.layout[0] = TCP_OPT_NOP;
    cr_assert_not(synack_features_equal(&a, &b));
#define DIFFERS(field)                                                                             \
    b = a;                                                                                         \
    b.field = !b.field;                                                                            \
    cr_assert_not(synack_features_equal(&a, &b), #field)
    DIFFERS(mss);
    DIFFERS(window);
    DIFFERS(window_scale);
    DIFFERS(sack);
    DIFFERS(timestamps);
    DIFFERS(ecn);
    DIFFERS(ttl);
    DIFFERS(df);
    DIFFERS(layout_bytes);
#undef DIFFERS
}

Test(synack, option_bytes)
{
    struct synack_features features = {
        .mss = 1460, .window_scale = 7, .layout_bytes = 5, .layout = {2, 4, 8, 1, 3}};
    uint8_t bytes[TCP_OPTIONS_MAX], expected[TCP_OPTIONS_MAX];
    size_t count = options_write("mss=1460 sack ts=100/200 nop ws=7", expected);

    cr_assert_eq(synack_options(&features, 100, 200, bytes), count);
    cr_assert_arr_eq(bytes, expected, count);
    features.layout_bytes = 2;
    count = options_write("mss=1460 sack eol eol", expected);
    cr_assert_eq(synack_options(&features, 100, 200, bytes), count);
    cr_assert_arr_eq(bytes, expected, count);
    features.layout[1] = TCP_OPT_FAST_OPEN;
    cr_assert_eq(synack_options(&features, 1, 2, bytes), 0u, "outside the whitelist");
    memset(features.layout, TCP_OPT_TIMESTAMPS, sizeof(features.layout));
    features.layout_bytes = 5;
    cr_assert_eq(synack_options(&features, 1, 2, bytes), 0u, "more than 40 bytes");
    features.layout_bytes = SYNACK_LAYOUT_MAX + 1;
    cr_assert_eq(synack_options(&features, 1, 2, bytes), 0u);
}

static void assert_open(const struct synack_features *granted, uint8_t scale, const char *words)
{
    uint8_t bytes[TCP_OPTIONS_MAX], expected[TCP_OPTIONS_MAX];
    size_t count = options_write(words, expected);

    cr_assert_eq(synack_open_options(granted, 1400, scale, 55, bytes), count, "%s", words);
    cr_assert_arr_eq(bytes, expected, count);
}

Test(synack, opening_offers_what_was_granted)
{
    struct synack_features granted = {.sack = true, .timestamps = true, .window_scale = 7};

    assert_open(&granted, 10, "mss=1400 sack ts=55/0 nop ws=10");
    granted.sack = false;
    assert_open(&granted, 10, "mss=1400 nop nop ts=55/0 nop ws=10");
    granted.timestamps = false;
    assert_open(&granted, 10, "mss=1400 nop ws=10");
    assert_open(&granted, WSCALE_NONE, "mss=1400");
    granted.sack = true;
    granted.window_scale = WSCALE_NONE;
    assert_open(&granted, 10, "mss=1400 nop nop sack");
}
