/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_strangers.c - see support_strangers.h. */
#include "tests/profiles/support_strangers.h"

#include <stdio.h>
#include <string.h>

#include "tests/profiles/support_words.h"

/* --- lines ----------------------------------------------------------------------------------- */

static void finger(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request,
         dialect == 0   ? "%s\r\n"
         : dialect == 1 ? "/W %s\r\n"
                        : "%s@example.org\n",
         name(n, 1));
    text(answer, "Login: %s\r\n", name(n, 1));
}

static void gopher(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0)
        text(request, "/%s/%s.txt\r\n", name(n, 1), name(n, 2));
    else if (dialect == 1)
        text(request, "/search\t%s %s\r\n", name(n, 1), name(n, 2));
    else
        text(request, "\r\n");
    text(answer, "iwelcome\t\t(NULL)\t0\r\n");
}

/* RIPE's answers begin with a remark. */
static void whois(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0)
        text(request, "%s.example.org\r\n", name(n, 1));
    else if (dialect == 1)
        text(request, "-B -r -T inetnum 192.0.%u.%u\r\n", n >> 8 & 255, n & 255);
    else
        text(request, "domain %s.com\r\n", name(n, 1));
    text(answer, "%% This is the Example Database query service.\n%%\nperson: %s\n", name(n, 2));
}

static void teamspeak(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0)
        text(request, "login %s %s\n", name(n, 1), name(n, 2));
    else if (dialect == 1)
        text(request, "use sid=%u\nclientlist\n", n);
    else
        text(request, "serverlist -uid -%s\n\r", name(n, 1));
    text(answer, "error id=0 msg=ok\n\r");
}

/* ManageSieve. */
static void sieve(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0)
        text(request, "AUTHENTICATE \"PLAIN\" \"%s%s=\"\r\n", name(n, 1), name(n, 2));
    else if (dialect == 1)
        text(request, "STARTTLS\r\n");
    else
        text(request, "CAPABILITY\r\n");
    text(answer, "OK \"done\"\r\n");
}

static void clamd(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0)
        text(request, "PING\n");
    else if (dialect == 1)
        text(request, "nSCAN /srv/%s\n", name(n, 1));
    else
        put(request, "zINSTREAM\0\0\0\0\5hello\0\0\0\0", 23);
    text(answer, dialect == 0 ? "PONG\n" : "stream: OK\n");
}

static void spamd(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0)
        text(request, "PING SPAMC/1.5\r\n\r\n");
    else
        text(request, "%s SPAMC/1.2\r\nContent-length: %u\r\nUser: %s\r\n\r\nSubject: a\r\n",
             dialect == 1 ? "SYMBOLS" : "CHECK", 12, name(n, 1));
    text(answer, "SPAMD/1.5 0 %s\r\n", dialect == 0 ? "PONG" : "EX_OK");
}

static void rtsp(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request, "%s rtsp://192.0.2.7:554/%s RTSP/1.0\r\nCSeq: %u\r\n\r\n",
         dialect == 0 ? "OPTIONS" : "DESCRIBE", name(n, 1), n);
    text(answer, "RTSP/1.0 200 OK\r\nCSeq: %u\r\n\r\n", n);
}

static void graphite_reader(unsigned dialect, uint32_t n, struct words *request,
                            struct words *answer)
{
    text(request, dialect == 0 ? "GET %s.%s %u\n" : "LIST %s.%s* %u\n", name(n, 1), name(n, 2), n);
    text(answer, "%u %u\n", n, n + 1);
}

/* --- messages with a length ------------------------------------------------------------------ */

static void zabbix(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    char key[64];
    const int count = snprintf(key, sizeof(key), "vfs.fs.size[/%s,free]", name(n, 1));

    if (dialect == 0) {
        put(request, "ZBXD\1", 5);
        little(request, (uint32_t)count, 4);
        little(request, 0, 4);
    }
    text(request, dialect == 0 ? "%s" : "%s\n", key);
    put(answer, "ZBXD\1\1\0\0\0\0\0\0\0001", 14);
}

static void modbus(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t registers = 1 + chosen(n, 2) % 8;

    big(request, dialect == 1 ? n : chosen(n, 9), 2);
    big(request, 0, 2);
    big(request, dialect == 2 ? 7 + 2 * registers : 6, 2);
    big(request, 1 + chosen(n, 3) % 3, 1);
    big(request, dialect == 2 ? 16 : 3 + dialect, 1);
    big(request, chosen(n, 4), 2);
    big(request, registers, 2);
    if (dialect == 2) {
        big(request, 2 * registers, 1);
        noise(request, n, 2 * registers);
    }
    put(answer, request->bytes, 4);
    put(answer, "\0\5\1\3\2\0\7", 7);
}

