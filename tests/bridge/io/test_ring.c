/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ring.c - the ring over datagram socket pairs, which keep frames apart as a TAP does, so that
 * no root is needed.
 *
 *      test  pairs[side].near  <==>  pairs[side].far  ring
 */
#include "bridge/io/ring.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/io/busy_poll.h"
#include "bridge/base/clock.h"
#include "bridge/io/ring_parts.h"

struct pairs {
    int near[2], far[2]; /* by enum side */
    int wake;
    struct ring *ring;
};

static struct pairs open_polling_pairs(bool single_reads, uint32_t busy_poll)
{
    struct pairs pairs;
    const int bytes = 4 << 20;
    for (int side = 0; side < 2; side++) {
        int fds[2];
        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        for (int i = 0; i < 2; i++)
            setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
        pairs.near[side] = fds[0];
        pairs.far[side] = fds[1];
    }
    pairs.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const struct ring_options options = {.fds = {pairs.far[0], pairs.far[1]},
                                         .wake_fd = pairs.wake,
                                         .nowait_writes = true,
                                         .single_reads = single_reads,
                                         .busy_poll = busy_poll};
    struct error error = {0};
    pairs.ring = ring_open(&options, &error);
    if (pairs.ring == NULL && strstr(error.text, "not available") != NULL)
        cr_skip_test("skipped: %s", error.text);
    cr_assert_not_null(pairs.ring, "%s", error.text);
    cr_assert(!single_reads || !ring_multishot(pairs.ring));
    return pairs;
}

static struct pairs open_pairs(bool single_reads)
{
    return open_polling_pairs(single_reads, BUSY_POLL_OFF);
}

static void close_pairs(struct pairs *pairs)
{
    ring_close(pairs->ring);
    for (int side = 0; side < 2; side++) {
        close(pairs->near[side]);
        close(pairs->far[side]);
    }
    close(pairs->wake);
}

/* One batch: everything goes across. */
static uint32_t forward_batch(struct ring *ring, uint64_t timeout_us)
{
    struct ring_frame frame;
    uint32_t count = 0;
    ring_wait(ring, timeout_us);
    for (; ring_next(ring, &frame); count++)
        ring_write(ring, &frame, side_other(frame.from), frame.bytes);
    return count;
}

static bool receive(int fd, void *out, size_t bytes, ssize_t *got)
{
    *got = recv(fd, out, bytes, 0);
    return *got >= 0;
}

static void forwards_in_order(struct pairs pairs)
{
    uint32_t sent[2] = {0}, received[2] = {0};
    const uint32_t total = 20000;
    while (received[0] < total || received[1] < total) {
        for (int side = 0; side < 2; side++) {
            /* As much as the socket takes: batches of any length, also longer than there are
             * buffers. */
            while (sent[side] < total &&
                   send(pairs.near[side], &sent[side], sizeof(sent[side]), 0) > 0)
                sent[side]++;
        }
        forward_batch(pairs.ring, 1000);
        for (int side = 0; side < 2; side++) {
            uint32_t number;
            ssize_t got;
            while (receive(pairs.near[side], &number, sizeof(number), &got)) {
                cr_assert_eq(got, (ssize_t)sizeof(number));
                cr_assert_eq(number, received[side], "frame %u came in the place of %u", number,
                             received[side]);
                received[side]++;
            }
        }
    }
    const struct ring_counts *counts = ring_counts(pairs.ring);
    cr_assert_eq(counts->written[0], total);
    cr_assert_eq(counts->written[1], total);
    cr_assert_eq(counts->refused[0] + counts->refused[1], 0);
    close_pairs(&pairs);
}

Test(ring, forwards_in_order_multishot)
{
    forwards_in_order(open_pairs(false));
}

Test(ring, forwards_in_order_single)
{
    forwards_in_order(open_pairs(true));
}

