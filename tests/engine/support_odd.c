/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_odd.c - see support_odd.h. */
#include "tests/engine/support_odd.h"

#include "engine/base/bytes.h"
#include "engine/base/checksum.h"

#include <string.h>

#define V4_HEADER 20
#define V6_HEADER 40

static uint8_t *ip_of(struct test_frame *frame)
{
    return frame_data(frame) + frame->view.l3;
}

/* --- link ------------------------------------------------------------------------------------ */

static void put_tags(struct test_frame *frame, uint16_t type, uint32_t count)
{
    const uint8_t tag[4] = {(uint8_t)(type >> 8), (uint8_t)type, 0xa0, 0};

    for (; count; count--)
        frame_insert(frame, 12, tag, sizeof(tag));
}

static void priority_tag(struct test_frame *frame)
{
    put_tags(frame, 0x8100, 1);
}

static void two_priority_tags(struct test_frame *frame)
{
    put_tags(frame, 0x88a8, 1);
    put_tags(frame, 0x8100, 1);
}

static void sixty_priority_tags(struct test_frame *frame)
{
    put_tags(frame, 0x88a8, 60);
}

static void trailer(struct test_frame *frame)
{
    memset(frame->buffer + frame->bytes, 0x5a, 46);
    frame->bytes += 46;
}

static void snap(struct test_frame *frame)
{
    static const uint8_t header[8] = {0, 60, 0xaa, 0xaa, 3, 0, 0, 0};

    frame_insert(frame, 12, header, sizeof(header));
}

static void another_vlan(struct test_frame *frame)
{
    frame_insert(frame, 12, (const uint8_t[]){0x81, 0, 0, 7}, 4);
}

/* --- IPv4 ------------------------------------------------------------------------------------ */

static void record_route(struct test_frame *frame)
{
    frame_insert_ip_options(frame, (const uint8_t[]){7, 7, 4, 0, 0, 0, 0, 0}, 8);
}

static void timestamp(struct test_frame *frame)
{
    frame_insert_ip_options(frame, (const uint8_t[]){68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12);
}

static void router_alert(struct test_frame *frame)
{
    frame_insert_ip_options(frame, (const uint8_t[]){148, 4, 0, 0}, 4);
}

static void unknown_option(struct test_frame *frame)
{
    frame_insert_ip_options(frame, (const uint8_t[]){1, 30, 3, 9}, 4);
}

static void reserved_ip_flag(struct test_frame *frame)
{
    ip_of(frame)[6] |= 0x80;
    frame_fix_ip_checksum(frame);
}

static void loose_source_route(struct test_frame *frame)
{
    frame_insert_ip_options(frame, (const uint8_t[]){131, 7, 4, 10, 0, 0, 9, 0}, 8);
}

static void cipso(struct test_frame *frame)
{
    frame_insert_ip_options(frame, (const uint8_t[]){134, 6, 0, 0, 0, 1, 0, 0}, 8);
}

static void first_fragment(struct test_frame *frame)
{
    ip_of(frame)[6] = 0x20;
    frame_fix_ip_checksum(frame);
}

/* --- IPv6 ------------------------------------------------------------------------------------ */

static void put_extension(struct test_frame *frame, uint8_t kind, uint8_t second, uint8_t third)
{
    frame_insert_extension(frame, kind, (const uint8_t[]){0, 0, second, third, 0, 0, 0, 0}, 8);
}

static void hop_by_hop(struct test_frame *frame)
{
    put_extension(frame, 0, 1, 4);
}

static void destination_options(struct test_frame *frame)
{
    for (int n = 0; n < 40; n++)
        put_extension(frame, 60, 1, 4);
}

static void routing_0(struct test_frame *frame)
{
    put_extension(frame, 43, 0, 0);
}

static void routing_77(struct test_frame *frame)
{
    put_extension(frame, 43, 77, 0);
}

static void atomic_fragment(struct test_frame *frame)
{
    put_extension(frame, 44, 0, 0);
}

static void whole_chain(struct test_frame *frame)
{
    atomic_fragment(frame);
    routing_77(frame);
    put_extension(frame, 60, 1, 4);
    hop_by_hop(frame);
}

static void length_zero(struct test_frame *frame)
{
    hop_by_hop(frame);
    store_be16(ip_of(frame) + 4, 0);
}

static void two_atomic_fragments(struct test_frame *frame)
{
    atomic_fragment(frame);
    atomic_fragment(frame);
}

static void first_fragment_v6(struct test_frame *frame)
{
    put_extension(frame, 44, 0, 1);
}

static void segments_left(struct test_frame *frame)
{
    static const uint8_t header[24] = {0, 2, 0, 1, [8] = 0x20, [23] = 9};

    frame_insert_extension(frame, 43, header, sizeof(header));
}

/* --- TCP ------------------------------------------------------------------------------------- */

static void reserved_tcp_flags(struct test_frame *frame)
{
    uint8_t *tcp = frame_tcp(&frame->view);
    uint16_t before = load_be16(tcp + 12);

    tcp[12] |= 0x0e;
    if (!(frame->view.offload->flags & OFFLOAD_NEEDS_CHECKSUM))
        store_be16(tcp + TCP_CHECKSUM_AT,
                   (uint16_t)~checksum_fold((uint64_t)(uint16_t)~load_be16(tcp + TCP_CHECKSUM_AT) +
                                            (uint16_t)~before + load_be16(tcp + 12)));
}

/* --- the forms ------------------------------------------------------------------------------- */

const struct odd_form odd_taken[] = {
    {"priority tag", 0, priority_tag},
    {"two priority tags", 0, two_priority_tags},
    {"sixty priority tags", 0, sixty_priority_tags},
    {"trailer", 0, trailer},
    {"record route", 4, record_route},
    {"timestamp", 4, timestamp},
    {"router alert", 4, router_alert},
    {"unknown option", 4, unknown_option},
    {"reserved flag of IPv4", 4, reserved_ip_flag},
    {"reserved flags of TCP", 0, reserved_tcp_flags},
    {"hop-by-hop options", 6, hop_by_hop},
    {"forty destination options", 6, destination_options},
    {"routing header of type 0", 6, routing_0},
    {"routing header of type 77", 6, routing_77},
    {"atomic fragment", 6, atomic_fragment},
    {"whole chain of headers", 6, whole_chain},
    {"length 0 before hop-by-hop options", 6, length_zero},
    {NULL, 0, NULL},
};

const struct odd_form odd_unread[] = {
    {"SNAP", 0, snap},
    {"VLAN in which nobody is known", 0, another_vlan},
    {"loose source route", 4, loose_source_route},
    {"CIPSO label", 4, cipso},
    {"first fragment", 4, first_fragment},
    {"two atomic fragments", 6, two_atomic_fragments},
    {"first fragment of IPv6", 6, first_fragment_v6},
    {"routing header with a segment left", 6, segments_left},
    {NULL, 0, NULL},
};

uint32_t odd_count(const struct odd_form *forms)
{
    uint32_t count = 0;

    while (forms[count].name)
        count++;
    return count;
}

void odd_put(const struct odd_form *form, struct test_frame *frame)
{
    struct offload *offload = (struct offload *)(void *)frame->buffer;
    uint16_t l4 = frame->view.l4;

    form->put(frame);
    frame_read(frame);
    if (frame->view.kind == FRAME_TCP && (offload->flags & OFFLOAD_NEEDS_CHECKSUM))
        offload->checksum_start = (uint16_t)(offload->checksum_start + frame->view.l4 - l4);
}
