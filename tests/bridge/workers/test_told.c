/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/workers/told.c: what a worker reads of the kernel's, and says to it. The kernel
 * is played by hand. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "bridge/workers/told.h"
#include "engine/base/bytes.h"
#include "engine/base/checksum.h"

#define NOW_US    9000000ull
#define SECOND_US 1000000ull

static const uint64_t seed[2] = {3, 4};

struct stage {
    struct tell_maps maps;
    struct told told;
    uint8_t data[OFFLOAD_BYTES + PLAIN_FRAME_BYTES];
};

static struct stage *begin(void)
{
    struct stage *stage = calloc(1, sizeof(*stage));

    stage->maps.hub = calloc(1, sizeof(*stage->maps.hub));
    stage->maps.entries = calloc(TELL_ENTRIES, sizeof(*stage->maps.entries));
    stage->maps.ways = calloc(TELL_WAYS, sizeof(*stage->maps.ways));
    told_open(&stage->told, &stage->maps, seed);
    return stage;
}

static void end(struct stage *stage)
{
    free(stage->maps.hub);
    free(stage->maps.entries);
    free(stage->maps.ways);
    free(stage);
}

/* An empty segment of a client's; `partial`: a card is to fill in its checksum. */
static void make_segment(struct stage *stage, uint8_t flags, bool partial)
{
    static const uint8_t addresses[8] = {10, 0, 0, 1, 10, 0, 0, 2};
    const struct ip_addr src = addr_from_v4(addresses), dst = addr_from_v4(addresses + 4);
    uint8_t *data = stage->data + OFFLOAD_BYTES, *ip = data + ETH_HEADER_BYTES;
    uint8_t *tcp = data + PLAIN_L4;
    const uint64_t pseudo = checksum_pseudo(&src, &dst, PROTO_TCP, TCP_HEADER_BYTES);

    memset(stage->data, 0, sizeof(stage->data));
    store_be16(data + 12, 0x0800);
    ip[0] = 0x45;
    store_be16(ip + 2, IPV4_HEADER_BYTES + TCP_HEADER_BYTES);
    ip[8] = 64;
    ip[9] = PROTO_TCP;
    memcpy(ip + 12, addresses, sizeof(addresses));
    store_be16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_HEADER_BYTES)));
    store_be16(tcp, 40000);
    store_be16(tcp + 2, 80);
    tcp[12] = 5 << 4;
    tcp[13] = flags;
    store_be16(tcp + TCP_CHECKSUM_AT,
               partial ? checksum_fold(pseudo)
                       : (uint16_t)~checksum_fold(checksum_add(pseudo, tcp, TCP_HEADER_BYTES)));
}

static void put_entry(struct stage *stage, uint64_t number)
{
    struct tell_entry *entry = &stage->maps.entries[number & (TELL_ENTRIES - 1)];

    *entry = (struct tell_entry){
        .number = number + 1, .wire_bytes = PLAIN_FRAME_BYTES, .bytes = PLAIN_FRAME_BYTES};
    memcpy(entry->headers, stage->data + OFFLOAD_BYTES, PLAIN_FRAME_BYTES);
    if (stage->maps.hub->head <= number)
        stage->maps.hub->head = number + 1;
}

static bool next(struct stage *stage, struct told_frame *frame)
{
    told_look(&stage->told);
    return told_next(&stage->told, frame);
}

static bool is_good(struct told_frame *told)
{
    struct frame frame;

    cr_assert_eq(frame_walk(&frame, (struct offload *)(void *)told->buffer,
                            told->buffer + OFFLOAD_BYTES, told->bytes - OFFLOAD_BYTES,
                            told->wire_bytes, told->capacity - OFFLOAD_BYTES),
                 FRAME_TCP);
    return frame_checksum_good(&frame);
}

