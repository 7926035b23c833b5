/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steps.c - see steps.h. */
#include "tests/sim/steps.h"

#include <string.h>

static struct scenario *scenario_in(enum mode_setting setting)
{
    struct tcp_settings settings = tcp_settings_default(true);
    return scenario_new(setting, fixture_all(&settings));
}

struct scenario *attack_scenario(void)
{
    return scenario_in(SETTING_ATTACK);
}

struct scenario *signed_scenario(void)
{
    struct scenario *s = attack_scenario();

    for (uint32_t i = 0; i < s->middle->policy->count; i++)
        s->middle->policy->servers[i].signs = OPTION_AUTHENTICATED;
    return s;
}

struct scenario *normal_scenario(void)
{
    return scenario_in(SETTING_NORMAL);
}

void step_syn(struct scenario *s)
{
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 ttl 64 id 0 df <mss 1460,sackOK,TS val t ecr "
           "100,nop,wscale 7>");
    expect_nothing(s);
}

void step_handshake(struct scenario *s)
{
    step_syn(s);
    pass(s, 10000);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
}

void step_request(struct scenario *s)
{
    step_handshake(s);
    pass(s, 10000);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * ttl 57 <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    expect_nothing(s);
}

void step_open(struct scenario *s)
{
    step_request(s);
    pass(s, 10000);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    expect_nothing(s);
}

void step_greeted(struct scenario *s)
{
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    pass(s, 10000);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 110> | " GREETING);
    expect_nothing(s);
}

void step_greeted_request(struct scenario *s)
{
    step_greeted(s);
    pass(s, 10000);
    inject(s, CLIENT, ". x+1 ack c+12 win 502 <nop,nop,TS val 120 ecr t1>");
    expect_nothing(s);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * ttl 57 <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    expect_nothing(s);
}

void step_greeted_synack(struct scenario *s)
{
    step_greeted_request(s);
    pass(s, 10000);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 130 ecr 5000>");
    expect_nothing(s);
}

void step_close(struct scenario *s)
{
    inject(s, SERVER,
           "P. y+1 ack x+19 win 509 <nop,nop,TS val 5005 ecr 120> | HTTP/1.1 204 No\r\n\r\n");
    expect(s, CLIENT,
           "P. c+1 ack x+19 win 509 <nop,nop,TS val d ecr 120> | HTTP/1.1 204 No\r\n\r\n");
    inject(s, SERVER, "F. y+20 ack x+19 win 509 <nop,nop,TS val 5006 ecr 120>");
    expect(s, CLIENT, "F. c+20 ack x+19 win 509 <nop,nop,TS val d+1 ecr 120>");
    inject(s, CLIENT, "F. x+19 ack c+21 win 501 <nop,nop,TS val 140 ecr d+1>");
    expect(s, SERVER, "F. x+19 ack y+21 win 501 <nop,nop,TS val 140 ecr 5006>");
    inject(s, SERVER, ". y+21 ack x+20 win 509 <nop,nop,TS val 5007 ecr 140>");
    expect(s, CLIENT, ". c+21 ack x+20 win 509 <nop,nop,TS val d+2 ecr 140>");
    expect_nothing(s);
}

void step_fill_table(struct scenario *s, uint32_t count)
{
    struct symbols symbols = s->symbols;
    uint16_t client_port = s->client_port, server_port = s->server_port;
    s->quiet = true;
    s->server_port = 5555;
    for (uint32_t i = 0; i < count; i++) {
        s->client_port = (uint16_t)(1024 + i);
        inject(s, SERVER, "P. 2000 ack 1000 win 502 | hello");
        inject(s, CLIENT, "P. 1000 ack 2005 win 502 | well"); /* both have spoken: it is live */
    }
    s->quiet = false;
    s->client_port = client_port;
    s->server_port = server_port;
    s->symbols = symbols;
}

void step_forget(struct scenario *s, const char *symbol)
{
    for (uint32_t i = 0; i < s->symbols.count; i++) {
        if (strcmp(s->symbols.at[i].name, symbol) == 0)
            s->symbols.at[i] = s->symbols.at[--s->symbols.count];
    }
}
