/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_registry.c - every protocol has an entry and a name, and data is given to the right one. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/protocols/match.h"
#include "engine/protocols/protocol.h"
#include "engine/protocols/samples.h"
#include "tests/engine/random.h"

static enum protocol_id request_of(const char *text)
{
    return protocol_of_request((const uint8_t *)text, strlen(text));
}

static enum protocol_id greeting_of(const char *text, size_t *bytes)
{
    return protocol_of_greeting((const uint8_t *)text, strlen(text), bytes);
}

Test(registry, entries_are_whole)
{
    for (int i = PROTOCOL_UNKNOWN + 1; i < PROTOCOLS_COUNT; i++) {
        const struct protocol *protocol = protocol_by_id((enum protocol_id)i);

        cr_assert_not_null(protocol);
        cr_assert_eq((int)protocol->id, i);
        cr_assert_not_null(protocol->check);
        cr_assert_not_null(protocol->accepts);
        cr_assert_eq(protocol->server_first, protocol->greeting != NULL);
        cr_assert_eq(protocol_id_from_name(protocol->name), i);
        cr_assert_str_eq(protocol_name((enum protocol_id)i), protocol->name);
    }
    cr_assert_null(protocol_by_id(PROTOCOL_UNKNOWN));
    cr_assert_null(protocol_by_id(PROTOCOLS_COUNT));
}

Test(registry, names)
{
    cr_assert_eq(protocol_id_from_name("unknown"), (int)PROTOCOL_UNKNOWN);
    cr_assert_eq(protocol_id_from_name("http"), (int)PROTOCOL_HTTP);
    cr_assert_eq(protocol_id_from_name("pop3"), (int)PROTOCOL_POP3);
    cr_assert_eq(protocol_id_from_name("http2"), (int)PROTOCOL_HTTP2);
    cr_assert_eq(protocol_id_from_name("http3"), -1);
    cr_assert_eq(protocol_id_from_name(""), -1);
    cr_assert_str_eq(protocol_name(PROTOCOL_UNKNOWN), "unknown");
    cr_assert_str_eq(protocol_name(PROTOCOLS_COUNT), "unknown");
}

Test(registry, of_a_request)
{
    cr_assert_eq(request_of("GET / HTTP/1.1\r\n"), PROTOCOL_HTTP);
    cr_assert_eq(request_of("USER me\r\n"), PROTOCOL_POP3);
    cr_assert_eq(request_of("GET /"), PROTOCOL_UNKNOWN);
    cr_assert_eq(request_of("\x16\x03\x01"), PROTOCOL_UNKNOWN);
    cr_assert_eq(request_of("EHLO a\r\n"), PROTOCOL_SMTP);
    cr_assert_eq(request_of(""), PROTOCOL_UNKNOWN);
}

Test(registry, of_a_greeting)
{
    size_t bytes = 99;

    cr_assert_eq(greeting_of("+OK hi\r\n", &bytes), PROTOCOL_POP3);
    cr_assert_eq(bytes, 8u);
    cr_assert_eq(greeting_of("-ERR no\r\n", &bytes), PROTOCOL_POP3);
    cr_assert_eq(greeting_of("+OK hi", &bytes), PROTOCOL_UNKNOWN);
    cr_assert_eq(bytes, 0u);
    cr_assert_eq(greeting_of("hi\r\n", &bytes), PROTOCOL_UNKNOWN);
    cr_assert_eq(greeting_of("220 mx ESMTP\r\n", &bytes), PROTOCOL_SMTP);
    cr_assert_eq(greeting_of("* OK hi\r\n", &bytes), PROTOCOL_IMAP);
    cr_assert_eq(greeting_of("SSH-2.0-x\r\n", &bytes), PROTOCOL_SSH);
}

Test(registry, greeting_that_protocols_share)
{
    const uint64_t ftp = 1u << PROTOCOL_FTP, smtp = 1u << PROTOCOL_SMTP;
    size_t bytes = 99;

    cr_assert_eq(protocols_of_greeting((const uint8_t *)"220 hi\r\n!", 9, &bytes), ftp | smtp);
    cr_assert_eq(bytes, 8u);
    cr_assert_eq(protocols_of_greeting((const uint8_t *)"421 no\r\n", 8, &bytes), ftp | smtp);
    cr_assert_eq(protocols_of_greeting((const uint8_t *)"220 hi\r", 7, &bytes), 0);
    cr_assert_eq(bytes, 0u);
    cr_assert_eq(protocol_first(ftp | smtp), PROTOCOL_FTP);
    cr_assert_eq(protocol_first(smtp), PROTOCOL_SMTP);
    cr_assert_eq(protocol_first(0), PROTOCOL_UNKNOWN);
    cr_assert_eq(protocol_first(1), PROTOCOL_UNKNOWN);
}

