/* SPDX-License-Identifier: GPL-2.0-or-later */
/* takeover_write.c - writes STORE.flows (takeover.h), from engines whose workers were halted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/takeover_parts.h"
#include "engine/version.h"

#define WRITE_BYTES (256u * 1024)
#define FILE_MODE   0600
/* Elements fetched at once. */
#define BATCH 512u

char *takeover_path(const char *store_path)
{
    char *target = realpath(store_path, NULL), *path = NULL;

    if (asprintf(&path, "%s.flows", target ? target : store_path) < 0)
        path = NULL;
    free(target);
    return path;
}

void takeover_wire(const char *client_side, const char *server_side,
                   uint8_t wire[TAKEOVER_WIRE_BYTES])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, TAKEOVER_WIRE_BYTES);
    /* With the zeros that end them. */
    crypto_generichash_update(&state, (const uint8_t *)client_side, strlen(client_side) + 1);
    crypto_generichash_update(&state, (const uint8_t *)server_side, strlen(server_side) + 1);
    crypto_generichash_final(&state, wire, TAKEOVER_WIRE_BYTES);
}

/* --- out ------------------------------------------------------------------------------------- */

/* Found out before anything is written: the prefix and the head of each part say how much there is.
 */
struct content {
    struct takeover_prefix prefix;
    struct takeover_common common;
    uint64_t rows[TAKEOVER_PARTS];
};

/* First without `file`, to count. */
struct writer {
    FILE *file;
    bool failed;
    uint64_t bytes;
    struct content *content;
    crypto_generichash_state digest;
};

static void put(struct writer *writer, const void *bytes, size_t length)
{
    writer->bytes += length;
    if (!writer->file)
        return;
    crypto_generichash_update(&writer->digest, bytes, length);
    writer->failed |= fwrite(bytes, 1, length, writer->file) != length;
}

static void put_form(struct writer *writer, enum takeover_part part)
{
    const struct row_form *form = &takeover_forms[part];
    const struct takeover_part_head head = {
        .part = part,
        .fields = form->count,
        .row_bytes = form->row_bytes,
        .rows = part == TAKEOVER_FLOWS ? 0 : writer->content->rows[part],
    };

    put(writer, &head, sizeof(head));
    put(writer, form->fields, form->count * sizeof(form->fields[0]));
}

static uint32_t put_flows(struct writer *writer, const struct engine *engine, uint32_t shard)
{
    const bool carried = writer->content->common.left.number;
    const uint32_t first = shard * writer->content->common.left.each;
    struct handed_flow flows[BATCH];
    uint32_t cursor = 0, count, all = 0;

    while ((count = handover_flows(engine, &cursor, flows, BATCH)) > 0) {
        for (uint32_t i = 0; i < count; i++)
            flows[i].record = carried && flows[i].record ? flows[i].record + first : 0;
        put(writer, flows, count * sizeof(flows[0]));
        all += count;
    }
    return all;
}

static uint32_t put_promises(struct writer *writer, const struct policy *policy)
{
    for (uint32_t i = 0; policy && i < policy->count; i++) {
        const struct server_policy *server = &policy->servers[i];
        struct takeover_promises_row row;

        memset(&row, 0, sizeof(row)); /* padding too: it goes into a file */
        row.key = server->key;
        row.has_before = server->has_before;
        row.before_until_us = server->before_until_us;
        row.now = server->now;
        row.before = server->before;
        put(writer, &row, sizeof(row));
    }
    return policy ? policy->count : 0;
}

static uint32_t put_servers(struct writer *writer, const struct engine *engine, uint32_t shard)
{
    struct takeover_server_row row;
    uint32_t cursor = 0, all = 0;

    memset(&row, 0, sizeof(row)); /* padding too */
    row.shard = shard;
    for (; handover_servers(engine, &cursor, &row.server, 1) == 1; all++)
        put(writer, &row, sizeof(row));
    return all;
}

static uint32_t put_watches(struct writer *writer, const struct engine *engine)
{
    struct handed_watch watch;
    uint32_t cursor = 0, all = 0;

    for (; handover_watches(engine, &cursor, &watch, 1) == 1; all++)
        put(writer, &watch, sizeof(watch));
    return all;
}

static uint64_t put_tags_of(struct writer *writer, const struct engine *engine, uint32_t shard,
                            enum handed_tags which)
{
    struct handed_tag tags[BATCH];
    uint32_t cursor = 0, count;
    uint64_t all = 0;

    while ((count = handover_tags(engine, which, &cursor, tags, BATCH)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            const struct takeover_tag_row row = {(uint16_t)shard, (uint16_t)which, tags[i]};

            put(writer, &row, sizeof(row));
        }
        all += count;
    }
    return all;
}

