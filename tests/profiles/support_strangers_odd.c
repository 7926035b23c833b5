/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_strangers_odd.c - strangers by their form, one of each that a service may have: what says
 * where a request ends, what changes from one to the next, who speaks first and in how many pieces.
 * Three are built as protocols that have a name now, with other constants.
 */
#include <string.h>

#include "tests/profiles/support_words.h"

/* --- built as uwsgi, SOCKS and Zabbix -------------------------------------------------------- */

static void gateway(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    struct words path = {0};

    text(&path, dialect == 0 ? "/%s" : "/%s?a=1&b=2&session", name(n, 1));
    big(request, 0x57, 1);
    little(request, 4 + (uint32_t)path.count, 2);
    big(request, 7, 1);
    little(request, 0xa5a5, 2);
    little(request, (uint32_t)path.count, 2);
    put(request, path.bytes, path.count);
    text(answer, "W 200 OK\r\n");
}

static void relay(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    big(request, 0x46, 1);
    if (dialect == 0) {
        big(request, 1, 1);
        big(request, chosen(n, 1) % 3, 1);
    } else {
        big(request, 2, 1);
        big(request, 1 + chosen(n, 2) % 60000, 2);
        big(request, chosen(n, 3), 4);
        text(request, "%s", name(n, 1));
        big(request, 0, 1);
    }
    put(answer, "\x46\1\0", 3);
}

static void agent(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    struct words key = {0};

    text(&key, "disk.free[/%s,mb]", name(n, 1));
    if (dialect == 0) {
        put(request, "QMON\2", 5);
        little(request, (uint32_t)key.count, 4);
        little(request, 0, 4);
    }
    put(request, key.bytes, key.count);
    if (dialect == 1)
        text(request, "\n");
    put(answer, "QMON\2\1\0\0\0\0\0\0\0009", 14);
}

/* --- lengths --------------------------------------------------------------------------------- */

/* Two bytes, little endian, that count themselves. */
static void inclusive(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t body = 8 + chosen(n, 1) % 120;

    little(request, 2 + 2 + 4 + body, 2);
    big(request, dialect == 0 ? 0x1101 : 0x1102, 2);
    little(request, n, 4);
    noise(request, n, body);
    little(answer, 6, 2);
    big(answer, 0x9101, 2);
    big(answer, 0, 2);
}

/* Four bytes, little endian, behind a version; a counter and the time behind them. */
static void exclusive(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t body = dialect == 0 ? 0 : chosen(n, 1) % 200;

    big(request, 0xd0, 1);
    little(request, 12 + body, 4);
    little(request, n, 4);
    little(request, 1767225600 + n, 4);
    little(request, chosen(n, 2), 4);
    noise(request, n, body);
    put(answer, "\xd0\4\0\0\0OKAY", 9);
}

/* protobuf, each message behind a varint. */
static void varint(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    struct words body = {0};
    const char *who = name(n, 1);
    const uint32_t blob = dialect == 0 ? 1 + chosen(n, 2) % 40 : 130 + chosen(n, 2) % 200;

    big(&body, 0x0a, 1);
    big(&body, (uint32_t)strlen(who), 1);
    text(&body, "%s", who);
    big(&body, 0x12, 1);
    if (blob >= 128)
        big(&body, 0x80 | (blob & 127), 1);
    big(&body, blob >= 128 ? blob >> 7 : blob, 1);
    noise(&body, n, blob);
    if (body.count >= 128)
        big(request, 0x80 | (body.count & 127), 1);
    big(request, (uint32_t)(body.count >= 128 ? body.count >> 7 : body.count), 1);
    put(request, body.bytes, body.count);
    put(answer, "\2\x08\1", 3);
}

/* BER, but no LDAP. */
static void ber(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t body = dialect == 0 ? 3 + chosen(n, 1) % 90 : 150 + chosen(n, 1) % 500;

    big(request, 0x61, 1);
    if (body + 3 >= 256)
        big(request, 0x820000 | (body + 3), 3);
    else if (body + 3 >= 128)
        big(request, 0x8100 | (body + 3), 2);
    else
        big(request, body + 3, 1);
    put(request, "\2\1", 2);
    big(request, n & 0x7f, 1);
    noise(request, n, body);
    put(answer, "\x62\3\2\1\0", 5);
}

