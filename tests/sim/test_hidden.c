/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_hidden.c - requests that look random (engine/protocols/hidden.h), in attack mode: encrypted
 * BitTorrent and obfuscated eMule, as one segment and in pieces, repeated while the cipher's limit
 * is reached, and from wrong clients.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/stages/request_check.h"
#include "tests/engine/protocols/support_hidden.h"
#include "tests/sim/steps.h"

#define BITTORRENT_PORT 6881

/* A server that takes plain BitTorrent and these forms. */
static struct scenario *scenario_of(uint8_t forms)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy =
        fixture_check(SERVER_V4, BITTORRENT_PORT, PROTOCOL_BITTORRENT, &settings);
    struct scenario *s;

    policy.hidden = forms;
    memcpy(policy.user_hash, emule_user_hash, sizeof(policy.user_hash));
    s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, BITTORRENT_PORT);
    return s;
}

static void expect_opening(struct scenario *s)
{
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
}

Test(hidden, a_key_of_mse_opens_the_server)
{
    struct scenario *s = scenario_of(HIDDEN_BITTORRENT);

    step_handshake(s);
    s->payload = mse_public_key;
    inject(s, CLIENT, "P. x+1:x+97(96) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect_opening(s);
    expect(s, SERVER, "P. x+1:x+97(96) ack y+1 win 502 <nop,nop,TS val 120 ecr 5000>");
    expect_count(s, requests_matched, 1);
    scenario_end(s);
}

/* Where the server was never seen to take it, it is a wrong request like any other. */
Test(hidden, a_key_of_mse_for_a_server_without_it)
{
    struct scenario *s = scenario_of(HIDDEN_EDONKEY);

    step_handshake(s);
    s->payload = mse_public_key;
    inject(s, CLIENT, "P. x+1:x+97(96) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect(s, CLIENT, "R c+1:c+1(0)");
    expect_count(s, requests_mismatched, 1);
    scenario_end(s);
}

Test(hidden, text_for_a_server_that_takes_mse)
{
    struct scenario *s = scenario_of(HIDDEN_BITTORRENT | HIDDEN_EDONKEY);

    step_handshake(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, CLIENT, "R c+1:c+1(0)");
    scenario_end(s);
}

/* 15 bytes could become a key of MSE: the cipher tells that they need not. */
Test(hidden, an_obfuscated_request_where_both_are_taken)
{
    struct scenario *s = scenario_of(HIDDEN_BITTORRENT | HIDDEN_EDONKEY);

    step_handshake(s);
    s->payload = emule_request;
    inject(s, CLIENT, "P. x+1:x+16(15) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect_opening(s);
    expect(s, SERVER, "P. x+1:x+16(15) ack y+1 win 502 <nop,nop,TS val 120 ecr 5000>");
    expect_count(s, requests_matched, 1);
    scenario_end(s);
}

/* A client that has proved its address may repeat one wrong segment as fast as it can: it costs no
 * more than its share. */
Test(hidden, wrong_requests_of_one_source_are_deciphered_under_a_limit)
{
    static const uint8_t wrong[16] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99};
    struct scenario *s = scenario_of(HIDDEN_EDONKEY);

    step_handshake(s);
    s->payload = wrong;
    for (unsigned i = 0; i < DECIPHER_PER_SOURCE + 100; i++) {
        inject(s, CLIENT, "P. x+1:x+17(16) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
        scenario_drain(s);
    }
    expect_count(s, drops[DROP_mismatch], DECIPHER_PER_SOURCE);
    expect_count(s, drops[DROP_decipher_limit], 100);
    expect_count(s, requests_mismatched, 1);
    expect_count(s, flows_opened, 0);
    pass(s, 1000000);
    inject(s, CLIENT, "P. x+1:x+17(16) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect(s, CLIENT, "R c+1:c+1(0)");
    scenario_end(s);
}
