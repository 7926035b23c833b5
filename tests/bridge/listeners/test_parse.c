/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel says of listening sockets: recorded answers, and answers that no kernel should
 * give. */
#include "bridge/listeners/parse.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SEQUENCE 7

/*
 * ss -ltn in a namespace, Linux 6.18: a dual-stack listener on port 80, backlog 128, 3 connections
 * waiting, inode 77777:
 *      header: length, type 20 (SOCK_DIAG_BY_FAMILY), NLM_F_MULTI, sequence, port id
 */
static const uint8_t recorded[] = {
    0x60, 0x00, 0x00, 0x00, 0x14, 0x00, 0x02, 0x00, 0x07, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04,
    /* family 10, state 10 (listen), timer, retransmissions; source port 80, destination port 0 */
    0x0a, 0x0a, 0x00, 0x00, 0x00, 0x50, 0x00, 0x00,
    /* source and destination address :: */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    /* device, cookie, expires, rqueue 3, wqueue 128, uid, inode */
    0x00, 0x00, 0x00, 0x00, 0x01, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x03, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xd1, 0x2f, 0x01, 0x00,
    /* INET_DIAG_SKV6ONLY (11): 0 */
    0x05, 0x00, 0x0b, 0x00, 0x00, 0x00, 0x00, 0x00};

#define ADDRESS_AT 24 /* of the source address above */
#define STATE_AT   17
#define V6ONLY_AT  92

static struct stack_listener listener;
static struct stack_address address;
static struct stack_interface interface;
static unsigned listeners, addresses, interfaces;

static void take_listener(void *context, const struct stack_listener *one)
{
    (void)context;
    listener = *one;
    listeners++;
}

static void take_address(void *context, const struct stack_address *one)
{
    (void)context;
    address = *one;
    addresses++;
}

static void take_interface(void *context, const struct stack_interface *one)
{
    (void)context;
    interface = *one;
    interfaces++;
}

static const struct stack_sink sink = {take_listener, take_address, take_interface, NULL};

/* A copy of exactly this length, so that a sanitizer sees what is read beyond it. */
static enum stack_parsed parse(enum stack_subject subject, const void *bytes, size_t count)
{
    uint8_t *copy = malloc(count ? count : 1);

    cr_assert_not_null(copy);
    memcpy(copy, bytes, count);
    listeners = addresses = interfaces = 0;
    const enum stack_parsed parsed = stack_parse(subject, copy, count, SEQUENCE, &sink);
    free(copy);
    return parsed;
}

static struct ip_addr addr(const char *text)
{
    struct ip_addr parsed;

    cr_assert(addr_from_text(text, &parsed));
    return parsed;
}

Test(stack_parse, a_recorded_listener)
{
    cr_assert_eq(parse(STACK_SOCKETS, recorded, sizeof(recorded)), STACK_MORE);
    cr_assert_eq(listeners, 1);
    cr_expect(listener.any);
    cr_expect_not(listener.v6only);
    cr_expect_eq(listener.port, 80);
    cr_expect_eq(listener.used, 3);
    cr_expect_eq(listener.limit, 128);
    cr_expect_eq(listener.inode, 77777);
    cr_expect_eq(listener.device, 0);
    cr_expect_eq(listener.program[0], '\0');
}

Test(stack_parse, whom_a_listener_hears)
{
    const struct ip_addr four = addr("10.77.0.2"), six = addr("fd77::2");
    uint8_t bytes[sizeof(recorded)];

    memcpy(bytes, recorded, sizeof(bytes));
    parse(STACK_SOCKETS, bytes, sizeof(bytes));
    cr_expect(stack_listener_covers(&listener, &four, 80), ":: hears IPv4 too");
    cr_expect(stack_listener_covers(&listener, &six, 80));
    cr_expect_not(stack_listener_covers(&listener, &six, 81));
    bytes[V6ONLY_AT] = 1;
    parse(STACK_SOCKETS, bytes, sizeof(bytes));
    cr_expect_not(stack_listener_covers(&listener, &four, 80), "unless it is for IPv6 only");
    cr_expect(stack_listener_covers(&listener, &six, 80));
    bytes[16] = 2; /* AF_INET, 0.0.0.0 */
    parse(STACK_SOCKETS, bytes, sizeof(bytes));
    cr_expect(listener.any);
    cr_expect(stack_listener_covers(&listener, &four, 80));
    cr_expect_not(stack_listener_covers(&listener, &six, 80));
    memcpy(bytes + ADDRESS_AT, (const uint8_t[]){10, 77, 0, 2}, 4);
    parse(STACK_SOCKETS, bytes, sizeof(bytes));
    cr_expect_not(listener.any);
    cr_expect(stack_listener_covers(&listener, &four, 80));
    cr_expect_not(stack_listener_covers(&listener, &(struct ip_addr){0}, 80));
}

Test(stack_parse, what_is_no_listener_is_left_out)
{
    uint8_t bytes[sizeof(recorded)];

    memcpy(bytes, recorded, sizeof(bytes));
    bytes[STATE_AT] = 1;
    parse(STACK_SOCKETS, bytes, sizeof(bytes));
    cr_expect_eq(listeners, 0, "established");
    memcpy(bytes, recorded, sizeof(bytes));
    bytes[16] = 1;
    parse(STACK_SOCKETS, bytes, sizeof(bytes));
    cr_expect_eq(listeners, 0, "a UNIX socket");
    memcpy(bytes, recorded, sizeof(bytes));
    bytes[8]++;
    parse(STACK_SOCKETS, bytes, sizeof(bytes));
    cr_expect_eq(listeners, 0, "the answer to another request");
    parse(STACK_ROUTES, recorded, sizeof(recorded));
    cr_expect_eq(listeners + addresses, 0, "the same number means an address there");
}