Test(ring, forwards_in_order_busy_polling)
{
    forwards_in_order(open_polling_pairs(false, BUSY_POLL_MAX_US));
    forwards_in_order(open_polling_pairs(true, BUSY_POLL_MAX_US));
}

/* A frame at a time, each sent when the one before has arrived: what is waited for comes while the
 * ring looks, or while it sleeps. */
static void *echo(void *argument)
{
    const struct pairs *pairs = argument;
    for (uint32_t number = 0; number < 2000; number++) {
        struct pollfd arrived = {.fd = pairs->near[SIDE_SERVER], .events = POLLIN};
        uint32_t got = UINT32_MAX;
        send(pairs->near[SIDE_CLIENT], &number, sizeof(number), 0);
        poll(&arrived, 1, -1);
        recv(pairs->near[SIDE_SERVER], &got, sizeof(got), 0);
        if (got != number)
            return (void *)1;
    }
    return NULL;
}

static void carries_one_at_a_time(bool single_reads, uint32_t busy_poll)
{
    struct pairs pairs = open_polling_pairs(single_reads, busy_poll);
    pthread_t thread;
    void *failed;
    cr_assert_eq(pthread_create(&thread, NULL, echo, &pairs), 0);
    for (uint32_t frames = 0; frames < 2000;)
        frames += forward_batch(pairs.ring, UINT64_MAX);
    ring_wait(pairs.ring, 0); /* the last one goes out */
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    close_pairs(&pairs);
}

Test(ring, one_at_a_time)
{
    for (int single_reads = 0; single_reads < 2; single_reads++) {
        carries_one_at_a_time(single_reads, BUSY_POLL_OFF);
        carries_one_at_a_time(single_reads, 1);
        carries_one_at_a_time(single_reads, BUSY_POLL_MAX_US);
    }
}

static void largest_frames(bool single_reads)
{
    static uint8_t out[RING_BUFFER_BYTES], in[RING_BUFFER_BYTES];
    struct pairs pairs = open_pairs(single_reads);
    /* 64 KiB of IP packet behind the longest headers. */
    const size_t longest = OFFLOAD_BYTES + LINK_HEADER_MAX + 65535;
    for (int round = 0; round < 500; round++) {
        for (size_t i = 0; i < longest; i++)
            out[i] = (uint8_t)(i * 7 + (size_t)round);
        cr_assert_eq(send(pairs.near[SIDE_CLIENT], out, longest, 0), (ssize_t)longest);
        cr_assert_eq(forward_batch(pairs.ring, 1000000), 1);
        ring_wait(pairs.ring, 0);
        ssize_t got;
        cr_assert(receive(pairs.near[SIDE_SERVER], in, sizeof(in), &got));
        cr_assert_eq(got, (ssize_t)longest);
        cr_assert_eq(memcmp(in, out, longest), 0);
    }
    close_pairs(&pairs);
}

Test(ring, largest_frames_multishot)
{
    largest_frames(false);
}

Test(ring, largest_frames_single)
{
    largest_frames(true);
}

/* A reply longer than what came, built in the same buffer, and one of our own behind it. */
Test(ring, replies_and_sends_keep_their_order)
{
    struct pairs pairs = open_pairs(false);
    char text[64];
    ssize_t got;
    cr_assert_eq(send(pairs.near[SIDE_CLIENT], "hello", 5, 0), 5);
    struct ring_frame frame;
    ring_wait(pairs.ring, 1000000);
    cr_assert(ring_next(pairs.ring, &frame));
    cr_assert_eq(frame.from, SIDE_CLIENT);
    cr_assert_eq(frame.bytes, 5);
    cr_assert_geq(frame.capacity, frame.bytes + 128);
    memcpy(frame.data, "hello to you", 12);
    ring_write(pairs.ring, &frame, SIDE_CLIENT, 12);
    cr_assert(ring_send(pairs.ring, SIDE_CLIENT, (const uint8_t *)"first", 5));
    cr_assert(ring_send(pairs.ring, SIDE_CLIENT, (const uint8_t *)"second", 6));
    ring_wait(pairs.ring, 0);
    static const char *const expected[] = {"hello to you", "first", "second"};
    for (int i = 0; i < 3; i++) {
        memset(text, 0, sizeof(text));
        cr_assert(receive(pairs.near[SIDE_CLIENT], text, sizeof(text) - 1, &got),
                  "frame %d did not come", i);
        cr_assert_str_eq(text, expected[i]);
    }
    close_pairs(&pairs);
}

