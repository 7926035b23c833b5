/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/stray.c: how much without a proof gets to servers (rule 4). */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/engine/support_engine.h"

/* `count` segments to `server` that prove nothing, each of another client; returns how many pass.
 */
static uint32_t strays(struct bench *b, const char *server, uint32_t count)
{
    uint32_t passed = 0;
    char from[40];

    for (uint32_t i = 0; i < count; i++) {
        snprintf(from, sizeof(from), "198.51.100.%u:%u", i & 255, 1024 + (i >> 8));
        client_says(b, .from = from, .to = server, .flags = ".", .seq = X + 1, .ack = 5);
        passed += b->verdict.action == VERDICT_FORWARD;
        bench_forget(b);
    }
    return passed;
}

Test(stray, flood_to_one_server_takes_nothing_from_another)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    cr_assert_eq(strays(b, HTTP, 300), 100);
    cr_assert_eq(strays(b, POP3, 50), 50);
    bench_end(b);
}
