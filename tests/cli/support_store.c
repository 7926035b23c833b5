/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_store.c - see support_store.h. */
#include "tests/cli/support_store.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CELLS_MOST 4096

struct cell {
    char *key, *field, *text; /* text NULL: it was taken away */
    size_t bytes;
};

static struct cell cells[CELLS_MOST];
static size_t cells_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool full;
static unsigned held, answers_left = UINT32_MAX;

/* --- cells, under the lock -------------------------------------------------------------------- */

static struct cell *cell_of(const char *key, const char *field, bool make)
{
    for (size_t i = 0; i < cells_count; i++)
        if (strcmp(cells[i].key, key) == 0 && strcmp(cells[i].field, field) == 0)
            return &cells[i];
    if (!make)
        return NULL;
    cr_assert_lt(cells_count, CELLS_MOST);
    cells[cells_count] = (struct cell){.key = strdup(key), .field = strdup(field)};
    return &cells[cells_count++];
}

static void set(const char *key, const char *field, const char *text, size_t bytes)
{
    struct cell *cell = cell_of(key, field, true);

    free(cell->text);
    cell->text = text ? calloc(1, bytes + 1) : NULL;
    if (text)
        memcpy(cell->text, text, bytes);
    cell->bytes = bytes;
}

static const struct cell *there(const char *key, const char *field)
{
    const struct cell *cell = cell_of(key, field, false);

    return cell && cell->text ? cell : NULL;
}

static size_t count_of(const char *key)
{
    size_t count = 0;

    for (size_t i = 0; i < cells_count; i++)
        count += cells[i].text && strcmp(cells[i].key, key) == 0;
    return count;
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *word(const redisReply *asked, size_t number)
{
    return number < asked->elements ? asked->element[number]->str : "";
}

static void say_bulk(FILE *out, const char *text, size_t bytes)
{
    fprintf(out, "$%zu\r\n", bytes);
    fwrite(text, 1, bytes, out);
    fputs("\r\n", out);
}

static void say_cell(FILE *out, const struct cell *cell)
{
    if (cell)
        say_bulk(out, cell->text, cell->bytes);
    else
        fputs("$-1\r\n", out);
}

static void say_time(FILE *out)
{
    const uint64_t now_ms = sync_wall_ms();
    char text[32];

    fputs("*2\r\n", out);
    say_bulk(out, text,
             (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)now_ms / 1000));
    say_bulk(out, "0", 1);
}

static void say_hash(FILE *out, const char *key)
{
    fprintf(out, "*2\r\n$1\r\n0\r\n*%zu\r\n", 2 * count_of(key));
    for (size_t i = 0; i < cells_count; i++) {
        if (!cells[i].text || strcmp(cells[i].key, key) != 0)
            continue;
        say_bulk(out, cells[i].field, strlen(cells[i].field));
        say_cell(out, &cells[i]);
    }
}

/* sync_writes.c's script */
static void say_replaced(FILE *out, const redisReply *asked)
{
    const char *key = word(asked, 3), *field = word(asked, 5), *head = word(asked, 6);
    const struct cell *cell = there(key, field);
    const bool same =
        strcmp(head, "*") == 0 || (cell ? strncmp(cell->text, head, 67) == 0 && *head : !*head);

    if (same)
        set(key, field, asked->element[7]->str, asked->element[7]->len);
    fprintf(out, ":%d\r\n", same);
}

static void answer(FILE *out, const redisReply *asked)
{
    const char *what = word(asked, 0), *key = word(asked, 1);

    if (full && (strcmp(what, "HSET") == 0 || strcmp(what, "EVAL") == 0)) {
        fputs("-OOM command not allowed when used memory > 'maxmemory'.\r\n", out);
    } else if (strcmp(what, "HSET") == 0) {
        for (size_t i = 2; i + 1 < asked->elements; i += 2)
            set(key, word(asked, i), asked->element[i + 1]->str, asked->element[i + 1]->len);
        fputs(":1\r\n", out);
    } else if (strcmp(what, "EVAL") == 0) {
        say_replaced(out, asked);
    } else if (strcmp(what, "HDEL") == 0) {
        set(key, word(asked, 2), NULL, 0);
        fputs(":1\r\n", out);
    } else if (strcmp(what, "HGET") == 0) {
        say_cell(out, there(key, word(asked, 2)));
    } else if (strcmp(what, "HLEN") == 0) {
        fprintf(out, ":%zu\r\n", count_of(key));
    } else if (strcmp(what, "HMGET") == 0) {
        fprintf(out, "*%zu\r\n", asked->elements - 2);
        for (size_t i = 2; i < asked->elements; i++)
            say_cell(out, there(key, word(asked, i)));
    } else if (strcmp(what, "HSCAN") == 0) {
        say_hash(out, key);
    } else if (strcmp(what, "TIME") == 0) {
        say_time(out);
    } else if (what[0] == 'X' && strcmp(what, "XADD") != 0) {
        fputs("*0\r\n", out);
    } else {
        fputs("+OK\r\n", out);
    }
}