/* More frames of our own than there are buffers for them: none is lost while the other side takes
 * them. */
Test(ring, sends_beyond_the_pool)
{
    struct pairs pairs = open_pairs(false);
    static uint8_t data[4096];
    uint32_t received = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        memcpy(data, &i, sizeof(i));
        cr_assert(ring_send(pairs.ring, SIDE_SERVER, data, i % 5 == 0 ? 4000 : 100));
        if (i % 40 == 39 || i == 2999)
            ring_wait(pairs.ring, 0);
        uint32_t number;
        while (recv(pairs.near[SIDE_SERVER], &number, sizeof(number), 0) > 0)
            cr_assert_eq(number, received++);
    }
    cr_assert_eq(received, 3000);
    cr_assert_not(ring_send(pairs.ring, SIDE_SERVER, data, RING_BUFFER_BYTES + 1),
                  "too long is refused");
    close_pairs(&pairs);
}

/* A side that takes nothing: frames are refused and counted, in order, and never come late. */
Test(ring, a_full_side_refuses)
{
    struct pairs pairs = open_pairs(false);
    const uint32_t total = 30000;
    static uint8_t data[2000];
    for (uint32_t i = 0; i < total; i++) {
        memcpy(data, &i, sizeof(i));
        cr_assert(ring_send(pairs.ring, SIDE_SERVER, data, sizeof(data)));
        if (i % 100 == 99)
            ring_wait(pairs.ring, 0);
    }
    ring_wait(pairs.ring, 0);
    const struct ring_counts *counts = ring_counts(pairs.ring);
    cr_assert_gt(counts->refused[SIDE_SERVER], 0);
    cr_assert_eq(counts->written[SIDE_SERVER] + counts->refused[SIDE_SERVER], total);
    uint32_t number, next = 0, received = 0;
    for (; recv(pairs.near[SIDE_SERVER], &number, sizeof(number), 0) > 0;
         received++, next = number + 1)
        cr_assert_geq(number, next);
    cr_assert_eq(received, counts->written[SIDE_SERVER]);
    ring_wait(pairs.ring, 0);
    cr_assert_lt(recv(pairs.near[SIDE_SERVER], &number, sizeof(number), 0), 0,
                 "nothing comes behind");
    close_pairs(&pairs);
}

static void releases(bool single_reads)
{
    struct pairs pairs = open_pairs(single_reads);
    struct ring_frame frame;
    for (int i = 0; i < 2000; i++) {
        cr_assert_eq(send(pairs.near[SIDE_SERVER], &i, sizeof(i), 0), (ssize_t)sizeof(i));
        ring_wait(pairs.ring, 1000000);
        cr_assert(ring_next(pairs.ring, &frame), "frame %d", i);
        cr_assert_eq(memcmp(frame.data, &i, sizeof(i)), 0);
        ring_release(pairs.ring, &frame);
    }
    close_pairs(&pairs);
}

Test(ring, released_buffers_come_back_multishot)
{
    releases(false);
}

Test(ring, released_buffers_come_back_single)
{
    releases(true);
}

Test(ring, waits_end_in_time)
{
    struct pairs pairs = open_pairs(false);
    const uint64_t begin_us = clock_now_us();
    ring_wait(pairs.ring, 30000);
    const uint64_t took_us = clock_now_us() - begin_us;
    cr_assert_geq(took_us, 29000);
    cr_assert_not(ring_woken(pairs.ring));
    close_pairs(&pairs);
}

