/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_busy_poll.c - when a worker looks for the next frame before it sleeps, with times made up.
 */
#include "bridge/io/busy_poll.h"

#include <criterion/criterion.h>

Test(busy_poll, words)
{
    static const char *const wrong[] = {"",   "on",  "-1",   "0",    " 5",
                                        "5 ", "5us", "0x10", "1001", "99999999999999999999"};
    struct error error = {0};
    uint32_t setting = 7;
    cr_assert(busy_poll_parse("off", &setting, &error) && setting == BUSY_POLL_OFF);
    cr_assert(busy_poll_parse("auto", &setting, &error) && setting == BUSY_POLL_AUTO);
    cr_assert(busy_poll_parse("1", &setting, &error) && setting == 1);
    cr_assert(busy_poll_parse("1000", &setting, &error) && setting == BUSY_POLL_MAX_US);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_not(busy_poll_parse(wrong[i], &setting, &error), "%s", wrong[i]);
        cr_assert_eq(error.code, EXIT_USAGE);
        cr_assert_eq(setting, BUSY_POLL_MAX_US);
    }
    cr_assert_not(busy_poll_parse("1001", &setting, &error));
    cr_assert_str_eq(
        error.text, "not a time for busy polling: 1001: write off, auto or 1 to 1000 microseconds");
}

static struct busy_poll polling(uint32_t setting, uint32_t cores)
{
    struct busy_poll poll;
    busy_poll_init(&poll, setting, cores, NULL);
    busy_poll_waited(&poll, 1000, 1001, true);
    return poll;
}

/* How long it looks in a wait that begins now. */
static uint64_t looks_us(struct busy_poll *poll, uint64_t now_us, uint64_t timeout_us)
{
    return busy_poll_until_us(poll, now_us, timeout_us) - now_us;
}

Test(busy_poll, looks_only_where_frames_come_close_together)
{
    struct busy_poll poll;
    busy_poll_init(&poll, 50, 2, NULL);
    cr_assert_eq(looks_us(&poll, 100, UINT64_MAX), 0, "nothing has come yet");
    busy_poll_waited(&poll, 100, 150, true);
    cr_assert_eq(looks_us(&poll, 150, UINT64_MAX), 50);
    busy_poll_waited(&poll, 150, 201, true);
    cr_assert_eq(looks_us(&poll, 201, UINT64_MAX), 0, "51 us are too far apart");
    busy_poll_waited(&poll, 201, 202, true);
    cr_assert_eq(looks_us(&poll, 202, UINT64_MAX), 50);
    busy_poll_waited(&poll, 202, 203, false);
    cr_assert_eq(looks_us(&poll, 203, UINT64_MAX), 0, "what ended the wait was a timer");
}

Test(busy_poll, never_longer_than_the_wait)
{
    struct busy_poll poll = polling(50, 2);
    cr_assert_eq(looks_us(&poll, 5000, 20), 20);
    cr_assert_eq(looks_us(&poll, 5000, 0), 0);
}

Test(busy_poll, off_and_auto)
{
    struct busy_poll off = polling(BUSY_POLL_OFF, 2), lone = polling(BUSY_POLL_AUTO, 1),
                     two = polling(BUSY_POLL_AUTO, 2), asked = polling(80, 1);
    cr_assert_eq(looks_us(&off, 5000, UINT64_MAX), 0);
    cr_assert_eq(looks_us(&lone, 5000, UINT64_MAX), 0, "whoever answers needs the only core");
    cr_assert_eq(looks_us(&two, 5000, UINT64_MAX), BUSY_POLL_AUTO_US);
    cr_assert_eq(looks_us(&asked, 5000, UINT64_MAX), 80);
}

/* Under auto the main thread decides, and hears of those who would; a time that was asked for is
 * nobody's business. */
Test(busy_poll, auto_needs_a_spare_core)
{
    struct busy_poll_word word = {0};
    struct busy_poll poll, asked;
    busy_poll_init(&poll, BUSY_POLL_AUTO, 2, &word);
    busy_poll_waited(&poll, 1000, 2000, true);
    cr_assert_eq(looks_us(&poll, 2000, UINT64_MAX), 0);
    cr_assert_not(atomic_load(&word.keen), "frames a millisecond apart");
    busy_poll_waited(&poll, 2000, 2001, true);
    cr_assert_eq(looks_us(&poll, 2001, UINT64_MAX), 0);
    cr_assert(busy_poll_keen(&word));
    cr_assert(busy_poll_asked(&poll));
    cr_assert_not(busy_poll_asked(&poll), "once");
    atomic_store(&word.spare, true);
    cr_assert_eq(looks_us(&poll, 2001, UINT64_MAX), BUSY_POLL_AUTO_US);
    atomic_store(&word.spare, false);
    cr_assert_eq(looks_us(&poll, 2001, UINT64_MAX), 0);
    atomic_store(&word.keen, false);
    busy_poll_init(&asked, 80, 2, &word);
    busy_poll_waited(&asked, 1000, 1001, true);
    cr_assert_eq(looks_us(&asked, 1001, UINT64_MAX), 80);
    cr_assert_not(atomic_load(&word.keen));
}

/* Who ran here has another core to go to. */
Test(busy_poll, pauses_do_not_grow_beside_a_spare_core)
{
    struct busy_poll_word word = {.spare = true};
    struct busy_poll poll;
    uint64_t now_us = 5000;
    busy_poll_init(&poll, BUSY_POLL_AUTO, 2, &word);
    busy_poll_waited(&poll, 4000, 4001, true);
    for (int i = 0; i < 5; i++) {
        busy_poll_lost(&poll, now_us);
        cr_assert_eq(looks_us(&poll, now_us + BUSY_POLL_HOLD_US - 1, UINT64_MAX), 0);
        cr_assert_eq(looks_us(&poll, now_us + BUSY_POLL_HOLD_US, UINT64_MAX), BUSY_POLL_AUTO_US);
        now_us += BUSY_POLL_HOLD_US;
    }
}

Test(busy_poll, a_wanted_core_is_left_alone_the_longer_the_more_often)
{
    struct busy_poll poll = polling(50, 2);
    uint64_t now_us = 5000;
    for (uint64_t hold_us = BUSY_POLL_HOLD_US; hold_us < 4 * BUSY_POLL_HOLD_MAX_US; hold_us *= 2) {
        const uint64_t expected_us =
            hold_us < BUSY_POLL_HOLD_MAX_US ? hold_us : BUSY_POLL_HOLD_MAX_US;
        busy_poll_lost(&poll, now_us);
        cr_assert_eq(looks_us(&poll, now_us + expected_us - 1, UINT64_MAX), 0);
        cr_assert_eq(looks_us(&poll, now_us + expected_us, UINT64_MAX), 50);
        now_us += expected_us;
    }
    now_us += 10 * BUSY_POLL_HOLD_MAX_US;
    busy_poll_lost(&poll, now_us);
    cr_assert_eq(looks_us(&poll, now_us + BUSY_POLL_HOLD_US, UINT64_MAX), 50, "that was long ago");
}