static void rcon(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const char *password = name(n, 1);

    little(request, (uint32_t)strlen(password) + 10, 4);
    little(request, dialect == 1 ? n : chosen(n, 7), 4);
    little(request, 3, 4);
    text(request, "%s", password);
    big(request, 0, 2);
    put(answer, "\x0a\0\0\0\1\0\0\0\2\0\0\0\0\0", 14);
}

static void bgp(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t options = dialect == 0 ? 0 : 6 + 2 * (chosen(n, 1) % 8);

    for (unsigned i = 0; i < 4; i++)
        big(request, UINT32_MAX, 4);
    big(request, 29 + options, 2);
    big(request, 1, 1);
    big(request, 4, 1);
    big(request, chosen(n, 2), 2);
    big(request, dialect == 2 ? 90 : 180, 2);
    big(request, chosen(n, 3), 4);
    big(request, options, 1);
    noise(request, n, options);
    put(answer, request->bytes, 29);
}

static void tds(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t extra = dialect == 0 ? 0 : chosen(n, 1) % 24;

    big(request, 0x1201, 2);
    big(request, 47 + extra, 2);
    big(request, dialect == 2 ? 0x0100 : 0, 4);
    noise(request, n, 39 + extra);
    put(answer, "\4\1\0\x2b\0\0\1\0\0\0\x1a\0\6\1", 14);
}

static void cassandra(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const char *version = name(n, 1);

    big(request, 3 + dialect, 1);
    big(request, 0, 1);
    big(request, chosen(n, 3) % 3, 2);
    big(request, dialect == 0 ? 5 : 1, 1);
    big(request, dialect == 0 ? 0 : (uint32_t)strlen(version) + 2, 4);
    if (dialect > 0) {
        big(request, (uint32_t)strlen(version), 2);
        text(request, "%s", version);
    }
    put(answer, "\x84\0\0\0\6\0\0\0\2\0\0", 11);
}

static void uwsgi(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    struct words variables = {0};
    char path[64];
    const int count =
        snprintf(path, sizeof(path), dialect == 0 ? "/%s" : "/%s?a=1&b=2&session", name(n, 1));

    text(&variables, "%c%cREQUEST_URI%c%c%s", 11, 1, count, 1, path);
    variables.bytes[1] = variables.bytes[14] = 0;
    big(request, 0, 1);
    little(request, (uint32_t)variables.count, 2);
    big(request, 0, 1);
    put(request, variables.bytes, variables.count);
    text(answer, n % 9 == 8 ? "HTTP/1.1 404 Not Found\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n");
}

static void fastcgi(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t count = 20 + chosen(n, 1) % 200;

    put(request,
        dialect == 0 ? "\1\1\0\1\0\x8\0\0\0\1\0\0\0\0\0\0" : "\1\1\0\1\0\x8\0\0\0\1\1\0\0\0\0\0",
        16);
    put(request, "\1\4\0\1", 4);
    big(request, count, 2);
    big(request, 0, 2);
    noise(request, n, count);
    put(answer, "\1\6\0\1\0\x20\0\0Status: 200 OK\r\n", 24);
}

static void scgi(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    struct words header = {0};

    put(&header, "CONTENT_LENGTH\0000\0SCGI\0001\0REQUEST_URI\0/", 38);
    text(&header, dialect == 0 ? "%s" : "%s/%s/a/page/of/many", name(n, 1), name(n, 2));
    big(&header, 0, 1);
    text(request, "%zu:", header.count);
    put(request, header.bytes, header.count);
    text(request, ",");
    text(answer, "Status: 200 OK\r\n\r\n");
}

static void distcc(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    text(request, "DIST0000000%uARGC%08x", 1 + dialect, 2);
    text(request, "ARGV%08x%s", (unsigned)strlen(name(n, 1)), name(n, 1));
    text(request, "ARGV%08x%s", (unsigned)strlen(name(n, 2)), name(n, 2));
    text(answer, "DONE00000001STAT00000000");
}

/* --- other binary ones ----------------------------------------------------------------------- */

static void socks(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0) {
        put(request, chosen(n, 1) % 2 ? "\5\1" : "\5\2\0\1\2", chosen(n, 1) % 2 ? 3 : 4);
    } else if (dialect == 1) {
        big(request, 0x0401, 2);
        big(request, 1 + chosen(n, 2) % 60000, 2);
        big(request, chosen(n, 3) | 0x01000000, 4);
        text(request, "%s", name(n, 1));
        big(request, 0, 1);
    } else {
        put(request, "\5\3\0\1\2", 5);
    }
    put(answer, dialect == 1 ? "\0\x5a\0\0\0\0\0\0" : "\5\0", dialect == 1 ? 8 : 2);
}

