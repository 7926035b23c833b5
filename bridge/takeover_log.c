/* SPDX-License-Identifier: GPL-2.0-or-later */
/* takeover_log.c - see takeover_log.h. */
#include "bridge/takeover_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/bpf/steering.h"
#include "bridge/takeover_parts.h"
#include "bridge/takeover_records.h"
#include "engine/tcp/joined.h"

#define MAGIC     "synwjoin"
#define FILE_MODE 0600
/* Lower ones do not say of what form their rows are, and only their keys are read. */
#define LAYOUT 4u

/* As stored; `count` 0: nothing is said. */
struct written_form {
    uint32_t count, row_bytes;
    struct row_field fields[ROW_FIELDS_MAX];
};

/* Rows begin at the next page. */
struct head {
    char magic[8];
    uint32_t layout;
    uint32_t row_bytes;
    uint64_t rows, began_us; /* on the monotonic clock */
    uint8_t boot[TAKEOVER_BOOT_BYTES];
    uint8_t wire[TAKEOVER_WIRE_BYTES];
    uint64_t ended; /* in order */
    /* 0 in older versions: not known. */
    struct carrying_left left;
    uint64_t rows_each; /* of each worker */
    struct written_form flow, record;
};

#define HEAD_BYTES 4096u

_Static_assert(sizeof(struct head) <= HEAD_BYTES, "it fits before the rows");
_Static_assert(sizeof(struct written_form) == 520 &&
                   offsetof(struct head, record) == offsetof(struct head, flow) + 520,
               "as every version from this one on finds it");

struct takeover_log {
    char *path, *next_path;
    uint8_t boot[TAKEOVER_BOOT_BYTES], wire[TAKEOVER_WIRE_BYTES];
    struct head *old, *own; /* mapped; NULL: there is none */
    size_t old_bytes, own_bytes;
    bool readable; /* the old one's rows */
    struct row_reading reading;
    struct takeover_records records; /* of who was killed */
    uint32_t rows_each;              /* of each worker */
    bool done;                       /* our own has its name */
};

static void look_at_record(const struct takeover_log *log, uint64_t index, struct handed_flow *row)
{
    const struct head *head = log->old;

    if (head->rows_each)
        takeover_records_look(&log->records,
                              index / head->rows_each * head->left.each + index % head->rows_each,
                              row);
}

/* Of a version whose rows cannot be read: its key, and `edited`, which is 0 where it does not
 * count; by what offsets it is joined is not known then. */
static struct handed_flow row_at(const struct takeover_log *log, uint64_t index)
{
    const struct head *head = log->old;
    const uint8_t *at = (const uint8_t *)head + HEAD_BYTES + index * head->row_bytes;
    struct handed_flow row = {0};

    if (log->readable) {
        row_read(&log->reading, at, &row);
        return row;
    }
    memcpy(&row, at, TAKEOVER_FLOW_LEAST);
    row.words[0] = row.edited;
    return row;
}

static void write_form(const struct row_form *form, struct written_form *written)
{
    written->count = form->count;
    written->row_bytes = form->row_bytes;
    memcpy(written->fields, form->fields, form->count * sizeof(written->fields[0]));
}

static bool understand(struct row_reading *reading, enum takeover_part part,
                       const struct written_form *written)
{
    return written->count <= ROW_FIELDS_MAX &&
           row_reading_make(reading, &takeover_forms[part], written->fields, written->count,
                            written->row_bytes);
}

static char *path_of(const char *store_path, const char *ending)
{
    char *path = NULL;

    return asprintf(&path, "%s%s", store_path, ending) < 0 ? NULL : path;
}

/* --- the old one ----------------------------------------------------------------------------- */

