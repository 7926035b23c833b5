/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forms.c - see forms.h. */
#include "tests/sim/forms.h"

#include <stdio.h>
#include <string.h>

#include "tests/engine/protocols/support_hidden.h"
#include "tests/sim/fixture.h"

#define BEGINS          "+OK mail "
#define DIGITS_MAX      30
#define MSE_PADDING_MAX 512

static void digits(char *at, uint32_t count, struct rng *rng)
{
    for (uint32_t i = 0; i < count; i++)
        at[i] = (char)('0' + rng_below(rng, 10));
}

/* A greeting whose middle is `count` digits. */
static void greeting(char text[64], uint32_t count, struct rng *rng)
{
    uint32_t begins = (uint32_t)strlen(BEGINS);
    memcpy(text, BEGINS, begins);
    digits(text + begins, count, rng);
    memcpy(text + begins + count, "\r\n", 3);
}

void forms_init(struct forms *forms, struct rng *rng, bool any_length)
{
    greeting(forms->said, 1 + rng_below(rng, DIGITS_MAX), rng);
    forms->prefix = (uint16_t)(3 + rng_below(rng, (uint32_t)strlen(BEGINS) - 2));
    forms->suffix = (uint16_t)rng_below(rng, 3);
    forms->any_length = any_length;
}

/* --- what is known --------------------------------------------------------------------------- */

static void teach_hosts(struct server_policy *server)
{
    static const char *const hosts[] = {"sim.example", "www.sim.example"};
    server->protocols = 1ull << PROTOCOL_HTTP | 1ull << PROTOCOL_REDIS | 1ull << PROTOCOL_GNUTELLA;
    server->check_keywords = true;
    memcpy(server->keywords.key, "key of the worlds", KEYWORD_KEY_BYTES);
    for (uint32_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        keyword_filter_add(&server->keywords, KEYWORD_HOST, (const uint8_t *)hosts[i],
                           strlen(hosts[i]));
}

static void teach_hidden(struct server_policy *server)
{
    server->has_pattern = false;
    server->protocols = 1ull << PROTOCOL_BITTORRENT;
    server->hidden = HIDDEN_BITTORRENT | HIDDEN_EDONKEY;
    memcpy(server->user_hash, emule_user_hash, sizeof server->user_hash);
}

static void teach_template(const struct forms *forms, struct promise *promise)
{
    promise->greeting_template = promise->greeting_bytes > 0;
    promise->greeting_prefix = forms->prefix;
    promise->greeting_suffix = forms->suffix;
}

void forms_teach(const struct forms *forms, struct server_policy *server)
{
    if (server->key.port == HTTP_PORT)
        teach_hosts(server);
    else if (server->key.port == BINARY_PORT)
        teach_hidden(server);
    teach_template(forms, &server->now);
    teach_template(forms, &server->before);
}

/* --- what is said ---------------------------------------------------------------------------- */

static void ask_http(struct session *session, uint32_t bytes, const char *host, struct rng *rng)
{
    char text[160];
    snprintf(text, sizeof text, "GET /%u HTTP/1.1\r\nHost: %s\r\n\r\n", bytes, host);
    session_say_text(session, SIDE_CLIENT, text);
    session_say_text(session, SIDE_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
    session_say_more(session, rng_next(rng), bytes, false);
}

static void ask_one_of_several(struct session *session, uint32_t bytes, struct rng *rng)
{
    switch (rng_below(rng, 5)) {
    case 0:
        session_say_text(session, SIDE_CLIENT, "PING\r\n");
        session_say_text(session, SIDE_SERVER, "+PONG\r\n");
        break;
    case 1:
        session_say_text(session, SIDE_CLIENT, "GNUTELLA CONNECT/0.6\r\nUser-Agent: x\r\n\r\n");
        session_say_text(session, SIDE_SERVER, "GNUTELLA/0.6 200 OK\r\n\r\n");
        session_say_more(session, rng_next(rng), bytes, false);
        break;
    case 2:
        session_http_post(session, bytes, rng_next(rng));
        break;
    default:
        ask_http(session, bytes, rng_chance(rng, 500000) ? "sim.example:80" : "WWW.sim.example",
                 rng);
        break;
    }
}

static void ask_hidden(struct session *session, uint32_t bytes, struct rng *rng)
{
    switch (rng_below(rng, 3)) {
    case 0:
        session_wrong(session); /* plain BitTorrent: here it is right */
        session_say(session, SIDE_SERVER, "\x13", 1);
        break;
    case 1:
        session_say(session, SIDE_CLIENT, mse_public_key, sizeof mse_public_key);
        session_say_more(session, rng_next(rng), rng_below(rng, MSE_PADDING_MAX + 1), false);
        session_say(session, SIDE_SERVER, mse_public_key, sizeof mse_public_key);
        break;
    default:
        session_say(session, SIDE_CLIENT, emule_request, sizeof emule_request);
        session_say(session, SIDE_SERVER, emule_answer, sizeof emule_answer);
        break;
    }
    session_say_more(session, rng_next(rng), bytes, false);
}

/* Where the mode may change nobody knows which of the two is heard: then both are equally long, and
 * either is right. */
static void say_template(const struct forms *forms, struct session *session, uint32_t bytes,
                         struct rng *rng)
{
    uint32_t usual = (uint32_t)(strlen(forms->said) - strlen(BEGINS "\r\n"));
    char real[64];
    greeting(real, forms->any_length ? rng_below(rng, DIGITS_MAX + 1) : usual, rng);
    session_pop3(session, real, bytes, rng_next(rng));
    if (forms->any_length)
        session_expect_greeting(session, forms->said);
    else
        session->other_greeting = forms->said;
    session->any_greeting = true;
}

static void ask_wrong(struct session *session, struct rng *rng)
{
    if (session->server_port == HTTP_PORT)
        ask_http(session, 1, rng_chance(rng, 500000) ? "sim.example.net" : "xsim.example", rng);
    else
        session_say_text(session, SIDE_CLIENT, "SSH-2.0-OpenSSH_9.2p1\r\n");
    session->wrong = session->excused = true;
}

void forms_dialogue(const struct forms *forms, struct session *session, uint32_t bytes, bool wrong,
                    struct rng *rng)
{
    if (session->server_port == POP3_PORT)
        say_template(forms, session, bytes, rng);
    else if (wrong)
        ask_wrong(session, rng);
    else if (session->server_port == HTTP_PORT)
        ask_one_of_several(session, bytes, rng);
    else
        ask_hidden(session, bytes, rng);
}