static void lpd(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    big(request, dialect == 0 ? 2 : 2 + dialect, 1);
    text(request, dialect == 0 ? "%s\n" : "%s all\n", name(n, 1));
    if (dialect == 0)
        big(answer, 0, 1);
    else
        text(answer, "%s is ready\n", name(n, 1));
}

static void rtmp(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    big(request, 3, 1);
    big(request, dialect == 0 ? 0 : chosen(n, 2), 4);
    big(request, dialect == 2 ? 0x80000702 : 0, 4);
    noise(request, n, 1000); /* the first segment of 1,537 bytes */
    big(answer, 3, 1);
    noise(answer, n + 1, 40);
}

static void zeromq(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    put(request, "\xff\0\0\0\0\0\0\0\1\x7f", 10);
    if (dialect > 0) {
        big(request, 3, 1);
        big(request, dialect - 1, 1);
        text(request, "NULL");
        noise(request, n, 4);
    }
    put(answer, "\xff\0\0\0\0\0\0\0\1\x7f\3", 11);
}

static void bitcoin(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t count = 86 + (dialect == 0 ? 0 : chosen(n, 1) % 30);

    put(request, "\xf9\xbe\xb4\xd9version\0\0\0\0\0", 16);
    little(request, count, 4);
    noise(request, n, 4 + count);
    put(answer, "\xf9\xbe\xb4\xd9version\0\0\0\0\0\x66\0\0\0", 20);
}

/* A game: nothing but ciphertext behind two bytes of its length. */
static void ciphered(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t count = dialect == 0 ? 64 : 33 + chosen(n, 1) % 300;

    big(request, count, 2);
    noise(request, n, count);
    big(answer, 48, 2);
    noise(answer, n + 7, 48);
}

/* --- and still others ------------------------------------------------------------------------ */

/* A telnet BBS: some clients negotiate, some type, some only press Enter. */
static void bbs(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    if (dialect == 0)
        text(request, "%s\r\n", name(n, 1));
    else if (dialect == 1)
        put(request, "\xff\xfc\x18\xff\xfd\3\xff\xfb\x1f", 9);
    else
        text(request, "\r\n");
    text(answer, "Password for %s: ", name(n, 1));
}

/* A controller: TPKT and X.224 like RDP's, but other parameters. */
static void s7(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    put(request, "\3\0\0\x16\x11\xe0\0\0", 8);
    big(request, chosen(n, 1), 2);
    put(request, dialect == 0 ? "\0\xc0\1\x0a\xc1\2\1\0\xc2\2" : "\0\xc1\2\1\0\xc2\2\1\2\xc0", 10);
    big(request, 0x0100 + n % 8, 2);
    put(answer, "\3\0\0\x16\x11\xd0\0\1\0\2\0\xc0\1\x0a\xc1\2\1\0\xc2\2\1\2", 22);
}

static void fix(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    struct words body = {0};

    text(&body, "35=A\00149=%s\00156=%s\00134=1\00198=0\001108=30\001", name(n, 1), name(n, 2));
    text(request, "8=FIX.4.%u\0019=%zu\001", 2 + 2 * dialect, body.count);
    put(request, body.bytes, body.count);
    text(request, "10=%03u\001", chosen(n, 3) % 256);
    text(answer, "8=FIX.4.4\0019=70\00135=A\001");
}

static void nrpe(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const char *command = name(n, 1);

    big(request, dialect == 0 ? 2 : 3, 2);
    big(request, 1, 2);
    big(request, chosen(n, 2), 4);
    big(request, 0, 2);
    if (dialect == 1) {
        big(request, 0, 2);
        big(request, (uint32_t)strlen(command) + 1, 4);
    }
    text(request, "check_%s", command);
    big(request, 0, 1);
    if (dialect == 0)
        noise(request, n, 1036 - request->count);
    put(answer, "\0\2\0\2\0\0\0\0\0\0OK", 12);
}

static void smpp(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const char *system = name(n, 1), *password = name(n, 2);

    big(request, 16 + (uint32_t)strlen(system) + 1 + (uint32_t)strlen(password) + 1 + 5, 4);
    big(request, dialect == 0 ? 9 : dialect, 4);
    big(request, 0, 4);
    big(request, chosen(n, 3), 4);
    put(request, system, strlen(system) + 1);
    put(request, password, strlen(password) + 1);
    put(request, "\0\x34\0\0\0", 5);
    put(answer, "\0\0\0\x15\x80\0\0\x09\0\0\0\0", 12);
}

/* Erlang's port mapper. */
static void epmd(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const char *node = name(n, 1);

    big(request, dialect == 0 ? 1 + (uint32_t)strlen(node) : 1, 2);
    text(request, "%c", dialect == 0 ? 'z' : 'n');
    if (dialect == 0)
        text(request, "%s", node);
    put(answer, "w\0\x10\x92\x4d\0", 6);
}