static bool is_of_use(const struct takeover_log *log, const struct head *head, size_t bytes)
{
    return memcmp(head->magic, MAGIC, sizeof(head->magic)) == 0 &&
           head->row_bytes >= TAKEOVER_FLOW_LEAST &&
           head->rows <= (bytes - HEAD_BYTES) / head->row_bytes && !head->ended &&
           head->began_us <= clock_now_us() &&
           memcmp(head->boot, log->boot, sizeof(head->boot)) == 0 &&
           memcmp(head->wire, log->wire, sizeof(head->wire)) == 0;
}

/* A file that nobody but root could have written. */
static void map_old(struct takeover_log *log, int fd)
{
    struct stat status;
    void *memory;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & 077) || status.st_size <= (off_t)HEAD_BYTES ||
        status.st_size > TAKEOVER_BYTES_MAX)
        return;
    memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED)
        return;
    log->old = memory;
    log->old_bytes = (size_t)status.st_size;
}

static void forget_old(struct takeover_log *log)
{
    takeover_records_close(&log->records);
    if (log->old)
        munmap(log->old, log->old_bytes);
    log->old = NULL;
}

/* Its rows, and the records that go with them. */
static void understand_old(struct takeover_log *log)
{
    const struct head *head = log->old;
    struct row_reading records;

    log->readable = head->layout == LAYOUT && head->flow.row_bytes == head->row_bytes &&
                    understand(&log->reading, TAKEOVER_FLOWS, &head->flow);
    if (log->readable && understand(&records, TAKEOVER_RECORDS, &head->record))
        log->records = takeover_records_open(head->left, &records, head->record.row_bytes);
}

struct takeover_log *takeover_log_read(const char *store_path, const uint8_t *boot,
                                       const uint8_t *wire)
{
    struct takeover_log *log = calloc(1, sizeof(*log));
    int fd;

    if (!log)
        return NULL;
    log->path = path_of(store_path, ".joined");
    log->next_path = path_of(store_path, ".joined.next");
    if (!log->path || !log->next_path) {
        takeover_log_free(log);
        return NULL;
    }
    memcpy(log->boot, boot, sizeof(log->boot));
    memcpy(log->wire, wire, sizeof(log->wire));
    fd = open(log->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd >= 0) {
        map_old(log, fd);
        close(fd);
    }
    if (log->old && !is_of_use(log, log->old, log->old_bytes))
        forget_old(log);
    if (log->old)
        understand_old(log);
    return log;
}

void takeover_log_leave(struct takeover_log *log)
{
    log->done = true;
}

void takeover_log_free(struct takeover_log *log)
{
    if (!log)
        return;
    forget_old(log);
    if (log->own) {
        munmap(log->own, log->own_bytes);
        if (!log->done)
            (void)unlink(log->next_path);
    }
    free(log->path);
    free(log->next_path);
    free(log);
}

/* --- our own --------------------------------------------------------------------------------- */

/* The room is taken now: a page that the disk has none for would end who writes to it. */
static void *make_room(const char *path, size_t bytes)
{
    void *memory = MAP_FAILED;
    int fd, reason;

    (void)unlink(path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0)
        return MAP_FAILED;
    if (fallocate(fd, 0, 0, (off_t)bytes) == 0)
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    reason = errno;
    close(fd);
    if (memory == MAP_FAILED)
        (void)unlink(path);
    errno = reason;
    return memory;
}

bool takeover_log_begin(struct takeover_log *log, uint32_t workers, uint32_t rows,
                        struct carrying_left left, struct error *error)
{
    const uint32_t each = rows < TAKEOVER_LOG_ROWS ? rows : TAKEOVER_LOG_ROWS;
    const size_t bytes = HEAD_BYTES + (size_t)each * workers * sizeof(struct handed_flow);
    void *memory = make_room(log->next_path, bytes);

