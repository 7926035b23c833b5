/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mailbox.c - see mailbox.h.
 *
 *      | head (consumer) | tail (producer) |  slots: index & (capacity - 1)
 *
 * Both indices only grow and wrap; tail - head items are in the queue. Each side keeps its index on
 * a cache line of its own, with the last value that it saw of the other's, so that a put touches
 * the consumer's line only when the queue looks full.
 *
 * The slots are touched at the start: a queue that is walked through once takes no more memory than
 * a new one.
 */
#include "bridge/workers/mailbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CACHE_LINE_BYTES 64

struct mailbox {
    _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t head;
    uint32_t tail_seen; /* the consumer's */
    _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t tail;
    uint32_t head_seen; /* the producer's */
    _Atomic uint64_t dropped;
    _Alignas(CACHE_LINE_BYTES) uint32_t capacity;
    size_t item_bytes;
    uint8_t *slots;
};

bool waker_open(struct waker *waker)
{
    atomic_init(&waker->state, WAKER_SILENT);
    waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return waker->fd >= 0;
}

void waker_close(struct waker *waker)
{
    if (waker->fd >= 0)
        close(waker->fd);
    waker->fd = -1;
}

void waker_ring(struct waker *waker)
{
    if (atomic_exchange_explicit(&waker->state, WAKER_RUNG, memory_order_acq_rel) != WAKER_RUNG)
        eventfd_write(waker->fd, 1);
}

void waker_nudge(struct waker *waker)
{
    int silent = WAKER_SILENT;

    if (atomic_compare_exchange_strong_explicit(&waker->state, &silent, WAKER_RUNG,
                                                memory_order_acq_rel, memory_order_acquire))
        eventfd_write(waker->fd, 1);
}

/* A ring that came since is not taken back. */
void waker_hold(struct waker *waker)
{
    int silent = WAKER_SILENT;

    atomic_compare_exchange_strong_explicit(&waker->state, &silent, WAKER_HELD,
                                            memory_order_acq_rel, memory_order_acquire);
}

/*
 * The flag falls after the eventfd was read: a producer that found it up has put its item in
 * before, and the exchange makes that item visible to the emptying that follows.
 */
void waker_clear(struct waker *waker)
{
    eventfd_t rings;

    eventfd_read(waker->fd, &rings);
    atomic_exchange_explicit(&waker->state, WAKER_SILENT, memory_order_acq_rel);
}

struct mailbox *mailbox_new(uint32_t capacity, size_t item_bytes)
{
    struct mailbox *mailbox = aligned_alloc(CACHE_LINE_BYTES, sizeof(*mailbox));
    size_t bytes;

    if (!mailbox)
        return NULL;
    memset(mailbox, 0, sizeof(*mailbox));
    mailbox->capacity = capacity;
    mailbox->item_bytes = (item_bytes + 15) & ~(size_t)15;
    bytes =
        (capacity * mailbox->item_bytes + CACHE_LINE_BYTES - 1) & ~(size_t)(CACHE_LINE_BYTES - 1);
    mailbox->slots =
        aligned_alloc(CACHE_LINE_BYTES, bytes); /* calloc() would leave the pages for later */
    if (mailbox->slots) {
        memset(mailbox->slots, 0, bytes);
        return mailbox;
    }
    free(mailbox);
    return NULL;
}

void mailbox_free(struct mailbox *mailbox)
{
    if (!mailbox)
        return;
    free(mailbox->slots);
    free(mailbox);
}

static uint8_t *slot(const struct mailbox *mailbox, uint32_t index)
{
    return mailbox->slots + (index & (mailbox->capacity - 1)) * mailbox->item_bytes;
}

bool mailbox_put(struct mailbox *mailbox, const void *item, size_t bytes)
{
    const uint32_t tail = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);

    if (tail - mailbox->head_seen == mailbox->capacity)
        mailbox->head_seen = atomic_load_explicit(&mailbox->head, memory_order_acquire);
    if (tail - mailbox->head_seen == mailbox->capacity) {
        atomic_fetch_add_explicit(&mailbox->dropped, 1, memory_order_relaxed);
        return false;
    }
    memcpy(slot(mailbox, tail), item, bytes);
    atomic_store_explicit(&mailbox->tail, tail + 1, memory_order_release);
    return true;
}

const void *mailbox_peek(struct mailbox *mailbox)
{
    const uint32_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);

    if (head == mailbox->tail_seen)
        mailbox->tail_seen = atomic_load_explicit(&mailbox->tail, memory_order_acquire);
    return head == mailbox->tail_seen ? NULL : slot(mailbox, head);
}

void mailbox_pop(struct mailbox *mailbox)
{
    const uint32_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);

    atomic_store_explicit(&mailbox->head, head + 1, memory_order_release);
}

uint64_t mailbox_dropped(const struct mailbox *mailbox)
{
    return atomic_load_explicit(&mailbox->dropped, memory_order_relaxed);
}
