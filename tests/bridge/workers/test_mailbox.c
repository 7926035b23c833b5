/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mailbox.c - order, fullness and wake-ups of the queue between two threads. */
#include "bridge/workers/mailbox.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>

struct item {
    uint64_t number;
    uint64_t check; /* ~number: a torn or early read would show */
};

Test(mailbox, empty_at_first)
{
    struct mailbox *mailbox = mailbox_new(4, sizeof(struct item));
    cr_assert_null(mailbox_peek(mailbox));
    cr_assert_eq(mailbox_dropped(mailbox), 0);
    mailbox_free(mailbox);
}

Test(mailbox, first_in_first_out_and_full_drops)
{
    struct mailbox *mailbox = mailbox_new(4, sizeof(uint32_t));
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < 6; i++) {
            const uint32_t value = round * 100 + i;
            cr_assert_eq(mailbox_put(mailbox, &value, sizeof(value)), i < 4);
        }
        cr_assert_eq(mailbox_dropped(mailbox), 2 * (round + 1));
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t *value = mailbox_peek(mailbox);
            cr_assert_not_null(value);
            cr_assert_eq(*value, round * 100 + i);
            mailbox_pop(mailbox);
        }
        cr_assert_null(mailbox_peek(mailbox));
    }
    mailbox_free(mailbox);
}

Test(mailbox, short_put_copies_only_its_bytes)
{
    struct mailbox *mailbox = mailbox_new(1, 8);
    mailbox_put(mailbox, "abcdefgh", 8);
    mailbox_pop(mailbox);
    mailbox_put(mailbox, "XY", 2);
    cr_assert_arr_eq(mailbox_peek(mailbox), "XYcdefgh", 8);
    mailbox_free(mailbox);
}

static bool readable(const struct waker *waker)
{
    struct pollfd fd = {.fd = waker->fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

Test(waker, rings_until_cleared)
{
    struct waker waker;
    cr_assert(waker_open(&waker));
    cr_assert_not(readable(&waker));
    waker_ring(&waker);
    waker_ring(&waker);
    cr_assert(readable(&waker));
    waker_clear(&waker);
    cr_assert_not(readable(&waker));
    waker_ring(&waker);
    cr_assert(readable(&waker));
    waker_close(&waker);
}

struct pair {
    struct mailbox *mailbox;
    struct waker waker;
    uint64_t items;
};

static void *produce(void *argument)
{
    struct pair *pair = argument;
    for (uint64_t number = 0; number < pair->items;) {
        const struct item item = {number, ~number};
        if (mailbox_put(pair->mailbox, &item, sizeof(item)))
            number++;
        waker_ring(&pair->waker);
    }
    return NULL;
}

/* The consumer sleeps only on the bell: a lost wake-up would make poll() time out. */
Test(waker, a_held_one_is_not_nudged_but_rings)
{
    struct waker waker;
    cr_assert(waker_open(&waker));
    waker_nudge(&waker);
    cr_assert(readable(&waker), "nobody has said that he will look");
    waker_clear(&waker);
    waker_hold(&waker);
    waker_nudge(&waker);
    cr_assert_not(readable(&waker));
    waker_ring(&waker);
    cr_assert(readable(&waker), "what is urgent rings all the same");
    waker_hold(&waker);
    cr_assert(readable(&waker), "a ring is not taken back");
    waker_clear(&waker);
    waker_nudge(&waker);
    cr_assert(readable(&waker));
    waker_close(&waker);
}

Test(mailbox, two_threads_lose_nothing)
{
    struct pair pair = {.mailbox = mailbox_new(64, sizeof(struct item)), .items = 300000};
    cr_assert(waker_open(&pair.waker));
    pthread_t producer;
    cr_assert_eq(pthread_create(&producer, NULL, produce, &pair), 0);
    uint64_t expected = 0;
    while (expected < pair.items) {
        struct pollfd fd = {.fd = pair.waker.fd, .events = POLLIN};
        cr_assert_eq(poll(&fd, 1, 10000), 1, "no wake-up after %lu items", (unsigned long)expected);
        waker_clear(&pair.waker);
        const struct item *item;
        while ((item = mailbox_peek(pair.mailbox)) != NULL) {
            cr_assert_eq(item->number, expected);
            cr_assert_eq(item->check, ~expected);
            mailbox_pop(pair.mailbox);
            expected++;
        }
    }
    pthread_join(producer, NULL);
    cr_assert_null(mailbox_peek(pair.mailbox));
    waker_close(&pair.waker);
    mailbox_free(pair.mailbox);
}