    if (memory == MAP_FAILED)
        return error_set(error, EXIT_FAILED, "cannot make %s: %s", log->next_path, strerror(errno));
    log->own = memory;
    log->own_bytes = bytes;
    log->rows_each = each;
    *log->own = (struct head){.layout = LAYOUT,
                              .row_bytes = sizeof(struct handed_flow),
                              .rows = (uint64_t)each * workers,
                              .began_us = clock_now_us(),
                              .left = left,
                              .rows_each = each};
    write_form(&takeover_forms[TAKEOVER_FLOWS], &log->own->flow);
    write_form(&takeover_forms[TAKEOVER_RECORDS], &log->own->record);
    memcpy(log->own->magic, MAGIC, sizeof(log->own->magic));
    memcpy(log->own->boot, log->boot, sizeof(log->own->boot));
    memcpy(log->own->wire, log->wire, sizeof(log->own->wire));
    return true;
}

void takeover_log_share(const struct takeover_log *log, uint32_t worker,
                        struct engine_config *config)
{
    if (!log->own)
        return;
    config->log = (struct handed_flow *)(void *)((uint8_t *)log->own + HEAD_BYTES) +
                  (size_t)worker * log->rows_each;
    config->log_rows = log->rows_each;
}

void takeover_log_done(struct takeover_log *log)
{
    forget_old(log);
    log->done = true;
    if (log->own && rename(log->next_path, log->path) != 0)
        log_line(LOG_LEVEL_WARNING, "cannot rename %s: %s", log->next_path, strerror(errno));
    if (!log->own)
        (void)unlink(log->path);
}

bool takeover_log_file(const char *store_path, struct atomic_file *file, struct error *error)
{
    *file = (struct atomic_file){.path = path_of(store_path, ".joined"),
                                 .what = "joined connections",
                                 .mode = FILE_MODE,
                                 .unsynced = true};
    return file->path || error_set(error, EXIT_FAILED, "out of memory for joined connections");
}

/* Said in the file first: it may not be removed. */
void takeover_log_end(struct takeover_log *log, const struct file_hands *hands)
{
    if (!log->own)
        return;
    __atomic_store_n(&log->own->ended, 1, __ATOMIC_SEQ_CST);
    if (hands)
        hands->remove(hands->context, KEPT_JOINED);
    else
        (void)unlink(log->path);
}

/* --- what it says ---------------------------------------------------------------------------- */

void takeover_log_mark(const struct takeover_log *log, uint16_t *joined,
                       const uint64_t table_seed[2], int change)
{
    for (uint64_t i = 0; joined && log->old && i < log->old->rows; i++) {
        const struct handed_flow row = row_at(log, i);

        if (row.edited && (row.words[0] || row.words[1])) /* offsets; see flow_set_state() */
            joined_count(joined, flow_seed_of(table_seed), &row.key, change);
    }
}

struct takeover_log_taken takeover_log_fill(const struct takeover_log *log, uint64_t steer_seed,
                                            uint32_t index, uint32_t count, struct engine *engine,
                                            uint64_t now_us)
{
    struct takeover_log_taken taken = {0};

    if (log->old && !log->records.rows.bytes)
        takeover_came_late(engine);
    for (uint64_t i = 0; log->old && i < log->old->rows; i++) {
        struct handed_flow row = row_at(log, i);

        if (!row.edited || steering_worker(steer_seed, count, &row.key) != index)
            continue;
        if (!log->readable) {
            taken.reset += takeover_lost(engine, &row.key, now_us);
            continue;
        }
        look_at_record(log, i, &row);
        taken.live += takeover_flow(engine, &row, now_us);
    }
    return taken;
}

bool takeover_log_is_carried(const struct takeover_log *log)
{
    return log->records.rows.bytes != NULL;
}

bool takeover_log_next(const struct takeover_log *log, uint64_t *cursor, struct handed_flow *row)
{
    for (; *cursor < log->old->rows; ++*cursor) {
        *row = row_at(log, *cursor);
        if (!row->edited)
            continue;
        look_at_record(log, (*cursor)++, row);
        return true;
    }
    return false;
}
