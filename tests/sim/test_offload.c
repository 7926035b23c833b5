/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_offload.c - super-frames, partial checksums, long streams, jumbo frames, unequal MTUs, flow
 * labels: rule 5.12, in every path.
 *
 * Every frame that leaves the engine is read by the simulator's own reader, which checks lengths,
 * both kinds of checksum and the offload header: so each expectation here says that too.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/steps.h"

#define OFFER    "<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>"
#define ACCEPTED "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>"

static struct scenario *offload_scenario(void)
{
    struct scenario *s = attack_scenario();
    s->offload = true;
    return s;
}

/* "HEAD | BEGIN aaaa..." with `bytes` bytes of payload in all; malloc'ed. */
static char *with_payload(const char *head, const char *begin, uint32_t bytes)
{
    size_t at = strlen(head) + 3;
    char *text = malloc(at + bytes + 1);
    snprintf(text, at + 1, "%s | ", head);
    memset(text + at, 'a', bytes);
    memcpy(text + at, begin, strlen(begin));
    text[at + bytes] = '\0';
    return text;
}

static void inject_long(struct scenario *s, enum side from, const char *head, const char *begin,
                        uint32_t bytes)
{
    char *text = with_payload(head, begin, bytes);
    inject(s, from, text);
    free(text);
}

static void expect_long(struct scenario *s, enum side to, const char *head, const char *begin,
                        uint32_t bytes)
{
    char *text = with_payload(head, begin, bytes);
    expect(s, to, text);
    free(text);
}

/* --- partial checksums ----------------------------------------------------------------------- */

Test(offload, partial_checksums_in_every_path)
{
    struct scenario *s = offload_scenario();
    step_open(s); /* SYN, ACK, held request, opening */
    step_close(s);
    s->client_port++;
    s->symbols.count = 0;
    step_syn(s);
    inject(s, CLIENT, ". x ack c+1 win 502 <nop,nop,TS val 110 ecr t>"); /* keepalive */
    expect(s, CLIENT, ". c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110>");
    inject(s, CLIENT, "F. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t>"); /* leaves */
    expect(s, CLIENT, "F. c+1 ack x+2 win 509 <nop,nop,TS val * ecr 120>");
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | +OK");
    expect(s, SERVER, ". x+1 ack y+4 win * <nop,nop,TS val 130 ecr 5001>");
    inject(s, SERVER, "P. y+4 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> |  ready\r\n");
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    inject(s, CLIENT,
           ". x+11 ack c+12 win 502 <nop,nop,TS val 140 ecr t1,nop,nop,sack c+1:c+12>"); /* SACK
                                                                                            edit */
    expect(s, SERVER,
           ". x+11 ack y+12 win 502 "
           "<nop,nop,TS val 140 ecr 5001,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop>");
    inject(s, SERVER,
           "P. y+1 ack x+11 win 509 <nop,nop,TS val 5201 ecr 140> | " GREETING); /* repeated */
    expect(s, SERVER, ". x+11 ack y+12 win * <nop,nop,TS val 140 ecr 5201>");
    scenario_end(s);
}

Test(offload, sack_of_three_blocks_partly_below_the_greeting)
{
    for (int offload = 0; offload < 2; offload++) {
        struct scenario *s = attack_scenario();
        s->offload = offload != 0;
        step_greeted_synack(s);
        inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
        expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
        /* below it: gone; across it: cut; above it: moved */
        inject(
            s, CLIENT,
            ". x+11 ack c+12 win 502 <nop,nop,TS val 140 ecr t1,nop,nop,sack c+1:c+12 c+6:c+1460 "
            "c+2908:c+4356>");
        expect(s, SERVER,
               ". x+11 ack y+12 win 502 <nop,nop,TS val 140 ecr 5001,nop,nop,sack y+12:y+1460 "
               "y+2908:y+4356,"
               "nop,nop,nop,nop,nop,nop,nop,nop>");
        scenario_end(s);
    }
}

/* --- super-frames ---------------------------------------------------------------------------- */

/* 45 segments of 1,448 bytes: as long as an IP packet can be said to be. */
Test(offload, super_frames_of_64_kib_both_ways)
{
    struct scenario *s = offload_scenario();
    step_open(s);
    inject(s, CLIENT, ". x+19:x+65179(65160) ack c+1 win 502 gso 1448 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER,
           ". x+19:x+65179(65160) ack y+1 win 502 gso 1448 <nop,nop,TS val 130 ecr 5000>");
    inject(s, SERVER,
           "P. y+1:y+65161(65160) ack x+65179 win 509 gso 1448 <nop,nop,TS val 5005 ecr 130>");
    expect(s, CLIENT,
           "P. c+1:c+65161(65160) ack x+65179 win 509 gso 1448 <nop,nop,TS val * ecr 130>");
    scenario_end(s);
}

/* A request as one super-frame of 64 KiB: 16 KiB of it are held and handed over in the client's own
 * segments. */
