/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_datagram.c - UDP in frames of all forms, and the frame turned into its answer. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/udp/datagram.h"
#include "tests/engine/support_udp.h"

#define CLIENT4 "198.51.100.7:4000"
#define SERVER4 "192.0.2.1:53"
#define CLIENT6 "[2001:db8:1::7]:4000"
#define SERVER6 "[2001:db8::1]:53"

static struct test_frame frame;
static struct datagram found;

static enum datagram_kind read_frame(void)
{
    frame_read(&frame);
    return datagram_read(&frame.view, &found);
}

Test(datagram, of_both_families)
{
    datagram_write(&frame, CLIENT4, SERVER4, "hello", 5);
    cr_assert_eq(read_frame(), DATAGRAM_WHOLE);
    cr_assert(found.bare);
    cr_assert_eq(found.src_port, 4000);
    cr_assert_eq(found.dst_port, 53);
    cr_assert_eq(found.payload_bytes, 5);
    cr_assert(datagram_checksum_good(&frame.view, &found));
    datagram_write(&frame, CLIENT6, SERVER6, "hello", 5);
    cr_assert_eq(read_frame(), DATAGRAM_WHOLE);
    cr_assert_eq(found.l4, 54);
    cr_assert(datagram_checksum_good(&frame.view, &found));
}

Test(datagram, checksums)
{
    datagram_write(&frame, CLIENT4, SERVER4, "hello", 5);
    read_frame();
    frame_data(&frame)[45] ^= 1;
    cr_assert_not(datagram_checksum_good(&frame.view, &found));
    store_be16(frame_data(&frame) + 40, 0);
    cr_assert(datagram_checksum_good(&frame.view, &found), "none, over IPv4");
    datagram_write(&frame, CLIENT6, SERVER6, "hello", 5);
    read_frame();
    store_be16(frame_data(&frame) + 60, 0);
    cr_assert_not(datagram_checksum_good(&frame.view, &found), "none, over IPv6");
}

Test(datagram, lengths_that_do_not_fit)
{
    datagram_write(&frame, CLIENT4, SERVER4, "hello", 5);
    store_be16(frame_data(&frame) + 38, 14);
    cr_assert_eq(read_frame(), DATAGRAM_NONE, "longer than the packet");
    store_be16(frame_data(&frame) + 38, 7);
    cr_assert_eq(read_frame(), DATAGRAM_NONE, "shorter than its header");
    store_be16(frame_data(&frame) + 38, 10);
    cr_assert_eq(read_frame(), DATAGRAM_WHOLE, "shorter than the packet: hosts cut it");
    cr_assert_eq(found.payload_bytes, 2);
    store_be16(frame_data(&frame) + 16, 200);
    cr_assert_eq(read_frame(), DATAGRAM_NONE, "a packet beyond the frame");
}

Test(datagram, behind_options_and_extension_headers_it_is_not_bare)
{
    static const uint8_t padding[8] = {0, 0, 1, 4, 0, 0, 0, 0};

    datagram_write(&frame, CLIENT4, SERVER4, "hello", 5);
    frame_insert_ip_options(&frame, "\1\1\1\0", 4);
    cr_assert_eq(datagram_read(&frame.view, &found), DATAGRAM_WHOLE);
    cr_assert_not(found.bare);
    cr_assert_eq(found.dst_port, 53);
    datagram_write(&frame, CLIENT6, SERVER6, "hello", 5);
    frame_insert_extension(&frame, 60, padding, sizeof(padding));
    cr_assert_eq(datagram_read(&frame.view, &found), DATAGRAM_WHOLE);
    cr_assert_not(found.bare);
    cr_assert_eq(found.dst_port, 53);
}

Test(datagram, fragments)
{
    static const uint8_t first[8] = {0, 0, 0, 1, 0, 0, 0, 9}, later[8] = {0, 0, 0, 9, 0, 0, 0, 9};

    datagram_write(&frame, CLIENT4, SERVER4, "hello", 5);
    frame_data(&frame)[20] = 0x20;
    cr_assert_eq(read_frame(), DATAGRAM_FRAGMENT);
    cr_assert_eq(found.dst_port, 53);
    frame_data(&frame)[21] = 1;
    cr_assert_eq(read_frame(), DATAGRAM_NONE, "a later one has no ports");
    datagram_write(&frame, CLIENT6, SERVER6, "hello", 5);
    frame_insert_extension(&frame, 44, first, sizeof(first));
    cr_assert_eq(datagram_read(&frame.view, &found), DATAGRAM_FRAGMENT);
    cr_assert_eq(found.dst_port, 53);
    datagram_write(&frame, CLIENT6, SERVER6, "hello", 5);
    frame_insert_extension(&frame, 44, later, sizeof(later));
    cr_assert_eq(datagram_read(&frame.view, &found), DATAGRAM_NONE);
}

Test(datagram, turned_into_its_answer)
{
    static const char *const ends[][2] = {{CLIENT4, SERVER4}, {CLIENT6, SERVER6}};

    for (int i = 0; i < 2; i++) {
        uint8_t macs[12];

        datagram_write(&frame, ends[i][0], ends[i][1], "hello", 5);
        memcpy(macs, frame_data(&frame), sizeof(macs));
        read_frame();
        frame.bytes = OFFLOAD_BYTES + datagram_turn(&frame.view, &found, 3);
        cr_assert_arr_eq(frame_data(&frame), macs + 6, 6);
        cr_assert_arr_eq(frame_data(&frame) + 6, macs, 6);
        cr_assert_eq(read_frame(), DATAGRAM_WHOLE);
        cr_assert_eq(found.payload_bytes, 3);
        cr_assert_eq(found.src_port, 53);
        cr_assert_eq(found.dst_port, 4000);
        cr_assert(datagram_is_right(&frame, found.l4));
    }
}
