/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_addr.c - text of addresses against RFC 5952 and the C library, keys, and the table hash. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <string.h>

#include "engine/base/addr.h"
#include "tests/engine/random.h"

static struct ip_addr addr_of(const char *text)
{
    struct ip_addr addr;

    cr_assert(addr_from_text(text, &addr), "%s is an address", text);
    return addr;
}

Test(addr, text_is_canonical)
{
    static const char *const pairs[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"fe80:0:0:0:0123::", "fe80::123:0:0:0"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    char text[ADDR_TEXT_BYTES];

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct ip_addr addr = addr_of(pairs[i][0]);

        cr_assert_str_eq(addr_to_text(&addr, text), pairs[i][1]);
    }
}

Test(addr, refuses_what_is_no_address)
{
    static const char *const wrong[] = {
        "",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "1.2.3.4 ",
        "1.2.3.",
        ":",
        ":::",
        "1:2:3",
        "1::2::3",
        "12345::",
        "g::",
        "::1%eth0",
        "[::1]",
        "1:2:3:4:5:6:7:8:9",
        "1:",
        "1:2:3:4:5:6:7::8:9",
        "::1.2.3",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "localhost",
        "1:2:3:4:5:6:7:8::",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct ip_addr addr, before;

        memset(&addr, 0xa5, sizeof(addr));
        before = addr;
        cr_expect_not(addr_from_text(wrong[i], &addr), "'%s' is none", wrong[i]);
        cr_expect(memcmp(&addr, &before, sizeof(addr)) == 0, "'%s' leaves the address alone",
                  wrong[i]);
    }
}

Test(addr, random_v6_agrees_with_the_c_library)
{
    struct random random = random_begin("addr/random_v6");

    for (unsigned round = 0; round < 5000; round++) {
        uint8_t bytes[16];
        char text[ADDR_TEXT_BYTES], library[INET6_ADDRSTRLEN];
        struct ip_addr addr, back;

        for (unsigned i = 0; i < 8; i++) {
            uint32_t group = random_below(&random, 3) == 0 ? random_below(&random, 65536)
                                                           : random_below(&random, 2);

            bytes[2 * i] = (uint8_t)(group >> 8);
            bytes[2 * i + 1] = (uint8_t)group;
        }
        bytes[0] |= 0x20; /* the library says some of ::/96 as dotted quads */
        addr = addr_from_v6(bytes);
        inet_ntop(AF_INET6, bytes, library, sizeof(library));
        cr_assert_str_eq(addr_to_text(&addr, text), library);
        cr_assert(addr_from_text(text, &back));
        cr_assert_arr_eq(back.bytes, bytes, 16);
    }
}

Test(addr, longest_text_fits)
{
    struct ip_addr addr = addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    char text[ADDR_TEXT_BYTES];

    cr_assert_lt(strlen(addr_to_text(&addr, text)), (size_t)ADDR_TEXT_BYTES);
}

Test(addr, family)
{
    struct ip_addr v4 = addr_of("10.1.2.3"), v6 = addr_of("::fffe:10.1.2.3");

    cr_assert(addr_is_v4(&v4));
    cr_assert_not(addr_is_v4(&v6));
}

Test(addr, keys_differ_in_every_byte)
{
    struct flow_key a = {
        .client = addr_of("10.0.0.1"), .server = addr_of("10.0.0.2"), .client_port = 1000};
    struct server_key left = {.addr = a.server, .port = 80}, right = left;

    for (size_t i = 0; i < sizeof(a); i++) {
        struct flow_key b = a;

        cr_assert(flow_key_equal(&a, &b));
        ((uint8_t *)&b)[i] ^= 0x10;
        cr_assert_not(flow_key_equal(&a, &b), "byte %zu counts", i);
    }
    cr_assert(server_key_equal(&left, &right));
    right.vlan.id[1] = VLAN_PRESENT;
    cr_assert_not(server_key_equal(&left, &right));
}

Test(addr, server_of_a_flow)
{
    struct flow_key key = {.client = addr_of("10.0.0.1"),
                           .server = addr_of("10.0.0.2"),
                           .client_port = 1000,
                           .server_port = 80,
                           .vlan = {{VLAN_PRESENT | 7, 0}}};
    struct server_key server = flow_key_server(&key);

    cr_assert_arr_eq(server.addr.bytes, key.server.bytes, 16);
    cr_assert_eq(server.port, 80);
    cr_assert_eq(server.vlan.id[0], VLAN_PRESENT | 7);
}

static uint64_t table_hash_of(const uint64_t seed[2], const struct flow_key *key)
{
    return table_hash(seed, key, sizeof(*key));
}

static uint64_t hash_with_number(const uint64_t seed[2], const struct flow_key *key)
{
    return hash_with(flow_key_hash(seed, key), 5);
}

/* 65,536 connections of one server over 256 buckets, by 8 bits of the hash at a time, up to `bits`.
 */
static void spreads(uint64_t (*hash)(const uint64_t seed[2], const struct flow_key *key),
                    const uint64_t seed[2], unsigned bits)
{
    struct flow_key key = {
        .client = addr_of("10.0.0.0"), .server = addr_of("10.0.0.2"), .server_port = 80};

    for (unsigned shift = 0; shift < bits; shift += 8) {
        uint32_t buckets[256] = {0};

        for (uint32_t i = 0; i < 65536; i++) {
            key.client.bytes[15] = (uint8_t)i;
            key.client_port = (uint16_t)(i >> 8);
            buckets[hash(seed, &key) >> shift & 255]++;
        }
        /* 256 each on average; seven standard deviations are 112. */
        for (unsigned i = 0; i < 256; i++)
            cr_assert(buckets[i] > 144 && buckets[i] < 368, "bucket %u holds %u, shift %u", i,
                      buckets[i], shift);
    }
}

Test(addr, hashes_spread)
{
    const uint64_t seeds[][2] = {{0, 0}, {1, 2}, {0xfedcba9876543210, 0x0123456789abcdef}};

    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        spreads(flow_key_hash, seeds[i], 64);
        spreads(hash_with_number, seeds[i], 64);
        spreads(table_hash_of, seeds[i], 8); /* tables take the lowest bits */
    }
}

Test(addr, hashes_depend_on_all)
{
    const uint64_t seed[2] = {1, 2}, other[2] = {1, 3};
    struct flow_key key = {
        .client = addr_of("10.0.0.0"), .server = addr_of("10.0.0.2"), .server_port = 80};
    uint64_t hash = flow_key_hash(seed, &key);

    for (size_t bytes = 1; bytes <= sizeof(key); bytes++) {
        struct flow_key changed = key;

        ((uint8_t *)&changed)[bytes - 1] ^= 1;
        cr_assert_neq(table_hash(seed, &key, bytes), table_hash(seed, &changed, bytes));
        cr_assert_neq(hash, flow_key_hash(seed, &changed));
    }
    cr_assert_neq(table_hash(seed, &key, sizeof(key)), table_hash(other, &key, sizeof(key)));
    cr_assert_neq(hash, flow_key_hash(other, &key));
    cr_assert_neq(hash_with(hash, 1), hash_with(hash, 2));
    cr_assert_neq(hash_with(hash, 1), hash_with(hash + 1, 1));
}