static uint64_t put_tags(struct writer *writer, const struct engine *engine, uint32_t shard)
{
    uint64_t all = 0;

    for (int which = 0; which < HANDED_TAGS; which++)
        all += put_tags_of(writer, engine, shard, (enum handed_tags)which);
    return all;
}

static uint64_t put_waiting(struct writer *writer, const struct engine *engine)
{
    struct handed_waiting waiting[BATCH];
    uint32_t cursor = 0, count;
    uint64_t all = 0;

    while ((count = handover_waiting(engine, &cursor, waiting, BATCH)) > 0) {
        put(writer, waiting, count * sizeof(waiting[0]));
        all += count;
    }
    return all;
}

static uint64_t put_pieces(struct writer *writer, const struct engine *engine)
{
    struct handed_piece piece;
    uint32_t cursor = 0;
    uint64_t all = 0;

    for (; handover_pieces(engine, &cursor, &piece, 1) == 1; all++)
        put(writer, &piece, sizeof(piece));
    return all;
}

static uint64_t put_rows_of(struct writer *writer, const struct workers *workers, uint32_t worker,
                            enum takeover_part part)
{
    const struct engine *engine = workers_engine(workers, worker);

    switch (part) {
    case TAKEOVER_FLOWS:
        return put_flows(writer, engine, worker);
    case TAKEOVER_SERVERS:
        return put_servers(writer, engine, worker);
    case TAKEOVER_WATCHES:
        return put_watches(writer, engine);
    case TAKEOVER_TAGS:
        return put_tags(writer, engine, worker);
    case TAKEOVER_WAITING:
        return put_waiting(writer, engine);
    case TAKEOVER_PIECES:
        return put_pieces(writer, engine);
    case TAKEOVER_COMMON:
    case TAKEOVER_PROMISES:
    case TAKEOVER_RECORDS:
    case TAKEOVER_PARTS:
        break;
    }
    return 0;
}

static void put_rows(struct writer *writer, const struct workers *workers, enum takeover_part part)
{
    uint64_t rows = 0;

    for (uint32_t i = 0; i < workers_count(workers); i++)
        rows += put_rows_of(writer, workers, i, part);
    if (part == TAKEOVER_PROMISES)
        rows = put_promises(writer, workers_policy(workers));
    writer->content->rows[part] = rows;
}

/* Behind the prefix. */
static void put_all(struct writer *writer, const struct workers *workers)
{
    put_rows(writer, workers, TAKEOVER_FLOWS);
    put_form(writer, TAKEOVER_FLOWS);
    put_form(writer, TAKEOVER_COMMON);
    put(writer, &writer->content->common, sizeof(writer->content->common));
    for (int part = TAKEOVER_PROMISES; part < TAKEOVER_PARTS; part++) {
        put_form(writer, (enum takeover_part)part);
        put_rows(writer, workers, (enum takeover_part)part);
    }
}

static void begin(const struct takeover *takeover, const struct workers *workers,
                  const struct takeover_way *way, struct content *content)
{
    struct takeover_prefix *prefix = &content->prefix;
    struct takeover_common *common = &content->common;
    const struct engine *first = workers_engine(workers, 0);
    const struct policy *policy = workers_policy(workers);

    memset(content, 0, sizeof(*content)); /* padding too */
    memcpy(prefix->magic, TAKEOVER_MAGIC, sizeof(prefix->magic));
    prefix->layout = TAKEOVER_LAYOUT;
    prefix->flow_bytes = sizeof(struct handed_flow);
    prefix->written_us = clock_now_us();
    memcpy(prefix->boot, takeover->boot, sizeof(prefix->boot));
    snprintf(prefix->version, sizeof(prefix->version), "%s", SYNWARD_VERSION);
    memcpy(prefix->wire, takeover->wire, sizeof(prefix->wire));
    common->secrets = takeover->secrets;
    common->generation = policy ? policy->generation : 0;
    common->shards = workers_count(workers);
    common->left = way->records;
    common->handed_on = way->goes_on;
    for (int side = 0; side < 2; side++)
        if (strlen(takeover->sides[side]) < TAKEOVER_SIDE_BYTES)
            snprintf(common->sides[side], TAKEOVER_SIDE_BYTES, "%s", takeover->sides[side]);
    for (int which = 0; which < HANDED_TAGS; which++)
        common->places[which] = handover_places(first, (enum handed_tags)which);
    content->rows[TAKEOVER_COMMON] = 1;
}

static void count(const struct workers *workers, struct content *content)
{
    struct writer counter = {.content = content};

    put_all(&counter, workers);
    content->prefix.flows = (uint32_t)content->rows[TAKEOVER_FLOWS];
    content->prefix.total_bytes = sizeof(content->prefix) + counter.bytes;
}

