/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http.h - `synward web` as its clients see it: a fixed table of paths, GET and HEAD, nothing that
 * changes anything.
 *
 *      /, /page.css, ...        the page, to everybody who gets this far: it says nothing
 *      /state                   what there is to see, with a token, as all that follows
 *      /events                  what is new, a stream that stays (Server-Sent Events)
 *      /past?server=NAME        a quarter of an hour of one server
 *      /profile?server=NAME, /rehearsal?server=NAME, /sources   what the daemon answers
 *      /metrics                 as `synward metrics`
 *
 * There is no way from a path to a file. Clients are HTTP_CLIENTS_MAX at once, with 16 KiB for a
 * request of each. Where one more comes the oldest that has not said what it wants is hung up on;
 * so is who has not said it in 10 s, or not taken his answer in 60 s. A stream lasts as long as it
 * is read.
 */
#ifndef SYNWARD_CLI_WEB_HTTP_H
#define SYNWARD_CLI_WEB_HTTP_H

#include <stdint.h>

#include "cli/web/asks.h"
#include "cli/web/board.h"
#include "cli/web/library.h"

#define HTTP_CLIENTS_MAX   200
#define HTTP_STREAMS_MAX   100
#define HTTP_REQUEST_BYTES (16 * 1024)
#define HTTP_REQUEST_MS    10000
#define HTTP_ANSWER_MS     60000

struct http;

struct http_parts {
    struct http_library library;
    const struct board *board;
    struct asks *asks;
    const char *token; /* "": everybody who gets this far is let in */
};

/* Takes `fd`, a socket that listens and does not block. The parts must outlive it. NULL: `error`
 * says why. */
struct http *http_open(int fd, const struct http_parts *parts, struct error *error);
/* Readable when http_run() has work; it has, too, after so many milliseconds (-1: never). */
int http_fd(const struct http *http);
int http_wait_ms(const struct http *http);
void http_run(struct http *http, uint64_t now_ms);
/* The board has messages; questions have been answered; a second has passed. Before http_run(). */
void http_news(struct http *http);
void http_answered(struct http *http);
void http_tick(struct http *http, uint64_t now_ms);
/* Are there pages, or were there just now, that may come again and go on where they were? */
bool http_followed(const struct http *http);
void http_close(struct http *http);

#endif