Test(offload, held_super_frame_of_64_kib)
{
    struct scenario *s = offload_scenario();
    step_handshake(s);
    inject_long(s, CLIENT, "P. x+1 ack c+1 win 502 gso 1448 <nop,nop,TS val 120 ecr t>",
                "POST / HTTP/1.1\r\n", 65160);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER, ACCEPTED);
    expect_long(s, SERVER, "P. x+1 ack y+1 win 502 gso 1448 <nop,nop,TS val 120 ecr 5000>",
                "POST / HTTP/1.1\r\n", 16384);
    expect_nothing(s);
    inject(s, SERVER, ". y+1 ack x+16385 win 509 <nop,nop,TS val 5001 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+16385 win 509 <nop,nop,TS val * ecr 120>");
    inject(s, CLIENT,
           "P. x+16385:x+65161(48776) ack c+1 win 502 gso 1448 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER,
           "P. x+16385:x+65161(48776) ack y+1 win 502 gso 1448 <nop,nop,TS val 130 ecr 5000>");
    scenario_end(s);
}

/* A request in pieces whose second piece is a super-frame. */
Test(offload, assembled_from_super_frames)
{
    struct scenario *s = offload_scenario();
    step_handshake(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GET /");
    expect_nothing(s);
    inject_long(s, CLIENT, "P. x+6 ack c+1 win 502 gso 1448 <nop,nop,TS val 121 ecr t>",
                " HTTP/1.1\r\n\r\n", 3000);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER, ACCEPTED);
    expect_long(s, SERVER, "P. x+1 ack y+1 win 502 gso 1448 <nop,nop,TS val 121 ecr 5000>",
                "GET / HTTP/1.1\r\n\r\n", 3005);
    scenario_end(s);
}

/* The real greeting is the beginning of a super-frame: swallowed; the rest is the client's, in
 * segments of its size. */
Test(offload, greeting_and_mail_in_one_super_frame)
{
    struct scenario *s = offload_scenario();
    step_greeted_synack(s);
    inject_long(s, SERVER, "P. y+1 ack x+1 win 509 gso 1448 <nop,nop,TS val 5001 ecr 130>",
                GREETING "+OK mail", 43440);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    expect_long(s, CLIENT, "P. c+12 ack x+1 win 509 gso 1448 <nop,nop,TS val * ecr 130>",
                "+OK mail", 43429);
    scenario_end(s);
}

Test(offload, greeting_that_differs_in_a_super_frame)
{
    struct scenario *s = offload_scenario();
    step_greeted_synack(s);
    inject_long(s, SERVER, "P. y+1 ack x+1 win 509 gso 1448 <nop,nop,TS val 5001 ecr 130>",
                "+OK reads\r\n+OK", 43440);
    expect(s, CLIENT, "R. c+12:c+12(0) ack x+1");
    expect(s, SERVER, "R x+1:x+1(0)");
    scenario_end(s);
}

Test(offload, repeated_greeting_in_a_super_frame)
{
    struct scenario *s = offload_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    inject_long(s, SERVER, "P. y+1 ack x+11 win 509 gso 1448 <nop,nop,TS val 5201 ecr 130>",
                GREETING "+OK mail", 43440);
    expect_long(s, CLIENT, "P. c+12 ack x+11 win 509 gso 1448 <nop,nop,TS val * ecr 130>",
                "+OK mail", 43429);
    /* so little behind it that one segment is enough */
    inject_long(s, SERVER, "P. y+1 ack x+11 win 509 gso 1448 <nop,nop,TS val 5202 ecr 130>",
                GREETING "+OK mail", 1450);
    expect_long(s, CLIENT, "P. c+12 ack x+11 win 509 gso 0 <nop,nop,TS val * ecr 130>", "+OK mail",
                1439);
    expect_nothing(s);
    scenario_end(s);
}

Test(offload, super_frame_of_a_server_that_granted_less)
{
    struct scenario *s = offload_scenario();
    step_request(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 536,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    inject(s, CLIENT,
           "P. x+19:x+1467(1448) ack c+1 win 502 <nop,nop,TS val 130 ecr t>"); /* an ordinary frame
                                                                                  is one segment */
    scenario_drain(s);
    inject(s, CLIENT,
           "P. x+1467:x+66627(65160) ack c+1 win 502 gso 1448 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER,
           "P. x+1467:x+66627(65160) ack y+1 win 502 gso 524 <nop,nop,TS val 130 ecr 5000>");
    scenario_end(s);
}

/* --- streams --------------------------------------------------------------------------------- */

/* A download of 260 MB: nearly a hundred thousand segments of the client, all of them empty. */
Test(offload, long_stream_of_acks_only)
{
    struct scenario *s = offload_scenario();
    step_open(s);
    trace_bind(&s->symbols, "n", 0);
    trace_bind(&s->symbols, "k", 0);
    for (uint32_t frame = 0; frame < 4000; frame++) {
        trace_bind(&s->symbols, "n", frame * 65160);
        s->quiet = true;
        inject(
            s, SERVER,
            ". y+1+n:y+1+n+65160(65160) ack x+19 win 509 gso 1448 <nop,nop,TS val 5005 ecr 120>");
        cr_assert_eq(s->middle->last.action, VERDICT_FORWARD);
        for (uint32_t segment = 2; segment <= 44; segment += 2) {
            trace_bind(&s->symbols, "k", segment * 1448);
            inject(s, CLIENT, ". x+19 ack c+1+n+k win 502 <nop,nop,TS val 130 ecr t>");
            cr_assert_eq(s->middle->last.action, VERDICT_FORWARD, "an ACK was lost");
        }
        s->quiet = false;
        s->now_us += 500;
    }
    inject(s, CLIENT, ". x+19 ack c+1+n+65160 win 502 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER, ". x+19 ack y+1+n+65160 win 502 <nop,nop,TS val 130 ecr 5000>");
    expect_count(s, flows_spliced, 1);
    expect_count(s, drops[DROP_ack_storm], 0);
    scenario_end(s);
}

/* --- MTUs ------------------------------------------------------------------------------------ */

static struct scenario *jumbo_scenario(void)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.mss = 8960;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_all(&settings));
    s->middle->mtu = 9000;
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 8960,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 8960,sackOK,TS val t ecr 100,nop,wscale 7>");
    inject_long(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t>",
                "POST / HTTP/1.1\r\n\r\n", 8948);
    expect(s, SERVER, "S x:x(0) win * <mss 8960,sackOK,TS val v ecr 0,nop,wscale 7>");
    return s;
}

