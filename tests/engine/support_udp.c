/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_udp.c - see support_udp.h. */
#include "tests/engine/support_udp.h"

#include <string.h>

uint32_t dns_message_write(uint8_t out[DNS_TEST_BYTES], const struct dns_words *words)
{
    const char *label = words->name;
    uint32_t at = 12;

    memset(out, 0, DNS_TEST_BYTES);
    store_be16(out, words->id);
    out[2] = words->flags[0];
    out[3] = words->flags[1];
    out[5] = 1;
    while (*label) {
        const size_t bytes = strcspn(label, ".");

        out[at++] = (uint8_t)bytes;
        memcpy(out + at, label, bytes);
        at += (uint32_t)bytes;
        label += bytes + (label[bytes] == '.');
    }
    at++;
    store_be16(out + at, words->type ? words->type : 1);
    store_be16(out + at + 2, 1);
    at += 4;
    if (!words->edns)
        return at;
    out[11] = 1;
    store_be16(out + at + 1, 41);
    store_be16(out + at + 3, words->udp_bytes ? words->udp_bytes : 1232);
    out[at + 7] = words->dnssec_ok ? 0x80 : 0;
    return at + 11;
}

static uint32_t add_bytes(uint32_t sum, const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        sum += (uint32_t)data[i] << (i % 2 ? 0 : 8);
    return sum;
}

static uint16_t folded(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Of the datagram at `l4` as it stands; 0 where its checksum is right. */
static uint16_t sum_of(const uint8_t *data, uint32_t l3, uint32_t l4)
{
    const bool v4 = data[l3] >> 4 == 4;
    const uint32_t bytes = load_be16(data + l4 + 4);

    return folded(
        add_bytes(add_bytes(17 + bytes, data + l3 + (v4 ? 12 : 8), v4 ? 8 : 32), data + l4, bytes));
}

void datagram_fix(struct test_frame *frame, uint32_t l4)
{
    uint8_t *data = frame_data(frame);
    const uint32_t l3 = frame->view.l3;
    uint16_t sum;

    if (data[l3] >> 4 == 4) {
        store_be16(data + l3 + 10, 0);
        store_be16(data + l3 + 10, folded(add_bytes(0, data + l3, (data[l3] & 15u) * 4)));
    }
    store_be16(data + l4 + 6, 0);
    sum = sum_of(data, l3, l4);
    store_be16(data + l4 + 6, sum ? sum : 0xffff);
}

bool datagram_is_right(const struct test_frame *frame, uint32_t l4)
{
    const uint8_t *data = frame->buffer + OFFLOAD_BYTES;
    const uint32_t l3 = frame->view.l3;

    if (data[l3] >> 4 == 4 && folded(add_bytes(0, data + l3, (data[l3] & 15u) * 4)) != 0)
        return false;
    return sum_of(data, l3, l4) == 0;
}

void datagram_write(struct test_frame *frame, const char *from, const char *to, const void *payload,
                    uint32_t bytes)
{
    static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    uint8_t *data = frame_data(frame), *ip = data + 14;
    struct ip_addr src, dst;
    uint16_t src_port, dst_port;
    uint32_t l4;

    endpoint_read(from, &src, &src_port);
    endpoint_read(to, &dst, &dst_port);
    memset(frame->buffer, 0, 128);
    memcpy(data, macs, sizeof(macs));
    if (addr_is_v4(&src)) {
        l4 = 34;
        store_be16(data + 12, 0x0800);
        ip[0] = 0x45;
        store_be16(ip + 2, (uint16_t)(28 + bytes));
        ip[8] = 64;
        ip[9] = 17;
        memcpy(ip + 12, src.bytes + 12, 4);
        memcpy(ip + 16, dst.bytes + 12, 4);
    } else {
        l4 = 54;
        store_be16(data + 12, 0x86dd);
        ip[0] = 0x60;
        store_be16(ip + 4, (uint16_t)(8 + bytes));
        ip[6] = 17;
        ip[7] = 64;
        memcpy(ip + 8, src.bytes, 16);
        memcpy(ip + 24, dst.bytes, 16);
    }
    store_be16(data + l4, src_port);
    store_be16(data + l4 + 2, dst_port);
    store_be16(data + l4 + 4, (uint16_t)(8 + bytes));
    memcpy(data + l4 + 8, payload, bytes);
    frame->bytes = OFFLOAD_BYTES + l4 + 8 + bytes;
    frame_read(frame);
    datagram_fix(frame, l4);
}