Test(told, entries_come_in_their_order_once_each_and_only_whole)
{
    struct stage *stage = begin();
    struct told_frame frame;

    told_begin(&stage->told, NOW_US);
    cr_assert_not(next(stage, &frame));
    make_segment(stage, TCP_ACK, false);
    put_entry(stage, 1);
    cr_assert_not(next(stage, &frame), "the one before is being written");
    put_entry(stage, 0);
    cr_assert(next(stage, &frame));
    cr_assert_eq(frame.wire_bytes, PLAIN_FRAME_BYTES);
    cr_assert(next(stage, &frame));
    cr_assert_not(next(stage, &frame));
    cr_assert_eq(stage->maps.hub->tail, 2);
    end(stage);
}

Test(told, flood_does_not_keep_the_worker_from_what_has_come_up)
{
    struct stage *stage = begin();
    struct told_frame frame;
    uint64_t read = 0;

    make_segment(stage, TCP_SYN, false);
    for (uint64_t number = 0; number < 10; number++)
        put_entry(stage, number);
    told_begin(&stage->told, NOW_US);
    told_look(&stage->told);
    while (read < 1000 && told_next(&stage->told, &frame))
        put_entry(stage, 10 + read++);
    cr_assert_eq(read, 10, "what is passed on meanwhile is the next look's");
    end(stage);
}

Test(told, checksum_may_be_for_a_card_to_fill_in_and_may_be_wrong)
{
    struct stage *stage = begin();
    struct told_frame frame;

    make_segment(stage, TCP_SYN, false);
    put_entry(stage, 0);
    cr_assert(next(stage, &frame) && is_good(&frame));
    make_segment(stage, TCP_SYN, true);
    put_entry(stage, 1);
    cr_assert(next(stage, &frame) && is_good(&frame));
    stage->data[OFFLOAD_BYTES + PLAIN_L4 + TCP_CHECKSUM_AT] ^= 1;
    put_entry(stage, 2);
    cr_assert(next(stage, &frame) && !is_good(&frame));
    end(stage);
}

Test(told, entries_that_are_none_are_passed_over)
{
    struct stage *stage = begin();
    struct told_frame frame;

    make_segment(stage, TCP_ACK, false);
    put_entry(stage, 0);
    stage->maps.entries[0].bytes = TELL_HEADERS + 1;
    put_entry(stage, 1);
    stage->maps.entries[1].wire_bytes = 10;
    put_entry(stage, 2);
    cr_assert(next(stage, &frame));
    cr_assert_not(next(stage, &frame));
    end(stage);
}

static struct tell_way *way_of_segment(struct stage *stage)
{
    const struct flow_words words = frame_plain_words(stage->data + OFFLOAD_BYTES, SIDE_CLIENT);

    return &stage->maps.ways[tell_at(flow_seed_of(seed), words)];
}

static void comes_up(struct stage *stage)
{
    const struct ring_frame frame = {
        .from = SIDE_CLIENT, .data = stage->data, .bytes = sizeof(stage->data)};

    told_note(&stage->told, &frame);
}

Test(told, what_has_come_up_is_written_when_the_next_batch_begins)
{
    struct stage *stage = begin();

    make_segment(stage, TCP_ACK, false);
    told_begin(&stage->told, NOW_US);
    comes_up(stage);
    told_end(&stage->told, NULL, false, NOW_US);
    cr_assert_eq(way_of_segment(stage)->written[SIDE_CLIENT], 0);
    told_begin(&stage->told, NOW_US);
    cr_assert_eq(way_of_segment(stage)->written[SIDE_CLIENT], 1);
    cr_assert_eq(way_of_segment(stage)->written[SIDE_SERVER], 0);
    make_segment(stage, TCP_SYN, false);
    comes_up(stage);
    told_begin(&stage->told, NOW_US);
    cr_assert_eq(way_of_segment(stage)->written[SIDE_CLIENT], 1, "nothing waits for a SYN");
    end(stage);
}

