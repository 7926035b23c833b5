/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mailbox.h - a queue from one thread to one other, and the bell that tells of it.
 *
 *      producer: mailbox_put() ... mailbox_put(), waker_ring()
 *      consumer: waker_clear(), then mailbox_peek()/mailbox_pop() until it is empty
 *
 * A full queue drops and counts, it never waits. One bell may serve several mailboxes and several
 * producers. Ringing costs a system call only when the consumer has looked since the last ring. A
 * consumer that will look again by itself soon says so with waker_hold(): what can wait until then
 * need not ring, so that a steady stream of small things wakes it now and then instead of each
 * time.
 */
#ifndef SYNWARD_BRIDGE_WORKERS_MAILBOX_H
#define SYNWARD_BRIDGE_WORKERS_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum waker_state {
    WAKER_SILENT,
    WAKER_HELD, /* the consumer will look by itself */
    WAKER_RUNG, /* the fd is readable, or is being made so */
};

struct waker {
    int fd; /* eventfd, non-blocking: readable after a ring */
    atomic_int state;
};

bool waker_open(struct waker *waker);
void waker_close(struct waker *waker);
void waker_ring(struct waker *waker);
/* For what can wait until the consumer looks by itself, if it has said that it will. */
void waker_nudge(struct waker *waker);
/* To be called before the mailboxes are emptied: what is put in later rings again. */
void waker_clear(struct waker *waker);
/* Behind waker_clear() and the emptying, by a consumer that will empty again at a time of its own.
 */
void waker_hold(struct waker *waker);

struct mailbox;

/* `capacity` is a power of two. NULL: out of memory. */
struct mailbox *mailbox_new(uint32_t capacity, size_t item_bytes);
void mailbox_free(struct mailbox *mailbox);

/*
 * Producer. Copies the first `bytes` (<= item_bytes) of the item; the rest of its slot holds what
 * was there before. False: full, counted.
 */
bool mailbox_put(struct mailbox *mailbox, const void *item, size_t bytes);
/* Consumer: the oldest item, good until mailbox_pop(); NULL: empty. */
const void *mailbox_peek(struct mailbox *mailbox);
void mailbox_pop(struct mailbox *mailbox);
/* Items that found the queue full. Any thread. */
uint64_t mailbox_dropped(const struct mailbox *mailbox);

#endif