Test(registry, names_are_those_that_profiles_show)
{
    static const char *const names[] = {
        "http",    "http2", "tls",        "ssh",        "telnet",     "ftp",     "pop3",  "smtp",
        "imap",    "mysql", "bittorrent", "postgresql", "rdp",        "edonkey", "redis", "smb",
        "sip",     "mqtt",  "gnutella",   "dns",        "memcached",  "ldap",    "amqp",  "nats",
        "irc",     "xmpp",  "rsync",      "git",        "nntp",       "vnc",     "proxy", "stomp",
        "mongodb", "kafka", "minecraft",  "icecast",    "beanstalkd", "mpd",     "dict",  "gearman",
        "uwsgi",   "socks", "zabbix",     "unknown"};

    cr_assert_eq(sizeof(names) / sizeof(names[0]), (size_t)PROTOCOLS_COUNT);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_geq(protocol_id_from_name(names[i]), 0, "%s", names[i]);
}

Test(registry, check_of_several)
{
    enum protocol_id matched;
    const uint8_t *user = (const uint8_t *)"USER me";
    const uint64_t http = 1u << PROTOCOL_HTTP, pop3 = 1u << PROTOCOL_POP3;

    cr_assert_eq(protocols_check(http | pop3, user, 7, &matched), MATCH_YES);
    cr_assert_eq(matched, PROTOCOL_POP3);
    cr_assert_eq(protocols_check(http, user, 7, &matched), MATCH_MORE);
    cr_assert_eq(matched, PROTOCOL_UNKNOWN);
    cr_assert_eq(protocols_check(0, user, 7, &matched), MATCH_NO);
    cr_assert_eq(protocols_check(~0ull << PROTOCOLS_COUNT | 1, user, 7, &matched), MATCH_NO);
    cr_assert_eq(protocols_check(pop3, user, 3, &matched), MATCH_MORE);
}

#define TRIPLES_MANY 20000

static void note(const struct protocol *protocol, const uint8_t *request, size_t bytes,
                 bool may[4][256])
{
    may[bytes - 1][request[bytes - 1]] |= protocol->check(request, bytes) != MATCH_NO;
}

/* What may stand at the fourth place, behind three bytes that fit; false: not all were tried. */
static bool note_fourths(const struct protocol *protocol, const uint8_t begins[2], bool may[4][256],
                         unsigned *triples)
{
    uint8_t request[4] = {begins[0], begins[1]};

    for (unsigned third = 0; third < 256; third++) {
        request[2] = (uint8_t)third;
        note(protocol, request, 3, may);
        if (protocol->check(request, 3) == MATCH_NO || ++*triples > TRIPLES_MANY)
            continue;
        for (unsigned fourth = 0; fourth < 256; fourth++) {
            request[3] = (uint8_t)fourth;
            note(protocol, request, 4, may);
        }
    }
    return *triples <= TRIPLES_MANY;
}

/* A protocol's line in the registry says no more and no less than its check does of one byte, of
 * two, three and four; of the fourth no less where that would take too long to try. */
static void compare_beginnings(enum protocol_id id)
{
    const struct protocol *protocol = protocol_by_id(id);
    bool may[4][256] = {{false}}, all = true;
    unsigned triples = 0;
    enum protocol_id matched;

    for (unsigned pair = 0; pair < 65536; pair++) {
        const uint8_t request[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};

        for (size_t bytes = 1; bytes <= 2; bytes++) {
            cr_assert_eq(protocols_check(UINT64_C(1) << id, request, bytes, &matched),
                         protocol->check(request, bytes), "%s: %zu bytes: %02x %02x",
                         protocol->name, bytes, request[0], request[1]);
            note(protocol, request, bytes, may);
        }
        if (protocol->check(request, 2) != MATCH_NO)
            all &= note_fourths(protocol, request, may, &triples);
    }
    for (unsigned at = 0; at < 4; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            bool says = protocols_beginning(at, (uint8_t)byte) >> id & 1;

            cr_expect(says == may[at][byte] || (at == 3 && !all && says),
                      "%s: byte %u is %02x: the line says %d", protocol->name, at, byte, says);
        }
    }
}

Test(registry, beginnings_are_those_of_the_checks)
{
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++)
        compare_beginnings((enum protocol_id)id);
}

/* As the check itself says, whatever stands behind four bytes that fit. */
Test(registry, fifth_bytes_are_those_of_the_checks)
{
    enum protocol_id matched;

    for (size_t i = 0; i < samples_count * 256; i++) {
        const struct sample *sample = &samples[i / 256];
        uint8_t request[5];

        if (sample->count < 4)
            continue;
        memcpy(request, sample->bytes, 4);
        request[4] = (uint8_t)i;
        cr_expect_eq(protocols_check(UINT64_C(1) << sample->id, request, 5, &matched),
                     protocol_by_id(sample->id)->check(request, 5), "%s: %02x", sample->name,
                     request[4]);
    }
}

/* --- all at once, and one by one -------------------------------------------------------------- */

