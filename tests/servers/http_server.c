/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http_server - a small HTTP/1.1 server for the tests.
 *
 *      GET /               a fixed small answer
 *      GET /bytes/N        N bytes of the test stream
 *      POST /anything      reads Content-Length bytes, answers "bytes=N sum=HEX equal=yes|no":
 *                          FNV-1a of the body, and whether it was the test stream
 *
 * Anything that is not HTTP is answered 400 and closed. Persistent connections, no pipelining
 * beyond what lies in the buffer.
 *
 *      http_server --port N [--count FILE] [--max-connections N] [--rcvbuf BYTES] [--mss N]
 *      [--backlog N]
 *                  [--keepalive SECONDS] [--refuse ADDRESS]
 *
 * --refuse  connections from there are reset as soon as they are accepted
 */
#include "tests/servers/loop.h"

static const char small_body[] = "synward test server\n";

static void protocol_start(struct connection *c)
{
    (void)c;
}

static void protocol_timer(struct connection *c)
{
    (void)c;
}

static void protocol_refuse(struct connection *c)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void answer(struct connection *c, const char *status, uint64_t length)
{
    say(c, "HTTP/1.1 %s\r\nServer: synward-test\r\nContent-Length: %llu\r\n%s\r\n", status,
        (unsigned long long)length, c->closing ? "Connection: close\r\n" : "");
}

static void answer_text(struct connection *c, const char *status, const char *text)
{
    answer(c, status, strlen(text));
    say(c, "%s", text);
}

static void upload_done(struct connection *c)
{
    char text[128];
    snprintf(text, sizeof(text), "bytes=%llu sum=%016llx equal=%s\n",
             (unsigned long long)c->body_at, (unsigned long long)c->body_sum,
             c->body_equal ? "yes" : "no");
    answer_text(c, "200 OK", text);
    loop.counts->requests++;
}

static size_t upload_input(struct connection *c, const char *data, size_t bytes)
{
    const size_t part = bytes < c->body_left ? bytes : (size_t)c->body_left;
    c->body_sum = fnv(c->body_sum, data, part);
    if (!stream_equal((const uint8_t *)data, c->body_at, part))
        c->body_equal = false;
    c->body_at += part;
    c->body_left -= part;
    if (c->body_left == 0)
        upload_done(c);
    return part;
}

static void upload_start(struct connection *c, const char *head)
{
    const char *length = strcasestr(head, "\r\nContent-Length:");
    c->body_left = length ? strtoull(length + 17, NULL, 10) : 0;
    c->body_at = 0;
    c->body_sum = FNV_START;
    c->body_equal = true;
    if (strcasestr(head, "\r\nExpect: 100-continue"))
        say(c, "HTTP/1.1 100 Continue\r\n\r\n");
    if (c->body_left == 0)
        upload_done(c);
}

/* `head` ends with a NUL in place of its last line feed. */
static void request(struct connection *c, const char *head)
{
    if (strcasestr(head, "\r\nConnection: close") || strstr(head, " HTTP/1.0\r"))
        c->closing = true;
    if (strncmp(head, "POST ", 5) == 0) {
        const bool closing = c->closing;
        c->closing = false; /* not before the body is in; the client closes */
        upload_start(c, head);
        c->closing = closing && c->body_left == 0;
        return;
    }
    loop.counts->requests++;
    if (strncmp(head, "GET /bytes/", 11) == 0) {
        c->stream_at = 0;
        c->stream_left = strtoull(head + 11, NULL, 10);
        answer(c, "200 OK", c->stream_left);
    } else {
        answer_text(c, "200 OK", small_body);
    }
}

static bool is_http(const char *line)
{
    const char *version = strstr(line, " HTTP/1.");
    const char *end = strchr(line, '\r');
    const bool known = strncmp(line, "GET ", 4) == 0 || strncmp(line, "HEAD ", 5) == 0 ||
                       strncmp(line, "POST ", 5) == 0;
    return known && version && end && version < end;
}

static size_t protocol_input(struct connection *c, char *data, size_t bytes)
{
    size_t taken = 0;
    while (taken < bytes && !c->closing) {
        if (c->body_left) {
            taken += upload_input(c, data + taken, bytes - taken);
            continue;
        }
        char *head = data + taken;
        char *line_end = memchr(head, '\n', bytes - taken);
        if (!line_end && bytes - taken < 1024)
            break;
        char *end = memmem(head, bytes - taken, "\r\n\r\n", 4);
        if (end)
            end[3] = 0;
        if (!line_end || (end && !is_http(head))) {
            loop.counts->refused++;
            c->closing = true;
            answer_text(c, "400 Bad Request", "not understood\n");
            return bytes;
        }
        if (!end)
            break;
        taken = (size_t)(end + 4 - data);
        request(c, head);
    }
    return taken;
}

static void nothing_to_reload(void)
{
}

int main(int argc, char **argv)
{
    struct listen_options options = {.port = 80};
    const char *counts = NULL;
    if (argc % 2 == 0)
        die("usage: http_server --port N [--count FILE] [--max-connections N] [--rcvbuf BYTES] "
            "[--mss N] "
            "[--backlog N] [--keepalive SECONDS] [--refuse ADDRESS]");
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0)
            options.port = (uint16_t)number(argv[i + 1]);
        else if (strcmp(argv[i], "--count") == 0)
            counts = argv[i + 1];
        else if (strcmp(argv[i], "--max-connections") == 0)
            loop.connections_max = number(argv[i + 1]);
        else if (strcmp(argv[i], "--rcvbuf") == 0)
            options.receive_buffer_bytes = (int)number(argv[i + 1]);
        else if (strcmp(argv[i], "--mss") == 0)
            options.mss = (int)number(argv[i + 1]);
        else if (strcmp(argv[i], "--backlog") == 0)
            options.backlog = (int)number(argv[i + 1]);
        else if (strcmp(argv[i], "--keepalive") == 0)
            options.keepalive_s = (int)number(argv[i + 1]);
        else if (strcmp(argv[i], "--refuse") == 0)
            loop.refused = argv[i + 1];
        else
            die("no such option: %s", argv[i]);
    }
    loop_run(&options, counts, nothing_to_reload);
    return 0;
}