Test(ring, a_wake_up_ends_the_wait)
{
    struct pairs pairs = open_pairs(false);
    for (int round = 0; round < 3; round++) {
        eventfd_write(pairs.wake, 1);
        ring_wait(pairs.ring, UINT64_MAX);
        cr_assert(ring_woken(pairs.ring));
        cr_assert_not(ring_woken(pairs.ring), "it is told once");
    }
    close_pairs(&pairs);
}

/* Frames that came close together make it look, and when nothing follows it sleeps, whatever else
 * ends its waits. */
Test(ring, an_idle_ring_sleeps)
{
    struct pairs pairs = open_polling_pairs(false, BUSY_POLL_MAX_US);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(send(pairs.near[SIDE_CLIENT], "frame", 5, 0), 5);
        forward_batch(pairs.ring, UINT64_MAX);
    }
    const uint64_t begin_us = clock_read_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < 50; i++) {
        eventfd_write(pairs.wake, 1);
        ring_wait(pairs.ring, UINT64_MAX);
        cr_assert(ring_woken(pairs.ring));
        ring_wait(pairs.ring, 2000);
    }
    const uint64_t took_us = clock_read_us(CLOCK_THREAD_CPUTIME_ID) - begin_us;
    cr_assert_lt(took_us, 25 * BUSY_POLL_MAX_US, "%u us of 100 ms", (unsigned)took_us);
    close_pairs(&pairs);
}

static void gone(bool single_reads)
{
    struct pairs pairs = open_pairs(single_reads);
    enum side side;
    int reason;
    cr_assert_not(ring_gone(pairs.ring, &side, &reason));
    shutdown(pairs.near[SIDE_SERVER], SHUT_RDWR);
    for (int i = 0; i < 10 && !ring_gone(pairs.ring, &side, &reason); i++)
        ring_wait(pairs.ring, 100000);
    cr_assert(ring_gone(pairs.ring, &side, &reason));
    cr_assert_eq(side, SIDE_SERVER);
    /* The other side goes on. */
    struct ring_frame frame;
    cr_assert_eq(send(pairs.near[SIDE_CLIENT], "x", 1, 0), 1);
    ring_wait(pairs.ring, 1000000);
    cr_assert(ring_next(pairs.ring, &frame));
    ring_release(pairs.ring, &frame);
    close_pairs(&pairs);
}

Test(ring, a_side_that_is_gone_is_told_multishot)
{
    gone(false);
}

Test(ring, a_side_that_is_gone_is_told_single)
{
    gone(true);
}

/* A ring whose sides have queues of SYNs too; of the server side none where `server` is false. */
struct syn_pairs {
    struct pairs pairs;
    int near[2], far[2];
};

static struct syn_pairs open_syn_pairs(bool single_reads, bool server)
{
    struct syn_pairs syns = {.pairs = open_pairs(single_reads), .near = {-1, -1}, .far = {-1, -1}};
    struct error error = {0};
    ring_close(syns.pairs.ring);
    for (int side = 0; side < (server ? 2 : 1); side++) {
        int fds[2];
        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        syns.near[side] = fds[0];
        syns.far[side] = fds[1];
    }
    const struct ring_options options = {.fds = {syns.pairs.far[0], syns.pairs.far[1]},
                                         .syn_fds = {syns.far[0], syns.far[1]},
                                         .has_syn_fds = true,
                                         .wake_fd = syns.pairs.wake,
                                         .nowait_writes = true,
                                         .single_reads = single_reads};
    syns.pairs.ring = ring_open(&options, &error);
    cr_assert_not_null(syns.pairs.ring, "%s", error.text);
    return syns;
}

static void close_syn_pairs(struct syn_pairs *syns)
{
    close_pairs(&syns->pairs);
    for (int side = 0; side < 2; side++)
        if (syns->near[side] >= 0) {
            close(syns->near[side]);
            close(syns->far[side]);
        }
}

