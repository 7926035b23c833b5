/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * board.h - what the page shows: the servers as `synward top` has them, the last quarter of an
 * hour, the last events; and the messages by which pages follow (Server-Sent Events).
 *
 * A page takes the state, which says the number of the message that it goes with, and then the
 * messages from there on. Few are kept: who is behind those, or comes from another process of ours,
 * is told `reset`, to take the state anew.
 *
 *      tick    what has changed in a second: sums, and of servers those fields that are others;
 *              of those that no page shows, unless somebody looks for one, within some seconds
 *      event   one line of `synward watch`
 *      away    the daemon does not answer
 *      reset   servers have come or gone, or the daemon is back
 *
 * All texts are JSON, and hold nothing that was not escaped as such. Memory: 11 KiB for each server
 * that has had a SYN or an opened connection, of at most as many as the daemon has.
 */
#ifndef SYNWARD_CLI_WEB_BOARD_H
#define SYNWARD_CLI_WEB_BOARD_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/top_model.h"

#define BOARD_PAST     900 /* seconds */
#define BOARD_EVENTS   200
#define BOARD_MESSAGES 16
#define BOARD_AT_ONCE  60 /* cards that a page shows (SHOWN_MOST of page.js) */
#define BOARD_TURNS    5  /* ticks in which all others have their turn */

/* What came in each second. */
struct board_past {
    float syns[BOARD_PAST], admitted[BOARD_PAST], refused[BOARD_PAST];
};

struct board_server {
    char name[OUTPUT_SERVER_BYTES];
    struct board_past *past; /* a ring, as the board's; NULL: nothing came to it so far */
    bool busy;               /* its rates were told, and were not 0 */
    bool late;               /* what was new of it has not been told yet */
};

struct board_message {
    char *text; /* in the form of an event stream; NULL: it was not written */
    size_t bytes;
};

struct board {
    struct top_model model;
    struct board_server *servers; /* as those of the model */
    size_t *told_order;
    struct board_past all;
    unsigned place; /* in the rings, of the next second */
    unsigned known; /* seconds of the past, up to BOARD_PAST */
    bool away;
    bool followed; /* somebody reads the messages, or has just now; else they are numbered only */
    struct json_object *status; /* the newest line, without its servers; NULL: none came yet */
    struct json_object *events[BOARD_EVENTS];
    unsigned event_place;
    int64_t event_number; /* of the newest; 0: none came yet */
    uint64_t newest;      /* message */
    struct board_message messages[BOARD_MESSAGES];
};

/* Messages are numbered from `first` on. */
void board_open(struct board *board, uint64_t first);
/* A line of `sample`; of `watch`. Both are lent. */
void board_sample(struct board *board, struct json_object *line, double now_s);
void board_event(struct board *board, struct json_object *line);
/* The daemon has gone, or has not come yet. */
void board_away(struct board *board);

/* The whole state, or the past of a server; the caller frees it. NULL: no server of that name. */
char *board_state(const struct board *board, size_t *bytes);
char *board_past(const struct board *board, const char *server, size_t *bytes);

/*
 * Copies of the message behind `*number`, from `*offset` on, as much as there is room for, and
 * moves both on. 0: there is none. SIZE_MAX: it is not kept any more.
 */
size_t board_read(const struct board *board, uint64_t *number, size_t *offset, char *out,
                  size_t room);
/* Can a page that knows the messages up to this one go on with the next? */
bool board_follows(const struct board *board, uint64_t number);
void board_close(struct board *board);

#endif