Test(told, what_never_came_is_not_waited_for)
{
    struct stage *stage = begin();
    struct tell_way *way;

    make_segment(stage, TCP_ACK, false);
    way = way_of_segment(stage);
    way->up[SIDE_CLIENT] = 3; /* of which a queue has lost two */
    comes_up(stage);
    told_begin(&stage->told, NOW_US);
    told_end(&stage->told, NULL, false, NOW_US);
    cr_assert_eq(way->written[SIDE_CLIENT], 1, "they may be under way");
    told_end(&stage->told, NULL, false, NOW_US + SECOND_US);
    cr_assert_eq(way->written[SIDE_CLIENT], 3);
    end(stage);
}

/* However often 16 bits come round: what a flood lost, or what went by while nobody was alive. */
Test(told, however_much_never_came)
{
    static const uint32_t lost[] = {INT16_MAX + 1u, 40000, UINT16_MAX + 1u, 70000, 140000};

    for (uint32_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        struct stage *stage = begin();
        struct tell_way *way;

        make_segment(stage, TCP_ACK, false);
        way = way_of_segment(stage);
        way->up[SIDE_CLIENT] = lost[i];
        for (uint64_t second = 0; second < 12; second++)
            told_end(&stage->told, NULL, false, NOW_US + second * SECOND_US);
        cr_assert_eq(way->written[SIDE_CLIENT], lost[i], "%u, wanted %u", way->written[SIDE_CLIENT],
                     lost[i]);
        end(stage);
    }
}

Test(told, what_is_under_way_at_each_comparison_is_waited_for)
{
    struct stage *stage = begin();
    struct tell_way *way;

    make_segment(stage, TCP_ACK, false);
    way = way_of_segment(stage);
    way->up[SIDE_CLIENT] = 1;
    for (uint64_t second = 0; second < 5; second++) {
        comes_up(stage);
        told_begin(&stage->told, NOW_US);
        way->up[SIDE_CLIENT]++; /* the next one */
        told_end(&stage->told, NULL, false, NOW_US + second * SECOND_US);
        cr_assert_eq(way->written[SIDE_CLIENT], second + 1);
    }
    end(stage);
}

Test(told, what_was_told_last_is_read)
{
    struct stage *stage = begin();
    struct told_frame frame;

    make_segment(stage, TCP_ACK, false);
    told_begin(&stage->told, NOW_US);
    put_entry(stage, 0);
    told_last(&stage->told);
    cr_assert_eq(stage->maps.hub->awake_until_us, 0);
    cr_assert(next(stage, &frame));
    put_entry(stage, 1);
    told_close(&stage->told);
    cr_assert_not(next(stage, &frame));
    end(stage);
}

Test(told, worker_looks_again_says_that_it_sleeps_and_looks_once_more)
{
    struct stage *stage = begin();

    make_segment(stage, TCP_ACK, false);
    told_begin(&stage->told, NOW_US);
    cr_assert_gt(stage->maps.hub->awake_until_us, NOW_US);
    comes_up(stage);
    told_end(&stage->told, NULL, false, NOW_US);
    cr_assert_gt(stage->maps.hub->awake_until_us, NOW_US);
    cr_assert_eq(told_wait_us(&stage->told, UINT64_MAX), TOLD_LOOK_US);
    cr_assert_eq(told_wait_us(&stage->told, 10), 10);
    told_begin(&stage->told, NOW_US + TOLD_LOOK_US - 1);
    told_end(&stage->told, NULL, false, NOW_US + TOLD_LOOK_US - 1);
    cr_assert_gt(stage->maps.hub->awake_until_us, NOW_US, "what it has written has woken it");
    told_begin(&stage->told, NOW_US + TOLD_LOOK_US);
    told_end(&stage->told, NULL, false, NOW_US + TOLD_LOOK_US);
    cr_assert_eq(stage->maps.hub->awake_until_us, 0);
    cr_assert_eq(told_wait_us(&stage->told, UINT64_MAX), TOLD_LOOK_US);
    told_begin(&stage->told, NOW_US + TOLD_LOOK_US);
    told_end(&stage->told, NULL, false, NOW_US + TOLD_LOOK_US);
    cr_assert_eq(told_wait_us(&stage->told, UINT64_MAX), UINT64_MAX);
    end(stage);
}