/* Cut anywhere: nothing, or what was whole; never a byte beyond. */
Test(stack_parse, answers_that_are_cut)
{
    for (size_t bytes = 0; bytes < sizeof(recorded); bytes++) {
        cr_expect_eq(parse(STACK_SOCKETS, recorded, bytes), STACK_MORE);
        cr_expect_eq(listeners, 0, "%zu bytes", bytes);
    }
}

Test(stack_parse, absurd_lengths)
{
    static const uint32_t lengths[] = {0,  1,  15,         16,         17,
                                       87, 97, 0x7fffffff, 0x80000000, 0xffffffff};
    uint8_t bytes[sizeof(recorded)];

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memcpy(bytes, recorded, sizeof(bytes));
        memcpy(bytes, &lengths[i], 4);
        cr_expect_eq(parse(STACK_SOCKETS, bytes, sizeof(bytes)), STACK_MORE);
        cr_expect_eq(listeners, 0, "message of %u bytes", lengths[i]);
    }
    for (unsigned length = 0; length < 65536; length += 1 + length / 2) {
        const uint16_t attribute = (uint16_t)length;

        memcpy(bytes, recorded, sizeof(bytes));
        memcpy(bytes + 88, &attribute, 2);
        parse(STACK_SOCKETS, bytes, sizeof(bytes));
        cr_expect_eq(listeners, 1, "an attribute of %u bytes does not matter", length);
    }
}

/* Any byte of it may be anything. */
Test(stack_parse, random_bytes)
{
    uint64_t state = 20261122;
    uint8_t bytes[2 * sizeof(recorded)];

    for (int round = 0; round < 20000; round++) {
        memcpy(bytes, recorded, sizeof(recorded));
        memcpy(bytes + sizeof(recorded), recorded, sizeof(recorded));
        for (int flips = 0; flips < 3; flips++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            bytes[(state >> 33) % sizeof(bytes)] = (uint8_t)(state >> 20);
        }
        parse(round % 2 ? STACK_SOCKETS : STACK_ROUTES, bytes, sizeof(bytes));
        cr_assert_leq(listeners + addresses + interfaces, 12);
    }
}

Test(stack_parse, the_end_and_failures)
{
    uint8_t message[20] = {20, 0, 0, 0, 3, 0, 2, 0, SEQUENCE};

    cr_expect_eq(parse(STACK_SOCKETS, message, sizeof(message)), STACK_DONE);
    message[4] = 2; /* NLMSG_ERROR */
    cr_expect_eq(parse(STACK_SOCKETS, message, sizeof(message)), STACK_FAILED);
    message[4] = 20;
    message[6] = 2 | 16; /* NLM_F_DUMP_INTR: something changed meanwhile */
    cr_expect_eq(parse(STACK_SOCKETS, message, sizeof(message)), STACK_FAILED);
}

Test(stack_parse, a_recorded_address)
{
    /* 10.77.0.2/24 of interface 3, scope universe: IFA_ADDRESS, IFA_LOCAL */
    uint8_t bytes[] = {0x28, 0,  0, 0,  0x14, 0, 2, 0, SEQUENCE, 0,  0, 0, 0, 0,
                       0,    0,  2, 24, 0x80, 0, 3, 0, 0,        0,  8, 0, 1, 0,
                       10,   77, 0, 9,  8,    0, 2, 0, 10,       77, 0, 2};
    const struct ip_addr wanted = addr("10.77.0.2");

    parse(STACK_ROUTES, bytes, sizeof(bytes));
    cr_assert_eq(addresses, 1);
    cr_expect_eq(memcmp(&address.addr, &wanted, sizeof(wanted)), 0, "ours, not the other end's");
    cr_expect_eq(address.device, 3);
    cr_expect(address.global);
    bytes[19] = 253; /* RT_SCOPE_LINK */
    parse(STACK_ROUTES, bytes, sizeof(bytes));
    cr_expect_not(address.global);
    bytes[32] = 9; /* an IFA_LOCAL that is longer than the message */
    parse(STACK_ROUTES, bytes, sizeof(bytes));
    cr_expect_eq(addresses, 1, "the other one counts then");
}

Test(stack_parse, a_recorded_interface)
{
    /* 5: eth0.10, IFLA_LINKINFO { IFLA_INFO_KIND "vlan" } */
    uint8_t bytes[] = {0x3c, 0,  0,  0, 16, 0, 2,   0,   SEQUENCE, 0,   0,   0,   0,   0, 0,
                       0,    0,  0,  1, 0,  5, 0,   0,   0,        0,   0,   0,   0,   0, 0,
                       0,    0,  12, 0, 3,  0, 'e', 't', 'h',      '0', '.', '1', '0', 0, 16,
                       0,    18, 0,  9, 0,  1, 0,   'v', 'l',      'a', 'n', 0,   0,   0, 0};

    parse(STACK_ROUTES, bytes, sizeof(bytes));
    cr_assert_eq(interfaces, 1);
    cr_expect_eq(interface.device, 5);
    cr_expect_str_eq(interface.name, "eth0.10");
    cr_expect(interface.vlan);
    bytes[52] = 'V';
    parse(STACK_ROUTES, bytes, sizeof(bytes));
    cr_expect_not(interface.vlan);
}