/* What is said where each is asked by its own check, in the registry's order. */
static enum match ask_all(uint64_t accepted, const uint8_t *request, size_t bytes,
                          enum protocol_id *matched)
{
    enum match best = MATCH_NO;

    *matched = PROTOCOL_UNKNOWN;
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
        enum match match = accepted >> id & 1
                               ? protocol_by_id((enum protocol_id)id)->check(request, bytes)
                               : MATCH_NO;

        if (match == MATCH_YES) {
            *matched = (enum protocol_id)id;
            return MATCH_YES;
        }
        best = match == MATCH_MORE ? MATCH_MORE : best;
    }
    return best;
}

/* One that begins with this letter, of a protocol that has verbs; its bytes. */
static size_t draw_verb(struct random *random, uint8_t *out)
{
    const struct protocol *protocol;
    verb_list list = NULL;
    size_t count = 0;

    while (!list) {
        protocol =
            protocol_by_id((enum protocol_id)(1 + random_below(random, PROTOCOLS_COUNT - 1)));
        if (protocol->verbs)
            list = protocol->verbs[random_below(random, VERBS)];
    }
    while (list[count][0] != 0)
        count++;
    list += random_below(random, (uint32_t)count);
    count = strlen(*list);
    for (size_t i = 0; i < count; i++)
        out[i] =
            (uint8_t)(protocol->verbs_lower && (*list)[i] >= 'A' ? (*list)[i] | 0x20 : (*list)[i]);
    return count;
}

/* The beginning of a sample or of a verb, changed here and there, and something behind it. */
static size_t draw_request(struct random *random, uint8_t out[80])
{
    static const char *const letters[] = {"aA1 /.:[_-\r\n\t", "ehlo x-1 HTTP/1.", "GETPOSL sip:0"};
    const char *const set = letters[random_below(random, 3)];
    const struct sample *sample = &samples[random_below(random, (uint32_t)samples_count)];
    size_t at = 0, changes = random_below(random, 3);

    if (random_below(random, 2)) {
        at = sample->count < 80 ? sample->count : 80;
        memcpy(out, sample->bytes, at);
    } else {
        at = draw_verb(random, out);
    }
    at = random_below(random, 4) ? at : random_below(random, (uint32_t)at + 1);
    for (size_t i = at; i < 80; i++)
        out[i] =
            (uint8_t)(random_below(random, 8) ? set[random_below(random, (uint32_t)strlen(set))]
                                              : (char)random_below(random, 256));
    while (at > 0 && changes-- > 0)
        out[random_below(random, (uint32_t)at)] =
            (uint8_t)(random_below(random, 2) ? random_below(random, 256) : out[0] ^ 0x20);
    return random_below(random, 4) ? (at < 80 ? at + random_below(random, 80 - (uint32_t)at) : at)
                                   : random_below(random, 81);
}

/* Words are compared with the verbs of all before anybody is asked. A PROXY header is another
 * matter: what is behind it counts. */
Test(registry, all_at_once_say_what_each_says_alone)
{
    struct random random = random_begin("registry/all");
    unsigned seen[3] = {0};

    for (uint32_t round = 0; round < random_rounds(2000000); round++) {
        uint64_t accepted = ~(UINT64_C(1) << PROTOCOL_PROXY);
        enum protocol_id one, other;
        uint8_t request[80];
        size_t bytes = draw_request(&random, request);
        enum match match;

        if (random_below(&random, 2))
            accepted &= random_next(&random);
        match = ask_all(accepted, request, bytes, &one);
        seen[match]++;
        cr_assert_eq(protocols_check(accepted, request, bytes, &other), match, "%zu: %.*s", bytes,
                     (int)bytes, request);
        cr_assert_eq(one, other, "%s, %s: %.*s", protocol_name(one), protocol_name(other),
                     (int)bytes, request);
    }
    cr_assert(seen[MATCH_NO] > 10000 && seen[MATCH_YES] > 10000 && seen[MATCH_MORE] > 10000);
}

/* The registry's lines say who has verbs; the check says no of any other word. */
Test(registry, verbs_are_those_of_the_checks)
{
    struct random random = random_begin("registry/verbs");

    for (uint32_t round = 0; round < random_rounds(200000); round++) {
        uint8_t request[80];
        size_t bytes = draw_request(&random, request);

        for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT && bytes > 0; id++) {
            const struct protocol *protocol = protocol_by_id((enum protocol_id)id);
            enum match says = protocol->check(request, bytes), verb;

            if (!protocol->verbs || !is_letter(request[0]))
                continue;
            verb = protocol->verbs_lower ? begins_lower_verb(protocol->verbs, request, bytes)
                                         : begins_verb(protocol->verbs, request, bytes);
            cr_assert(verb == MATCH_YES || says == verb, "%s: %.*s", protocol->name, (int)bytes,
                      request);
            cr_assert(!protocol->verbs_tell || says == verb, "%s: %.*s", protocol->name, (int)bytes,
                      request);
        }
    }
}
