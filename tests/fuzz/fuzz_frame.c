/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_frame.c - the input is a byte of choices and a frame:
 *
 *      | bit 0: a capture without offload header, bit 1: 100 bytes more on the wire | offload
 *      header | frame |
 *
 * Checked: offsets lie inside the frame; every frame_set_*() leaves the view as a new look at the
 * frame gives it, and a right checksum right; a frame taken apart by segment_of_frame() and written
 * again says the same.
 */
#include "engine/tcp/frame.h"
#include "engine/tcp/segment.h"
#include "tests/engine/support_frames.h"
#include "tests/fuzz/fuzz.h"

enum choices { WITHOUT_OFFLOAD = 1, CUT_SHORT = 2 };

/* Frame and offload header in memory of exactly their size, so that a byte beyond is noticed. */
struct copy {
    uint8_t *data;
    struct offload *offload;
    uint32_t bytes, wire_bytes;
};

static enum frame_kind look(const struct copy *copy, struct frame *frame)
{
    memset(frame, 0xa5, sizeof(*frame));
    return frame_parse(frame, copy->offload, copy->data, copy->bytes, copy->wire_bytes,
                       copy->bytes);
}

static bool is_whole(const struct frame *frame)
{
    return frame->payload_present == frame->payload_bytes;
}

static void check_view(const struct frame *frame)
{
    FUZZ_ASSERT(frame->l3 >= ETH_HEADER_BYTES && frame->l3 % 4 == 2);
    FUZZ_ASSERT(frame->l4 >= frame->l3 + (frame->ip_version == 4 ? 20 : 40));
    FUZZ_ASSERT(frame->options_bytes <= TCP_OPTIONS_MAX && frame->options_bytes % 4 == 0);
    FUZZ_ASSERT(frame->payload == frame->l4 + TCP_HEADER_BYTES + frame->options_bytes);
    FUZZ_ASSERT(frame->payload_present <= frame->payload_bytes);
    FUZZ_ASSERT(frame->payload + frame->payload_present <= frame->bytes);
}

/* Addresses and ports, where the headers are there. */
static void check_same_ends(const struct frame *a, const struct frame *b)
{
    struct ip_addr src[2], dst[2];

    if (a->kind != FRAME_TCP)
        return;
    src[0] = frame_src(a);
    src[1] = frame_src(b);
    dst[0] = frame_dst(a);
    dst[1] = frame_dst(b);
    FUZZ_ASSERT(memcmp(&src[0], &src[1], sizeof(src[0])) == 0);
    FUZZ_ASSERT(memcmp(&dst[0], &dst[1], sizeof(dst[0])) == 0);
    FUZZ_ASSERT(frame_src_port(a) == frame_src_port(b) && frame_dst_port(a) == frame_dst_port(b));
}

static void check_same(const struct frame *a, const struct frame *b)
{
    FUZZ_ASSERT(a->kind == b->kind && a->l3 == b->l3 && a->l4 == b->l4 && a->payload == b->payload);
    FUZZ_ASSERT(a->ip_version == b->ip_version);
    FUZZ_ASSERT(memcmp(&a->vlan, &b->vlan, sizeof(a->vlan)) == 0);
    check_same_ends(a, b);
    FUZZ_ASSERT(a->seq == b->seq);
    FUZZ_ASSERT(a->ack == b->ack && a->window == b->window && a->flags == b->flags);
    FUZZ_ASSERT(a->options_bytes == b->options_bytes && a->payload_bytes == b->payload_bytes);
    FUZZ_ASSERT(a->payload_present == b->payload_present);
}

/* After an edit. */
static void check_edited(const struct copy *copy, const struct frame *frame, bool right)
{
    struct frame again;

    look(copy, &again);
    check_same(frame, &again);
    FUZZ_ASSERT(!right || frame_checksum_right(frame));
}

static void edit_options(const struct copy *copy, struct frame *frame, uint32_t value, bool right)
{
    uint32_t options = frame->l4 + TCP_HEADER_BYTES, end = frame->payload + frame->payload_present;

    for (uint32_t at = options; at + 4 <= end && at < options + 50; at += 1 + value % 5) {
        frame_set_be32(frame, at, value + at);
        check_edited(copy, frame, right);
    }
    if (frame->options_bytes > 0) {
        uint32_t skip = value % frame->options_bytes;

        frame_nop_options(frame, options + skip, frame->options_bytes - skip);
        check_edited(copy, frame, right);
    }
}

/* Values come from the frame itself, so that the fuzzer has them in hand. */
static void edit(const struct copy *copy, struct frame *frame)
{
    bool right = is_whole(frame) && frame_checksum_right(frame);
    uint32_t value = frame->seq ^ (uint32_t)(frame->ack << 7);

    frame_set_seq(frame, frame->ack + 1);
    check_edited(copy, frame, right);
    frame_set_ack(frame, value);
    check_edited(copy, frame, right);
    frame_set_window(frame, (uint16_t)(value >> 3));
    check_edited(copy, frame, right);
    frame_set_flags(frame, (uint8_t)value);
    check_edited(copy, frame, right);
    frame_set_ecn(frame, (enum ip_ecn)(value & 3));
    check_edited(copy, frame, right);
    if (frame->ip_version == 6) {
        frame_set_flow_label(frame, value);
        check_edited(copy, frame, right);
    }
    edit_options(copy, frame, value, right);
    frame_limit_gso(frame, (uint16_t)value);
}