/* However many SYNs wait, and although they came first: what flows is served first, and of them a
 * few; what is left waits for nobody. */
static void syns_last(bool single_reads)
{
    struct syn_pairs syns = open_syn_pairs(single_reads, true);
    uint32_t sent = 0, served = 0, flows_sent = 0, flows = 0;
    uint64_t slept_us = 0;
    while (sent < 200 && send(syns.near[SIDE_CLIENT], &sent, sizeof(sent), 0) > 0)
        sent++;
    cr_assert_gt(sent, RING_SYNS, "%s", strerror(errno));
    for (uint32_t batch = 0; served < sent; batch++) {
        struct ring_frame frame;
        uint32_t syns_now = 0, flows_now = 0, value = 1000 + batch;
        if (served + RING_SYNS_BESIDE < sent)
            flows_sent += send(syns.pairs.near[batch % 2], &value, sizeof(value), 0) > 0;
        const uint64_t since_us = clock_now_us();
        ring_wait(syns.pairs.ring, 1000000);
        slept_us += clock_now_us() - since_us;
        for (; ring_next(syns.pairs.ring, &frame);
             ring_write(syns.pairs.ring, &frame, frame.from, frame.bytes)) {
            memcpy(&value, frame.data, sizeof(value));
            if (value >= 1000) {
                flows_now++;
                cr_assert_eq(syns_now, 0, "batch %u: %u came behind a SYN", batch, value);
                cr_assert_eq(frame.capacity, RING_BUFFER_BYTES);
                continue;
            }
            cr_assert_eq(value, served++, "SYNs stay in order");
            cr_assert_eq(frame.from, SIDE_CLIENT);
            cr_assert_geq(frame.capacity, 1600, "a reply has room");
            syns_now++;
        }
        cr_assert_leq(syns_now, flows_now > 0 ? RING_SYNS_BESIDE : RING_SYNS);
        flows += flows_now;
    }
    cr_assert_geq(flows_sent, RING_SYNS / RING_SYNS_BESIDE);
    cr_assert_eq(flows, flows_sent);
    cr_assert_lt(slept_us, 900000, "SYNs that were left end the wait");
    ring_wait(syns.pairs.ring, 0);
    /* All of them went out by the way of the frames: sockets' queues of SYNs are never written. */
    uint32_t back = 0, value;
    ssize_t got;
    while (receive(syns.pairs.near[SIDE_CLIENT], &value, sizeof(value), &got))
        back++;
    cr_assert_eq(back, sent + (flows_sent + 1) / 2);
    cr_assert_not(receive(syns.near[SIDE_CLIENT], &value, sizeof(value), &got));
    close_syn_pairs(&syns);
}

Test(ring, syns_are_served_last_multishot)
{
    syns_last(false);
}

Test(ring, syns_are_served_last_single)
{
    syns_last(true);
}

static uint32_t send_numbers(int fd, uint32_t count)
{
    uint32_t sent = 0;
    while (sent < count && send(fd, &sent, sizeof(sent), 0) > 0)
        sent++;
    return sent;
}

/* Whatever else comes in masses cannot keep SYNs out: half as many of them get through. */
Test(ring, many_others_leave_syns_their_share)
{
    struct syn_pairs syns = open_syn_pairs(false, true);
    const uint32_t flows = send_numbers(syns.pairs.near[SIDE_CLIENT], 100);
    uint32_t taken = 0;
    struct ring_frame frame;
    cr_assert_gt(flows, 4 * RING_SYNS_BESIDE);
    cr_assert_geq(send_numbers(syns.near[SIDE_CLIENT], RING_SYNS), flows / 2);
    ring_wait(syns.pairs.ring, 1000000);
    for (; ring_next(syns.pairs.ring, &frame); taken++)
        ring_release(syns.pairs.ring, &frame);
    cr_assert_eq(taken, flows + flows / 2);
    close_syn_pairs(&syns);
}

