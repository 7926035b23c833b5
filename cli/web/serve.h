/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve.h - the loop of `synward web`: the daemon on one side, HTTP on the other.
 *
 *      daemon --sample, each second--> board --messages--> pages
 *             --watch---------------->
 *             <--questions of pages--- asks
 *
 * Where the daemon is gone it is looked for each second, and pages are told.
 */
#ifndef SYNWARD_CLI_WEB_SERVE_H
#define SYNWARD_CLI_WEB_SERVE_H

#include "bridge/base/notify.h"
#include "bridge/base/signals.h"
#include "cli/web/connector.h"
#include "cli/web/http.h"

struct serve_parts {
    struct signals *signals;
    struct notify *notify;
    struct connector *connector;
    struct http_library library;
    int fd; /* a socket that listens, and does not block; taken */
    const char *token;
};

/* Until SIGTERM or SIGINT. */
bool serve(const struct serve_parts *parts, struct error *error);

#endif