/* Eight hexadecimal digits, and XML or a word behind them. */
static void hex(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    struct words body = {0};

    text(&body, dialect == 0 ? "status:%s" : "<call name='%s'/>", name(n, 1));
    text(request, "%08X", (unsigned)body.count);
    put(request, body.bytes, body.count);
    text(answer, "00000002ok");
}

static void netstring(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    struct words body = {0};

    text(&body,
         dialect == 0 ? "k=%s"
                      : "%s\001%s\001and more than a hundred bytes of what is "
                        "written here for no other reason than that",
         name(n, 1), name(n, 2));
    text(request, "%zu:", body.count);
    put(request, body.bytes, body.count);
    text(request, ",");
    text(answer, "2:ok,");
}

/* --- no length ------------------------------------------------------------------------------- */

/* 32 bytes: magic, counter, time, nonce. */
static void ticket(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    put(request, "\xca\xfe\xf0\x0d", 4);
    big(request, dialect, 1);
    big(request, n, 3);
    big(request, 1767225600 + n, 4);
    noise(request, n, 20);
    put(answer, "\xca\xfe\xf0\x0e", 4);
}

/* Obfuscated: no byte is ever the same, of any length. */
static void obfuscated(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    noise(request, n, dialect == 0 ? 64 : 20 + chosen(n, 1) % 400);
    noise(answer, n + 1, 50);
}

/* The key of an exchange comes first: 32 bytes, or a version and the key. */
static void exchange(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 1)
        text(request, "KX2:");
    noise(request, n, 32);
    noise(answer, n + 1, 32);
}

/* It grows with the years. */
static void growing(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    put(request, "GRW\0", 4);
    big(request, dialect, 1);
    noise(request, n, 30 + n / 500);
    put(answer, "GRW\1", 4);
}

/* Eight KiB and more, of text with no line in it. */
static void bulky(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t count = 8192 + chosen(n, 1) % 700;

    put(request, "BULK", 4);
    big(request, dialect, 1);
    noise(request, n, count);
    put(answer, "DONE", 4);
}

/* --- text ------------------------------------------------------------------------------------ */

static void cr_only(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request, dialect == 0 ? "MEAS:VOLT %s\r" : "SYST:%s?\r", name(n, 1));
    text(answer, "+1.%u\r", n);
}

static void lf_only(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request, dialect == 0 ? "order %s %u\n" : "Order %s,%u\n", name(n, 1), n);
    text(answer, "done\n");
}

static void zero_ended(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request, dialect == 0 ? "<policy id=\"%s\"/>" : "%s,%s,joinRoom", name(n, 1), name(n, 2));
    big(request, 0, 1);
    text(answer, "<ok/>");
    big(answer, 0, 1);
}

static void json_lines(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0)
        text(request, "{\"id\": %u, \"method\": \"mining.subscribe\", \"params\": [\"%s\"]}\n", n,
             name(n, 1));
    else if (dialect == 1)
        text(request, "{\"method\":\"login\",\"params\":{\"login\":\"%s\"},\"id\":%u}\n",
             name(n, 1), n);
    else
        text(request, "[{\"jsonrpc\":\"2.0\",\"method\":\"%s\"}]\n", name(n, 1));
    text(answer, "{\"id\":%u,\"result\":true}\n", n);
}

static void xml(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 1)
        text(request, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n");
    text(request, "<epp id=\"%u\">\r\n<hello to=\"%s\"/>\r\n</epp>\r\n", n, name(n, 1));
    text(answer, "<?xml version=\"1.0\"?><epp><greeting/></epp>\r\n");
}

static void pipelined(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request, dialect == 0 ? "begin %s\nput %s %u\ncommit\n" : "begin %s\nabort %s\nq%u\n",
         name(n, 1), name(n, 2), n);
    text(answer, "began\nok\nok\n");
}

/* nc -N: the request ends where its sender's half does. */
static void half_closed(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request, dialect == 0 ? "lookup %s" : "lookup %s\r\n", name(n, 1));
    text(answer, "%s is known\n", name(n, 1));
}

/* One byte is all. */
static void one_byte(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request, dialect == 0 ? "?" : dialect == 1 ? "T" : "\x01");
    text(answer, "%u\n", n);
}