/* It sleeps while nothing comes, is woken by a SYN alone, and one side may be without their queue.
 */
Test(ring, a_syn_ends_the_wait)
{
    struct syn_pairs syns = open_syn_pairs(false, false);
    struct ring_frame frame;
    const uint64_t begin_us = clock_now_us();
    ring_wait(syns.pairs.ring, 20000);
    cr_assert_not(ring_next(syns.pairs.ring, &frame));
    cr_assert_geq(clock_now_us() - begin_us, 15000);
    for (uint32_t i = 0; i < 300; i++) {
        cr_assert_eq(send(syns.near[SIDE_CLIENT], &i, sizeof(i), 0), (ssize_t)sizeof(i));
        ring_wait(syns.pairs.ring, 5000000);
        cr_assert(ring_next(syns.pairs.ring, &frame));
        ring_release(syns.pairs.ring, &frame);
    }
    close_syn_pairs(&syns);
}

Test(ring, a_lost_queue_of_syns_is_a_lost_side)
{
    struct syn_pairs syns = open_syn_pairs(false, true);
    enum side side;
    int reason;
    shutdown(syns.near[SIDE_SERVER], SHUT_RDWR);
    ring_wait(syns.pairs.ring, 1000000);
    cr_assert(ring_gone(syns.pairs.ring, &side, &reason));
    cr_assert_eq(side, SIDE_SERVER);
    close_syn_pairs(&syns);
}

/* --- restrictions ---------------------------------------------------------------------------- */

/* What comes of a request that no worker makes. */
static int result_of(struct ring *ring, const struct io_uring_sqe *wanted)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
    struct io_uring_cqe *cqe;
    int result;

    cr_assert_not_null(sqe);
    *sqe = *wanted;
    sqe->user_data = UINT64_MAX;
    cr_assert_geq(io_uring_submit_and_get_events(&ring->uring), 0);
    do {
        cr_assert_eq(io_uring_wait_cqe(&ring->uring, &cqe), 0);
        result = cqe->user_data == UINT64_MAX ? cqe->res : 0;
        io_uring_cqe_seen(&ring->uring, cqe);
    } while (result == 0);
    return result;
}

Test(ring, opens_no_file_and_makes_no_socket)
{
    struct pairs pairs = open_pairs(false);
    struct io_uring_sqe sqe = {.fd = -1, .flags = IOSQE_FIXED_FILE};

    io_uring_prep_openat(&sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
    cr_assert_eq(result_of(pairs.ring, &sqe), -EACCES, "it opens files");
    sqe.flags = IOSQE_FIXED_FILE;
    cr_assert_eq(result_of(pairs.ring, &sqe), -EACCES, "it opens files");
    sqe = (struct io_uring_sqe){.opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = SOCK_STREAM};
    cr_assert_eq(result_of(pairs.ring, &sqe), -EACCES, "it makes sockets");
    close_pairs(&pairs);
}

Test(ring, reads_and_writes_only_the_files_that_are_its_own)
{
    struct pairs pairs = open_pairs(false);
    char bytes[8] = "frame";
    struct io_uring_sqe sqe;
    int more = pairs.near[0];

    io_uring_prep_write(&sqe, pairs.near[0], bytes, sizeof(bytes), 0);
    cr_assert_eq(result_of(pairs.ring, &sqe), -EACCES, "it writes to any file");
    io_uring_prep_write(&sqe, WAKE_FILE, bytes, sizeof(bytes), 0);
    sqe.flags = IOSQE_FIXED_FILE;
    cr_assert_eq(result_of(pairs.ring, &sqe), sizeof(bytes), "what is registered it writes to");
    cr_assert_eq(io_uring_register_files_update(&pairs.ring->uring, 0, &more, 1), -EACCES,
                 "it takes more files");
    close_pairs(&pairs);
}