/* The digest is known at the end, and stands in the prefix. */
static bool write_to(struct writer *writer, const struct workers *workers)
{
    struct takeover_prefix *prefix = &writer->content->prefix;

    takeover_digest_begin(&writer->digest, prefix);
    writer->failed = fwrite(prefix, sizeof(*prefix), 1, writer->file) != 1;
    put_all(writer, workers);
    crypto_generichash_final(&writer->digest, prefix->digest, sizeof(prefix->digest));
    rewind(writer->file);
    writer->failed |= fwrite(prefix, sizeof(*prefix), 1, writer->file) != 1;
    return fclose(writer->file) == 0 && !writer->failed;
}

bool takeover_file(const char *store_path, struct atomic_file *file, struct error *error)
{
    *file = (struct atomic_file){.path = takeover_path(store_path),
                                 .what = "connections",
                                 .mode = FILE_MODE,
                                 .unsynced = true};
    return file->path || error_set(error, EXIT_FAILED, "out of memory for the connections");
}

/* `fd` is closed. 0, or an errno. */
static int write_into(int fd, const struct workers *workers, struct content *content)
{
    struct writer writer = {.file = fdopen(fd, "w"), .content = content};
    char *buffer = malloc(WRITE_BYTES); /* without it by a page each, which takes its time */
    int reason = errno;

    if (!writer.file) {
        free(buffer);
        close(fd);
        return reason;
    }
    if (buffer)
        setvbuf(writer.file, buffer, _IOFBF, WRITE_BYTES);
    errno = 0;
    if (write_to(&writer, workers))
        reason = 0;
    else
        reason = errno ? errno : EIO;
    free(buffer);
    return reason;
}

static bool write_ourselves(const struct takeover *takeover, const struct workers *workers,
                            struct content *content, struct error *error)
{
    const struct atomic_file file = {
        .path = takeover->path, .what = "connections", .mode = FILE_MODE, .unsynced = true};
    struct atomic_saving saving;

    return atomic_file_begin(&saving, &file, error) &&
           atomic_file_end(&saving, write_into(dup(saving.fd), workers, content), error);
}

static bool write_by(const struct file_hands *hands, const struct workers *workers,
                     struct content *content, struct error *error)
{
    const int fd = hands->begin(hands->context, KEPT_FLOWS, error);

    return fd >= 0 &&
           hands->end(hands->context, KEPT_FLOWS, write_into(fd, workers, content), error);
}

static bool write_file(const struct takeover *takeover, const struct workers *workers,
                       const struct file_hands *hands, struct content *content, struct error *error)
{
    return hands ? write_by(hands, workers, content, error)
                 : write_ourselves(takeover, workers, content, error);
}

/* Not on the disk: `why` says why. The manager may not keep it: so the log is not marked as ended,
 * and the next start has at least what a kill leaves. */
static bool give_away(struct takeover *takeover, const struct workers *workers,
                      struct content *content, bool within, const struct error *why)
{
    const int out = takeover->spare_out;

    takeover->spare_out = -1;
    if (out < 0 || write_into(out, workers, content) != 0)
        return false;
    if (!within && !notify_keep(takeover->notify, TAKEOVER_KEPT_NAME, takeover->spare))
        return false;
    takeover->leaving = within;
    log_line(LOG_LEVEL_WARNING, "%s; %s", why->text,
             within ? "they are kept in memory" : "the service manager is asked to keep them");
    return true;
}

/* Cookies are out, or were lately; or it is asked over UDP, and it is known how often. */
static bool is_worth_it(const struct handed_server *server)
{
    return server->attacked || server->attack_ended_us ||
           (server_key_is_udp(&server->key) && server->usual_windows);
}

static bool any_worth_it(const struct engine *engine)
{
    struct handed_server server;
    uint32_t cursor = 0;

    while (handover_servers(engine, &cursor, &server, 1) == 1)
        if (is_worth_it(&server))
            return true;
    return false;
}

bool takeover_write(struct takeover *takeover, const struct workers *workers,
                    const struct takeover_way *way, const struct file_hands *hands,
                    struct error *error)
{
    struct content content;
    struct error why = {0};
    bool wanted, written, kept = false;

    begin(takeover, workers, way, &content);
    count(workers, &content);
    wanted = way->goes_on || content.prefix.flows > 0;
    for (uint32_t i = 0; i < workers_count(workers); i++)
        wanted = wanted || any_worth_it(workers_engine(workers, i));
    written = !wanted || write_file(takeover, workers, hands, &content, &why);
    if (written)
        takeover_log_end(takeover->log, hands);
    else
        kept = give_away(takeover, workers, &content, way->within, &why);
    sodium_memzero(&content, sizeof(content));
    return written || kept || error_set(error, why.code, "%s", why.text);
}
