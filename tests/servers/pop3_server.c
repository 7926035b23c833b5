/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pop3_server - a small POP3 server for the tests: one mailbox, one message, any user and password.
 *
 *      pop3_server --port N [--greeting TEXT | --greeting-file FILE] [--split-ms MS] [--apop yes]
 *      [--greeting-delay-ms MS]
 *                  [--count FILE] [--max-connections N] [--refuse ADDRESS]
 *
 * --split-ms          the greeting goes out in two pieces with this pause between them
 * --greeting-delay-ms the greeting is late by this much
 * --apop yes          the greeting ends in a timestamp that differs each time (RFC 1939 7)
 * --greeting-file     the greeting is read from the file, and again at SIGHUP
 * --refuse            connections from there hear "-ERR" in place of the greeting
 */
#include "tests/servers/loop.h"

enum { STATE_GREET, STATE_GREET_REST, STATE_COMMANDS };

static char greeting[512] = "+OK ready";
static const char *greeting_file;
static uint64_t split_us, delay_us;
static bool apop;
static const char message[] = "From: a@example.org\r\nSubject: one\r\n\r\nThe only message.\r\n";

static void greeting_text(char *out, size_t bytes)
{
    static unsigned serial;
    if (apop)
        snprintf(out, bytes, "%s <%u.%llu@test>\r\n", greeting, ++serial,
                 (unsigned long long)now_us());
    else
        snprintf(out, bytes, "%s\r\n", greeting);
}

static void greeting_reload(void)
{
    FILE *file = greeting_file ? fopen(greeting_file, "r") : NULL;
    if (!file)
        return;
    if (fgets(greeting, sizeof(greeting), file))
        greeting[strcspn(greeting, "\r\n")] = 0;
    fclose(file);
}

static void greet(struct connection *c)
{
    char text[640];
    greeting_text(text, sizeof(text));
    const size_t half = strlen(text) / 2;
    if (c->state == STATE_GREET && split_us) {
        say_bytes(c, text, half);
        c->state = STATE_GREET_REST;
        timer_in(c, split_us);
        return;
    }
    if (c->state == STATE_GREET_REST)
        say_bytes(c, text + half, strlen(text) - half);
    else
        say_bytes(c, text, strlen(text));
    c->state = STATE_COMMANDS;
}

static void protocol_start(struct connection *c)
{
    c->state = STATE_GREET;
    if (delay_us)
        timer_in(c, delay_us);
    else
        greet(c);
}

static void protocol_refuse(struct connection *c)
{
    say(c, "-ERR too many connections\r\n");
}

static size_t protocol_input(struct connection *c, char *data, size_t bytes);

static void protocol_timer(struct connection *c)
{
    greet(c);
    const size_t taken = protocol_input(c, c->in, c->in_bytes); /* what the client said meanwhile */
    memmove(c->in, c->in + taken, c->in_bytes - taken);
    c->in_bytes -= taken;
}

static bool is(const char *line, const char *command)
{
    const size_t bytes = strlen(command);
    return strncasecmp(line, command, bytes) == 0 && (line[bytes] == 0 || line[bytes] == ' ');
}

static void command(struct connection *c, const char *line)
{
    loop.counts->requests++;
    if (is(line, "CAPA"))
        say(c, "+OK\r\nUSER\r\nUIDL\r\n.\r\n");
    else if (is(line, "USER") || is(line, "NOOP") || is(line, "DELE") || is(line, "RSET") ||
             is(line, "APOP"))
        say(c, "+OK\r\n");
    else if (is(line, "PASS"))
        say(c, "+OK logged in\r\n");
    else if (is(line, "STAT"))
        say(c, "+OK 1 %zu\r\n", strlen(message));
    else if (is(line, "LIST"))
        say(c, "+OK 1 messages\r\n1 %zu\r\n.\r\n", strlen(message));
    else if (is(line, "RETR"))
        say(c, "+OK %zu octets\r\n%s.\r\n", strlen(message), message);
    else if (is(line, "QUIT")) {
        say(c, "+OK bye\r\n");
        c->closing = true;
    } else {
        loop.counts->requests--;
        loop.counts->refused++;
        say(c, "-ERR not understood\r\n");
    }
}

static size_t protocol_input(struct connection *c, char *data, size_t bytes)
{
    size_t taken = 0;
    char *end;
    while (c->state == STATE_COMMANDS && !c->closing &&
           (end = memchr(data + taken, '\n', bytes - taken))) {
        char *line = data + taken;
        taken = (size_t)(end + 1 - data);
        *end = 0;
        line[strcspn(line, "\r")] = 0;
        command(c, line);
    }
    return taken;
}

int main(int argc, char **argv)
{
    struct listen_options options = {.port = 110};
    const char *counts = NULL;
    if (argc % 2 == 0)
        die("usage: pop3_server --port N [--greeting TEXT | --greeting-file FILE] [--split-ms MS] "
            "[--greeting-delay-ms MS]"
            " [--apop yes] [--count FILE] [--max-connections N] [--refuse ADDRESS]");
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0)
            options.port = (uint16_t)number(argv[i + 1]);
        else if (strcmp(argv[i], "--greeting") == 0)
            snprintf(greeting, sizeof(greeting), "%s", argv[i + 1]);
        else if (strcmp(argv[i], "--greeting-file") == 0)
            greeting_file = argv[i + 1];
        else if (strcmp(argv[i], "--split-ms") == 0)
            split_us = number(argv[i + 1]) * 1000;
        else if (strcmp(argv[i], "--greeting-delay-ms") == 0)
            delay_us = number(argv[i + 1]) * 1000;
        else if (strcmp(argv[i], "--apop") == 0)
            apop = strcmp(argv[i + 1], "yes") == 0;
        else if (strcmp(argv[i], "--count") == 0)
            counts = argv[i + 1];
        else if (strcmp(argv[i], "--max-connections") == 0)
            loop.connections_max = number(argv[i + 1]);
        else if (strcmp(argv[i], "--refuse") == 0)
            loop.refused = argv[i + 1];
        else
            die("no such option: %s", argv[i]);
    }
    greeting_reload();
    loop_run(&options, counts, greeting_reload);
    return 0;
}