static void *serve(void *context)
{
    const int fd = *(int *)context;
    redisReader *reader = redisReaderCreate();
    FILE *out = fdopen(fd, "w");
    char text[16384];
    bool on = true;
    ssize_t got;

    free(context);
    for (; on && (got = recv(fd, text, sizeof(text), 0)) > 0;) {
        void *asked = NULL;

        redisReaderFeed(reader, text, (size_t)got);
        pthread_mutex_lock(&lock);
        while (on && redisReaderGetReply(reader, &asked) == REDIS_OK && asked) {
            const bool answers = answers_left > 0;

            answers_left -= answers;
            held -= held > 0;
            if (answers)
                answer(out, asked);
            on = answers || held > 0;
            freeReplyObject(asked);
        }
        if (held == 0)
            fflush(out);
        pthread_mutex_unlock(&lock);
    }
    fclose(out);
    redisReaderFree(reader);
    return NULL;
}

static int dial(void *context, struct error *error)
{
    int ends[2], *far = malloc(sizeof(*far));
    pthread_t thread;

    (void)context;
    (void)error;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    *far = ends[1];
    cr_assert_eq(pthread_create(&thread, NULL, serve, far), 0);
    pthread_detach(thread);
    return ends[0];
}

/* --- what tests do ---------------------------------------------------------------------------- */

static const char *key_of(const char *name, char key[SYNC_KEY_BYTES])
{
    snprintf(key, SYNC_KEY_BYTES, "synward:c:%s", name);
    return key;
}

char *shelf_get(const char *name, const char *field, size_t *bytes)
{
    char key[SYNC_KEY_BYTES], *text = NULL;
    const struct cell *cell;

    pthread_mutex_lock(&lock);
    cell = there(key_of(name, key), field);
    if (cell) {
        text = calloc(1, cell->bytes + 1);
        memcpy(text, cell->text, cell->bytes);
        *bytes = cell->bytes;
    }
    pthread_mutex_unlock(&lock);
    return text;
}

bool shelf_says(const char *name, const char *field, const char *words)
{
    size_t bytes;
    char *text = shelf_get(name, field, &bytes);
    const bool found = text && strstr(text, words);

    free(text);
    return found;
}

void shelf_put(const char *name, const char *field, const char *text, size_t bytes)
{
    char key[SYNC_KEY_BYTES];

    pthread_mutex_lock(&lock);
    set(key_of(name, key), field, text, bytes);
    pthread_mutex_unlock(&lock);
}

static void set_seal(struct sync_seal *seal)
{
    *seal = (struct sync_seal){.cluster = "c", .keys.count = 1};
    memset(seal->keys.seal[0].mac, 7, sizeof(seal->keys.seal[0].mac));
}

void shelf_seal(const char *writer, const char *name, const char *field, const char *content,
                uint64_t version, uint64_t until_ms)
{
    struct sync_value value = {
        .version = version, .until_ms = until_ms, .content = content, .bytes = strlen(content)};
    struct sync_seal seal;
    char key[SYNC_KEY_BYTES], *text;
    size_t bytes;

    set_seal(&seal);
    snprintf(value.writer, sizeof(value.writer), "%s", writer);
    text = sync_seal_write(&seal, (struct sync_place){key_of(name, key), field}, &value, &bytes);
    shelf_put(name, field, text, bytes);
    free(text);
}

size_t shelf_hash_length(const char *name)
{
    char key[SYNC_KEY_BYTES];
    size_t count;

    pthread_mutex_lock(&lock);
    count = count_of(key_of(name, key));
    pthread_mutex_unlock(&lock);
    return count;
}

void shelf_flush(void)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < cells_count; i++) {
        free(cells[i].text);
        cells[i].text = NULL;
    }
    pthread_mutex_unlock(&lock);
}

void shelf_fill(bool now)
{
    pthread_mutex_lock(&lock);
    full = now;
    pthread_mutex_unlock(&lock);
}

void shelf_hang_up_after(unsigned answers)
{
    pthread_mutex_lock(&lock);
    answers_left = answers;
    pthread_mutex_unlock(&lock);
}

void shelf_hold(unsigned asked)
{
    pthread_mutex_lock(&lock);
    held = asked;
    pthread_mutex_unlock(&lock);
}

/* --- bridges ---------------------------------------------------------------------------------- */

void bridge_heard(struct sync *sync, const char *heard)
{
    json_object_put(sync->heard);
    sync->heard = json_tokener_parse(heard);
    cr_assert_not_null(sync->heard, "%s", heard);
}

static void renew(struct json_object **array)
{
    json_object_put(*array);
    *array = json_object_new_array();
}

void bridge_told(struct sync *sync)
{
    renew(&sync->attacks);
    renew(&sync->asides);
    renew(&sync->words[SYNC_WORD_RULE]);
    renew(&sync->words[SYNC_WORD_SETTING]);
    renew(&sync->returned);
    renew(&sync->forgotten);
    sync->more = false;
    sync->round++;
}

void bridge_begin(struct sync *sync, const char *node, const char *heard)
{
    struct error error = {0};

    cr_assert_geq(sodium_init(), 0);
    *sync = (struct sync){
        .node = node, .store = {.url = "unix:test", .fd = -1, .dial = dial, .patience_ms = 20000}};
    set_seal(&sync->seal);
    cr_assert(sync_begin(sync));
    bridge_heard(sync, heard);
    cr_assert(sync_store_open(&sync->store, &error), "%s", error.text);
    sync->ends_ms = UINT64_MAX;
    sync->state = SYNC_JOINED;
}

void bridge_end(struct sync *sync)
{
    sync_end(sync);
}