static void check_written(const struct frame *was, const struct segment *segment,
                          const struct frame *is)
{
    FUZZ_ASSERT(is->kind == FRAME_TCP && frame_checksum_right(is));
    /* Of more tags than two those stay that name a VLAN. */
    FUZZ_ASSERT(was->l3 > LINK_HEADER_MAX ||
                (is->l3 == was->l3 && memcmp(is->data, was->data, is->l3) == 0));
    FUZZ_ASSERT(is->l3 <= LINK_HEADER_MAX && memcmp(&is->vlan, &was->vlan, sizeof(is->vlan)) == 0);
    FUZZ_ASSERT(is->ip_version == was->ip_version && frame_ttl(is) == frame_ttl(was));
    FUZZ_ASSERT(frame_tos(is) == frame_tos(was) && frame_df(is) == frame_df(was));
    FUZZ_ASSERT(frame_ip_id(is) == frame_ip_id(was) &&
                frame_flow_label(is) == frame_flow_label(was));
    check_same_ends(is, was);
    FUZZ_ASSERT(is->seq == was->seq);
    FUZZ_ASSERT(is->ack == (was->flags & TCP_ACK ? was->ack : 0) && is->flags == was->flags);
    FUZZ_ASSERT(is->window == was->window && is->options_bytes == was->options_bytes);
    FUZZ_ASSERT(memcmp(frame_options(is), frame_options(was), is->options_bytes) == 0);
    FUZZ_ASSERT(is->payload_bytes == was->payload_bytes && is_whole(is));
    FUZZ_ASSERT(memcmp(frame_payload(is), frame_payload(was), is->payload_bytes) == 0);
    FUZZ_ASSERT(is->offload->gso_bytes == segment->gso_bytes);
}

static void write_again(const struct frame *frame)
{
    struct link_header link;
    struct segment segment;
    struct frame again;
    uint32_t bytes, wrote;
    uint8_t *buffer;

    segment_of_frame(frame, &link, &segment);
    bytes = segment_bytes(&link, &segment);
    buffer = malloc(bytes);
    FUZZ_ASSERT(segment_write(buffer, bytes - 1, &link, &segment) == 0);
    wrote = segment_write(buffer, bytes, &link, &segment);
    FUZZ_ASSERT(wrote == bytes || (wrote == 0 && bytes > UINT16_MAX));
    if (wrote > 0) {
        frame_parse(&again, (struct offload *)buffer, buffer + OFFLOAD_BYTES, bytes - OFFLOAD_BYTES,
                    bytes - OFFLOAD_BYTES, bytes - OFFLOAD_BYTES);
        check_written(frame, &segment, &again);
    }
    free(buffer);
}

static void answer(const struct frame *frame)
{
    struct segment segment;
    struct frame again;
    struct frame answered;
    struct ip_addr src, dst;
    uint8_t buffer[200];
    uint32_t bytes, kept = OFFLOAD_BYTES + frame->payload;

    /* The headers are all that an answer without payload needs room for. */
    if (kept > sizeof(buffer))
        return;
    memset(buffer, 0, OFFLOAD_BYTES);
    memcpy(buffer + OFFLOAD_BYTES, frame->data, frame->payload);
    answered = *frame;
    answered.data = buffer + OFFLOAD_BYTES;
    answered.capacity = sizeof(buffer) - OFFLOAD_BYTES;
    segment_reset_reply(&answered, &segment);
    bytes = segment_answer(&answered, &segment);
    FUZZ_ASSERT(bytes > 0);
    frame_parse(&again, (struct offload *)buffer, buffer + OFFLOAD_BYTES, bytes - OFFLOAD_BYTES,
                bytes - OFFLOAD_BYTES, sizeof(buffer) - OFFLOAD_BYTES);
    FUZZ_ASSERT(again.kind == FRAME_TCP && frame_checksum_right(&again));
    dst = frame_dst(&again);
    src = frame_src(frame);
    FUZZ_ASSERT(memcmp(&dst, &src, sizeof(dst)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct copy copy = {0};
    struct frame frame;
    uint8_t choices;

    if (bytes < 1 + OFFLOAD_BYTES)
        return 0;
    choices = data[0];
    copy.bytes = (uint32_t)(bytes - 1 - OFFLOAD_BYTES);
    copy.wire_bytes = copy.bytes + (choices & CUT_SHORT ? 100 : 0);
    copy.data = malloc(copy.bytes);
    copy.offload = choices & WITHOUT_OFFLOAD ? NULL : malloc(OFFLOAD_BYTES);
    if (copy.bytes > 0)
        memcpy(copy.data, data + 1 + OFFLOAD_BYTES, copy.bytes);
    if (copy.offload != NULL)
        memcpy(copy.offload, data + 1, OFFLOAD_BYTES);
    if (look(&copy, &frame) == FRAME_TCP) {
        check_view(&frame);
        frame_checksum_good(&frame);
        if (is_whole(&frame))
            write_again(&frame);
        answer(&frame);
        edit(&copy, &frame);
    } else if (frame.kind == FRAME_ICMP_ERROR) {
        FUZZ_ASSERT(frame.payload + frame.payload_present <= copy.bytes);
    }
    free(copy.data);
    free(copy.offload);
    return 0;
}
