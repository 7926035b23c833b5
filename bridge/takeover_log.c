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
    /* It has all that was taken over, and programs may lead past the one before. Of the one that
     * has its name it does not count: older versions do not say it. */
    uint64_t begun;
};

#define HEAD_BYTES 4096u

_Static_assert(sizeof(struct head) <= HEAD_BYTES, "it fits before the rows");
_Static_assert(sizeof(struct written_form) == 520 &&
                   offsetof(struct head, record) == offsetof(struct head, flow) + 520,
               "as every version from this one on finds it");

/*
 * Where a file may be. The first is that of who runs, and ends; the others are of starts: that of
 * them that is free. Programs of two processes lead at most, one for each port, so that two files
 * are of use at most beside that of a start.
 */
#define FILES 3
static const char *const endings[FILES] = {".joined", ".joined.next", ".joined.after"};

/* What one has left that is gone. */
struct left_log {
    int file;          /* in `paths` */
    struct head *head; /* mapped, and only read; NULL: it is not of use */
    size_t bytes;
    bool readable; /* its rows */
    struct row_reading reading;
    struct takeover_records records;
};

struct takeover_log {
    char *paths[FILES];
    uint8_t boot[TAKEOVER_BOOT_BYTES], wire[TAKEOVER_WIRE_BYTES];
    struct left_log left[FILES]; /* the newest first, and behind them what is not of use */
    struct head *own;            /* mapped; NULL: there is none */
    size_t own_bytes;
    int own_file;
    uint32_t rows_each; /* of each worker */
    bool stays;         /* our own is of use to the next one */
};

static void look_at_record(const struct left_log *left, uint64_t index, struct handed_flow *row)
{
    const struct head *head = left->head;

    if (head->rows_each)
        takeover_records_look(&left->records,
                              index / head->rows_each * head->left.each + index % head->rows_each,
                              row);
}

/* Of a version whose rows cannot be read: its key, and `edited`, which is 0 where it does not
 * count; by what offsets it is joined is not known then. */
static struct handed_flow row_at(const struct left_log *left, uint64_t index)
{
    const struct head *head = left->head;
    const uint8_t *at = (const uint8_t *)head + HEAD_BYTES + index * head->row_bytes;
    struct handed_flow row = {0};

