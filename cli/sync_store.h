/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_store.h - a connection to Redis or Valkey that believes nothing of it.
 *
 * hiredis writes commands and reads replies; the socket is ours, so that every command has an end
 * (SYNC_STORE_MS for all of it, and again for all of its reply) and a most (SYNC_REPLY_MOST bytes).
 * What goes beyond ends the connection.
 */
#ifndef SYNWARD_CLI_SYNC_STORE_H
#define SYNWARD_CLI_SYNC_STORE_H

#include <hiredis/read.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profiles/error.h"

#define SYNC_STORE_MS   500u
#define SYNC_REPLY_MOST (24u * 1024 * 1024)
#define SYNC_WORDS_MOST 300

struct sync_store {
    const char *url, *user, *password; /* the last two may be NULL */
    /* Who opens connections in our place: a file that does not block, or -1; NULL: we do. */
    int (*dial)(void *context, struct error *error);
    void *dial_context;
    int fd; /* -1: not connected */
    redisReader *reader;
    uint64_t patience_ms; /* in place of SYNC_STORE_MS; 0: that */
};

static inline uint64_t sync_store_patience_ms(const struct sync_store *store)
{
    return store->patience_ms ? store->patience_ms : SYNC_STORE_MS;
}

/* redis://HOST[:PORT], or unix:PATH. False: `error` says what is wrong with it. */
bool sync_store_check(const char *url, struct error *error);
/* A connection to it, within SYNC_STORE_MS from when its name was found; -1: nobody answers. */
int sync_store_connect(const char *url, struct error *error);
/* Connects, and says who we are. */
bool sync_store_open(struct sync_store *store, struct error *error);
void sync_store_close(struct sync_store *store);

struct sync_command {
    int count;
    const char *word[SYNC_WORDS_MOST];
    size_t bytes[SYNC_WORDS_MOST];
};

/* One word more. */
void sync_command_add(struct sync_command *command, const char *word, size_t bytes);
void sync_command_text(struct sync_command *command, const char *text);
struct sync_command sync_command_words(const char *const *words, size_t count);
/* Of some words of text. */
#define sync_command_of(...)                                                                       \
    sync_command_words((const char *const[]){__VA_ARGS__},                                         \
                       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* sync_store_ask() in two steps. */
bool sync_store_send(struct sync_store *store, const struct sync_command *command,
                     struct error *error);
redisReply *sync_store_receive(struct sync_store *store, struct error *error);
/* The same, and not longer than to that time (monotonic). */
redisReply *sync_store_receive_until(struct sync_store *store, uint64_t end_ms,
                                     struct error *error);
/*
 * The reply, to be freed with freeReplyObject(). NULL: the connection has ended, or the store
 * refuses; `error` says why.
 */
redisReply *sync_store_ask(struct sync_store *store, const struct sync_command *command,
                           struct error *error);

#endif
