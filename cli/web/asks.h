/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asks.h - questions to the daemon that somebody who looks at the page has: its answer is kept for
 * a second, for all who have the same question, and few are under way at once. However many ask,
 * the daemon is asked ASKS_MAX questions a second.
 */
#ifndef SYNWARD_CLI_WEB_ASKS_H
#define SYNWARD_CLI_WEB_ASKS_H

#include <stdint.h>

#include "cli/web/connector.h"
#include "cli/wire.h"

#define ASKS_MAX       8
#define ASK_BYTES      256
#define ASK_KEPT_MS    1000
#define ASK_TIMEOUT_MS 10000

enum ask_state {
    ASK_WAIT,   /* ask again when asks_move() says so */
    ASK_DONE,   /* the answer is there: a document, or an error document */
    ASK_BUSY,   /* too many others */
    ASK_FAILED, /* nobody answers */
};

struct ask {
    char request[ASK_BYTES]; /* "": free */
    uint64_t begun_ms, done_ms;
    bool failed;
    struct wire wire; /* once it is done only its `answer` */
};

struct asks {
    struct connector *connector;
    struct ask asks[ASKS_MAX];
};

void asks_open(struct asks *asks, struct connector *connector);
/* `server` may be NULL. `*found` is good until asks are moved. */
enum ask_state asks_about(struct asks *asks, const char *command, const char *server,
                          uint64_t now_ms, const struct ask **found);
/* As many as there are, at most ASKS_MAX. */
unsigned asks_watched(const struct asks *asks, struct pollfd *out);
/* To be called when poll() says so, and each second. True: some have been answered, or have failed.
 */
bool asks_move(struct asks *asks, uint64_t now_ms);
void asks_close(struct asks *asks);

#endif