static void x11(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    put(request, dialect == 1 ? "B\0\0\x0b\0\0\0\x12\0\x10\0\0" : "l\0\x0b\0\0\0\x12\0\x10\0\0\0",
        12);
    if (dialect < 2) {
        text(request, "MIT-MAGIC-COOKIE-1\001\001");
        noise(request, n, 16);
    } else {
        request->bytes[6] = request->bytes[8] = 0;
    }
    put(answer, "\1\0\x0b\0\0\0\x9c\1", 8);
}

static void oracle(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    struct words wanted = {0};

    text(&wanted, "(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=%s)(CID=(USER=%s))))", name(n, 1),
         name(n, 2));
    big(request, 58 + (uint32_t)wanted.count, 2);
    put(request, "\0\0\1\0\0\0", 6);
    big(request, dialect == 0 ? 0x013a012c : 0x01390000 + chosen(n, 3) % 300, 4);
    noise(request, n, 46);
    put(request, wanted.bytes, wanted.count);
    put(answer, "\0\x20\0\0\2\0\0\0\1\x3a\0\0", 12);
}

static void openvpn(unsigned dialect, uint32_t n, struct words *request, struct words *answer)
{
    const uint32_t hmac = dialect == 0 ? 0 : 28;

    big(request, 14 + hmac, 2);
    big(request, dialect == 2 ? 0x50 : 0x38, 1);
    noise(request, n, 13 + hmac);
    big(answer, 26, 2);
    big(answer, 0x40, 1);
    noise(answer, n + 1, 25);
}

#define TS3 "TS3\n\rWelcome to the TeamSpeak 3 ServerQuery interface\n\r"

const struct stranger strangers[] = {
    {"finger", NULL, 3, finger, NULL, NULL, 0},
    {"gopher", NULL, 3, gopher, NULL, NULL, 0},
    {"whois", NULL, 3, whois, NULL, NULL, 0},
    {"TeamSpeak query", TS3, 3, teamspeak, "it says yes by \"error id=0\"", NULL, 0},
    {"ManageSieve", "\"IMPLEMENTATION\" \"Example\"\r\n\"SASL\" \"PLAIN\"\r\nOK\r\n", 3, sieve,
     NULL, NULL, 0},
    {"clamd", NULL, 3, clamd, NULL, NULL, 0},
    {"spamd", NULL, 3, spamd, "what looks like Redis and like NNTP is answered alike", NULL, 0},
    {"RTSP", NULL, 2, rtsp, NULL, NULL, 0},
    {"a line protocol with HTTP's verbs", NULL, 2, graphite_reader, NULL, NULL, 0},
    {"Zabbix agent", NULL, 2, zabbix, NULL, NULL, 0},
    {"Modbus/TCP", NULL, 3, modbus, NULL, NULL, 0},
    {"Source RCON", NULL, 2, rcon, NULL, NULL, 0},
    {"BGP", NULL, 3, bgp, NULL, NULL, 0},
    {"TDS", NULL, 3, tds, NULL, NULL, 0},
    {"Cassandra", NULL, 3, cassandra, NULL, NULL, 0},
    {"uWSGI", NULL, 2, uwsgi, NULL, NULL, 0},
    {"FastCGI", NULL, 2, fastcgi, NULL, NULL, 0},
    {"SCGI", NULL, 2, scgi, NULL, NULL, 0},
    {"distcc", NULL, 3, distcc, NULL, NULL, 0},
    {"SOCKS", NULL, 3, socks, NULL, NULL, 0},
    {"LPD", NULL, 3, lpd, NULL, NULL, 0},
    {"RTMP", NULL, 3, rtmp, NULL, NULL, 0},
    {"ZeroMQ", NULL, 3, zeromq, NULL, NULL, 0},
    {"Bitcoin", NULL, 2, bitcoin, NULL, NULL, 0},
    {"a ciphered game", NULL, 2, ciphered, NULL, NULL, 0},
    {"a telnet BBS", "\xff\xfd\x18\xff\xfb\1Welcome to the Cave\r\nlogin: ", 3, bbs, NULL, NULL, 0},
    {"S7", NULL, 2, s7, NULL, NULL, 0},
    {"FIX", NULL, 2, fix, NULL, NULL, 0},
    {"NRPE", NULL, 2, nrpe, NULL, NULL, 0},
    {"SMPP", NULL, 3, smpp, NULL, NULL, 0},
    {"EPMD", NULL, 2, epmd, NULL, NULL, 0},
    {"X11", NULL, 3, x11, NULL, NULL, 0},
    {"Oracle TNS", NULL, 2, oracle, NULL, NULL, 0},
    {"OpenVPN", NULL, 3, openvpn, NULL, NULL, 0},
};
const size_t strangers_count = sizeof(strangers) / sizeof(strangers[0]);