Test(offload, jumbo_both)
{
    struct scenario *s = jumbo_scenario();
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 8960,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect_long(s, SERVER, "P. x+1 ack y+1 win 502 gso 0 <nop,nop,TS val 120 ecr 5000>",
                "POST / HTTP/1.1\r\n\r\n", 8948);
    inject(s, SERVER, "P. y+1:y+8949(8948) ack x+8949 win 509 <nop,nop,TS val 5005 ecr 120>");
    expect(s, CLIENT, "P. c+1:c+8949(8948) ack x+8949 win 509 <nop,nop,TS val * ecr 120>");
    s->offload = true;
    inject(s, CLIENT,
           ". x+8949:x+62637(53688) ack c+8949 win 502 gso 8948 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER,
           ". x+8949:x+62637(53688) ack y+8949 win 502 gso 8948 <nop,nop,TS val 130 ecr 5000>");
    scenario_end(s);
}

/* The promise said 8,960; the server says 1,460 now: what is held goes out in its segments. */
Test(offload, jumbo_client_and_small_server)
{
    struct scenario *s = jumbo_scenario();
    inject(s, SERVER, ACCEPTED);
    expect_long(s, SERVER, "P. x+1 ack y+1 win 502 gso 1448 <nop,nop,TS val 120 ecr 5000>",
                "POST / HTTP/1.1\r\n\r\n", 8948);
    s->offload = true;
    inject(s, CLIENT,
           ". x+8949:x+62637(53688) ack c+1 win 502 gso 8948 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER,
           ". x+8949:x+62637(53688) ack y+1 win 502 gso 1448 <nop,nop,TS val 130 ecr 5000>");
    scenario_end(s);
}

/* Behind a tunnel: the server hears of the client's smaller MSS, and the greeting is cut to it. */
Test(offload, small_client_and_large_server)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1300,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1300,sackOK,TS val * ecr 0,nop,wscale 7>");
    scenario_end(s);
}

/* --- IPv6 ------------------------------------------------------------------------------------ */

/* Before the server was asked the label is ours; so it stays, whatever the server's own is. Its way
 * to the server is the client's. */
Test(offload, flow_label_towards_the_client_is_one)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V6, 40000, SERVER_V6, POP3_PORT);
    inject(s, CLIENT, "S x:x(0) win 64800 <mss 1440,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 label l <mss 1440,sackOK,TS val t ecr 100,nop,wscale 7>");
    pass(s, 1010000);
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 label l <mss 1440,sackOK,TS val * ecr 100,nop,wscale 7>");
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 label l <nop,nop,TS val t1 ecr 110> | " GREETING);
    pass(s, 1010000);
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 label l <nop,nop,TS val * ecr 110> | " GREETING);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * label 74565 <mss 1440,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(
        s, SERVER,
        "S. y:y(0) ack x+1 win 65160 label 777 <mss 1440,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * label 74565 <nop,nop,TS val 130 ecr 5000>");
    inject(s, SERVER,
           "P. y+1 ack x+1 win 509 label 777 <nop,nop,TS val 5001 ecr 130> | " GREETING
           "+OK more\r\n");
    expect(s, SERVER,
           "P. x+1 ack y+12 win 502 label 74565 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    expect(s, CLIENT, "P. c+12 ack x+1 win 509 label l <nop,nop,TS val * ecr 130> | +OK more\r\n");
    inject(s, SERVER, "P. y+21 ack x+11 win 509 label 778 <nop,nop,TS val 5002 ecr 130> | +OK\r\n");
    expect(s, CLIENT, "P. c+21 ack x+11 win 509 label l <nop,nop,TS val * ecr 130> | +OK\r\n");
    inject(s, SERVER, "R. y+26 ack x+11 win 0 label 0");
    expect(s, CLIENT, "R. c+26 ack x+11 win 0 label l");
    scenario_end(s);
}