    if (left->readable) {
        row_read(&left->reading, at, &row);
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

/* --- what is left ---------------------------------------------------------------------------- */

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
static void map_left(struct left_log *left, int fd)
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
    left->head = memory;
    left->bytes = (size_t)status.st_size;
}

static void forget(struct left_log *left)
{
    takeover_records_close(&left->records);
    if (left->head)
        munmap(left->head, left->bytes);
    left->head = NULL;
}

/* Its rows, and the records that go with them. */
static void understand_left(struct left_log *left)
{
    const struct head *head = left->head;
    struct row_reading records;

    left->readable = head->layout == LAYOUT && head->flow.row_bytes == head->row_bytes &&
                     understand(&left->reading, TAKEOVER_FLOWS, &head->flow);
    if (left->readable && understand(&records, TAKEOVER_RECORDS, &head->record))
        left->records = takeover_records_open(head->left, &records, head->record.row_bytes);
}

static void read_left(struct takeover_log *log, int file, uint64_t since_us)
{
    struct left_log *left = &log->left[file];
    const int fd = open(log->paths[file], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

    left->file = file;
    if (fd < 0)
        return;
    map_left(left, fd);
    close(fd);
    if (left->head && (!is_of_use(log, left->head, left->bytes) ||
                       left->head->began_us <= since_us || (file > 0 && !left->head->begun)))
        forget(left);
    if (left->head)
        understand_left(left);
}

static uint64_t began_us(const struct left_log *left)
{
    return left->head ? left->head->began_us : 0;
}

static int newest_first(const void *a, const void *b)
{
    const uint64_t a_us = began_us(a), b_us = began_us(b);

    return a_us < b_us ? 1 : a_us > b_us ? -1 : 0;
}

static bool is_carried(const struct left_log *left)
{
    return left->records.rows.bytes;
}

/* Whose programs lead knows best how far all has come: one of them, or both of two, where a start
 * was killed between one port and the other. Else it is who came last. One that cannot be read says
 * what is to be reset, which who came later has done. */
static void keep_the_best(struct takeover_log *log, bool carried)
{
    bool newer = false; /* one that can be read */

    carried = carried || takeover_log_is_carried(log);
    for (int i = 0; i < FILES; i++) {
        struct left_log *left = &log->left[i];
        const bool readable = left->head && left->readable;

        if (readable ? (carried ? !is_carried(left) : i > 0) : newer)
            forget(left);
        newer |= readable;
    }
}

static bool make_paths(struct takeover_log *log, const char *store_path)
{
    for (int i = 0; i < FILES; i++) {
        log->paths[i] = path_of(store_path, endings[i]);
        if (!log->paths[i])
            return false;
    }
    return true;
}

struct takeover_log *takeover_log_read(const char *store_path, const uint8_t *boot,
                                       const uint8_t *wire, uint64_t since_us, bool carried)
{
    struct takeover_log *log = calloc(1, sizeof(*log));

    if (!log || !make_paths(log, store_path)) {
        takeover_log_free(log);
        return NULL;
    }
    memcpy(log->boot, boot, sizeof(log->boot));
    memcpy(log->wire, wire, sizeof(log->wire));
    for (int i = 0; i < FILES; i++)
        read_left(log, i, since_us);
    qsort(log->left, FILES, sizeof(log->left[0]), newest_first);
    keep_the_best(log, carried);
    return log;
}

void takeover_log_leave(struct takeover_log *log)
{
    log->stays = true;
}

void takeover_log_free(struct takeover_log *log)
{
    if (!log)
        return;
    if (log->own) {
        munmap(log->own, log->own_bytes);
        if (!log->stays)
            (void)unlink(log->paths[log->own_file]);
    }
    for (int i = 0; i < FILES; i++) {
        forget(&log->left[i]);
        free(log->paths[i]);
    }
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

/* What is of use there; NULL: nothing is. */
static struct left_log *left_at(struct takeover_log *log, int file)
{
    for (int i = 0; i < FILES; i++)
        if (log->left[i].head && log->left[i].file == file)
            return &log->left[i];
    return NULL;
}

/* Where both are of use the older one takes the place of the first, which is not. -1: none is free.
 */
static int free_file(struct takeover_log *log)
{
    struct left_log *next = left_at(log, 1), *after = left_at(log, 2), *older;
    int file;

    if (!next || !after)
        return next ? 2 : 1;
    older = next->head->began_us < after->head->began_us ? next : after;
    file = older->file;
    if (left_at(log, 0) || rename(log->paths[file], log->paths[0]) != 0)
        return -1;
    older->file = 0;
    return file;
}

bool takeover_log_begin(struct takeover_log *log, uint32_t workers, uint32_t rows,
                        struct carrying_left left, struct error *error)
{
    const int file = free_file(log);
    const uint32_t each = rows < TAKEOVER_LOG_ROWS ? rows : TAKEOVER_LOG_ROWS;
    const size_t bytes = HEAD_BYTES + (size_t)each * workers * sizeof(struct handed_flow);
    void *memory;

    if (file < 0)
        return error_set(error, EXIT_FAILED, "%s and those of two starts that failed are of use",
                         log->paths[0]);
    memory = make_room(log->paths[file], bytes);
    if (memory == MAP_FAILED)
        return error_set(error, EXIT_FAILED, "cannot make %s: %s", log->paths[file],
                         strerror(errno));
    log->own = memory;
    log->own_file = file;
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

void takeover_log_hold(struct takeover_log *log)
{
    log->stays = true;
    if (log->own)
        __atomic_store_n(&log->own->begun, 1, __ATOMIC_SEQ_CST);
}

void takeover_log_done(struct takeover_log *log)
{
    const char *own = log->paths[log->own_file];

    takeover_log_hold(log);
    if (!log->own || rename(own, log->paths[0]) == 0)
        log->own_file = 0;
    else
        log_line(LOG_LEVEL_WARNING, "cannot rename %s: %s", own, strerror(errno));
    for (int i = 0; i < FILES; i++)
        if (!log->own || i != log->own_file)
            (void)unlink(log->paths[i]);
    for (int i = 0; i < FILES; i++)
        forget(&log->left[i]);
}

bool takeover_log_file(const char *store_path, struct atomic_file *file, struct error *error)
{
    *file = (struct atomic_file){.path = path_of(store_path, endings[0]),
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
        (void)unlink(log->paths[0]);
}

/* --- what it says ---------------------------------------------------------------------------- */

/* The next row that counts, as it was written; `*left` is the log that has it. */
static bool find_next(const struct takeover_log *log, struct takeover_log_place *place,
                      const struct left_log **left, struct handed_flow *row)
{
    for (; place->log < FILES; place->log++, place->row = 0) {
        *left = &log->left[place->log];
        while ((*left)->head && place->row < (*left)->head->rows) {
            *row = row_at(*left, place->row++);
            if (row->edited)
                return true;
        }
    }
    return false;
}

/* And as far as it has come by now. */
static bool look_at_next(const struct takeover_log *log, struct takeover_log_place *place,
                         const struct left_log **left, struct handed_flow *row)
{
    if (!find_next(log, place, left, row))
        return false;
    if ((*left)->readable)
        look_at_record(*left, place->row - 1, row);
    return true;
}

void takeover_log_mark(const struct takeover_log *log, uint16_t *joined,
                       const uint64_t table_seed[2], int change)
{
    struct takeover_log_place place = {0};
    const struct left_log *left;
    struct handed_flow row;

    while (joined && find_next(log, &place, &left, &row))
        if (row.words[0] || row.words[1]) /* offsets; see flow_set_state() */
            joined_count(joined, flow_seed_of(table_seed), &row.key, change);
}

static bool came_late(const struct takeover_log *log)
{
    for (int i = 0; i < FILES; i++)
        if (log->left[i].head && !is_carried(&log->left[i]))
            return true;
    return false;
}

struct takeover_log_taken takeover_log_fill(const struct takeover_log *log, uint64_t steer_seed,
                                            uint32_t index, uint32_t count, struct engine *engine,
                                            uint64_t now_us)
{
    struct takeover_log_place place = {0};
    struct takeover_log_taken taken = {0};
    const struct left_log *left;
    struct handed_flow row;

    if (came_late(log))
        takeover_came_late(engine);
    while (find_next(log, &place, &left, &row)) {
        if (steering_worker(steer_seed, count, &row.key) != index)
            continue;
        if (left->readable) {
            look_at_record(left, place.row - 1, &row);
            taken.live += takeover_flow(engine, &row, now_us);
        } else {
            taken.reset += takeover_lost(engine, &row.key, now_us);
        }
    }
    return taken;
}

bool takeover_log_is_carried(const struct takeover_log *log)
{
    for (int i = 0; i < FILES; i++)
        if (is_carried(&log->left[i]))
            return true;
    return false;
}

bool takeover_log_next(const struct takeover_log *log, struct takeover_log_place *place,
                       struct handed_flow *row)
{
    const struct left_log *left;

    do
        if (!look_at_next(log, place, &left, row))
            return false;
    while (!is_carried(left));
    return true;
}