/* --- several at once ------------------------------------------------------------------------- */

/* A game of which old and new clients are about; they share their first two bytes. */
static void game(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    put(request, "GM", 2);
    if (dialect == 0) {
        big(request, 0x0104, 2);
        text(request, "%-16.16s", name(n, 1));
    } else {
        big(request, 0x0200, 2);
        big(request, chosen(n, 1), 4);
        little(request, (uint32_t)strlen(name(n, 1)), 2);
        text(request, "%s", name(n, 1));
    }
    put(answer, "GM\0\1", 4);
}

/* A cache that takes lines and a binary form on one port. */
static void two_forms(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0) {
        text(request, "fetch %s\r\n", name(n, 1));
        text(answer, "HIT %u\r\n", n);
        return;
    }
    big(request, 0xb7, 1);
    big(request, 1 + chosen(n, 1) % 8, 1);
    big(request, (uint32_t)strlen(name(n, 1)), 2);
    text(request, "%s", name(n, 1));
    put(answer, "\xb8\0\0\4okay", 8);
}

/* A header in one write, and the body in another. */
static void two_writes(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t body = 5 + chosen(n, 1) % 90;

    put(request, "PKT\1", 4);
    big(request, body, 4);
    big(request, dialect, 1);
    noise(request, n, body - 1);
    put(answer, "PKT\2\0\0\0\0", 8);
}

/* The server speaks first, and says the time and who is there. */
static void greet_with_time(uint32_t n, struct words *greeting)
{
    text(greeting, "%u users, %08x, welcome %s\r\n", n % 97, chosen(n, 5), name(n, 6));
}

static void talker(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request, dialect == 0 ? "iam %s\r\n" : "IAM %s colour\r\n", name(n, 1));
    text(answer, "ok %s\r\n", name(n, 1));
}

const struct stranger odd_strangers[] = {
    {"built as uwsgi", NULL, 2, gateway, NULL, NULL, 0},
    {"built as SOCKS", NULL, 2, relay, NULL, NULL, 0},
    {"built as Zabbix", NULL, 2, agent, NULL, NULL, 0},
    {"an inclusive little-endian length", NULL, 2, inclusive, NULL, NULL, 0},
    {"a little-endian length and the time", NULL, 2, exclusive, NULL, NULL, 0},
    {"protobuf behind varints", NULL, 2, varint, NULL, NULL, 0},
    {"BER", NULL, 2, ber, NULL, NULL, 0},
    {"hexadecimal lengths", NULL, 2, hex, NULL, NULL, 0},
    {"netstrings", NULL, 2, netstring, NULL, NULL, 0},
    {"32 bytes with a counter", NULL, 2, ticket, NULL, NULL, 0},
    {"nothing but noise", NULL, 2, obfuscated, NULL, NULL, 0},
    {"a key exchange", NULL, 2, exchange, NULL, NULL, 0},
    {"requests that grow", NULL, 2, growing, NULL, NULL, 0},
    {"requests of 8 KiB", NULL, 2, bulky, NULL, NULL, 0},
    {"lines that end with CR", NULL, 2, cr_only, NULL, NULL, 0},
    {"lines that end with LF", NULL, 2, lf_only, NULL, NULL, 0},
    {"texts that end with a zero", NULL, 2, zero_ended, NULL, NULL, 0},
    {"JSON in lines", NULL, 3, json_lines, NULL, NULL, 0},
    {"XML", NULL, 2, xml, NULL, NULL, 0},
    {"commands in a row", NULL, 2, pipelined, NULL, NULL, 0},
    {"a client that closes its half", NULL, 2, half_closed, NULL, NULL, 0},
    {"one byte", NULL, 3, one_byte, NULL, NULL, 0},
    {"a game with two versions", NULL, 2, game, NULL, NULL, 0},
    {"a cache with two forms", NULL, 2, two_forms, NULL, NULL, 0},
    {"a header, then a body", NULL, 2, two_writes, NULL, NULL, 8},
    {"a changing banner", NULL, 2, talker, "each is greeted otherwise", greet_with_time, 0},
};
const size_t odd_strangers_count = sizeof(odd_strangers) / sizeof(odd_strangers[0]);
