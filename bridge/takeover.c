/* SPDX-License-Identifier: GPL-2.0-or-later */
/* takeover.c - see takeover.h: what was left is read. takeover_fill.c gives it to the workers, and
 * takeover_write.c leaves it to the next process. */
#include "bridge/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/takeover_parts.h"

#define OF_ANOTHER_WIRE "it is of another wire"
/* A connection that was idle for longer is forgotten anyway. */
#define AGE_MOST_US (7440ull * SECOND_US)

/* --- the file -------------------------------------------------------------------------------- */

/* Of all but the digest itself. */
void takeover_digest_begin(crypto_generichash_state *state, const struct takeover_prefix *prefix)
{
    struct takeover_prefix clear = *prefix;

    memset(clear.digest, 0, sizeof(clear.digest));
    crypto_generichash_init(state, NULL, 0, sizeof(clear.digest));
    crypto_generichash_update(state, (const uint8_t *)&clear, sizeof(clear));
}

static void read_boot(uint8_t boot[TAKEOVER_BOOT_BYTES])
{
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    memset(boot, 0, TAKEOVER_BOOT_BYTES);
    if (fd < 0)
        return;
    if (read(fd, boot, TAKEOVER_BOOT_BYTES) < 0)
        memset(boot, 0, TAKEOVER_BOOT_BYTES);
    close(fd);
}

static bool digest_is_right(const struct takeover_prefix *prefix, const uint8_t *bytes,
                            size_t length)
{
    uint8_t digest[TAKEOVER_DIGEST_BYTES];
    crypto_generichash_state state;

    takeover_digest_begin(&state, prefix);
    crypto_generichash_update(&state, bytes + sizeof(*prefix), length - sizeof(*prefix));
    crypto_generichash_final(&state, digest, sizeof(digest));
    return memcmp(digest, prefix->digest, sizeof(digest)) == 0;
}

/* What every version wants of a file. NULL: it is as it should be. */
static const char *flaw_of(const struct takeover *takeover)
{
    const struct takeover_prefix *prefix = &takeover->prefix;
    const uint64_t flows = (uint64_t)prefix->flow_bytes * prefix->flows;
    const uint64_t now_us = clock_now_us();

    if (memcmp(prefix->magic, TAKEOVER_MAGIC, sizeof(prefix->magic)) != 0)
        return "it is none of ours";
    if (prefix->total_bytes != takeover->length || prefix->flow_bytes < TAKEOVER_FLOW_LEAST ||
        flows > takeover->length - sizeof(*prefix))
        return "it is not whole";
    if (memcmp(prefix->boot, takeover->boot, sizeof(prefix->boot)) != 0 ||
        prefix->written_us > now_us)
        return "it is of another boot";
    if (now_us - prefix->written_us > AGE_MOST_US)
        return "it is too old";
    if (!digest_is_right(prefix, takeover->bytes, takeover->length))
        return "it is damaged";
    return memcmp(prefix->wire, takeover->wire, sizeof(takeover->wire)) == 0 ? NULL
                                                                             : OF_ANOTHER_WIRE;
}

/* `count` elements at `*at`, behind which it is then; NULL: the file does not hold so many. */
static const uint8_t *take(const struct takeover *takeover, size_t *at, uint64_t count, size_t size)
{
    const uint8_t *begin = takeover->bytes + *at;

    if (size && count > (takeover->length - *at) / size)
        return NULL;
    *at += count * size;
    return begin;
}

/* A part that this version does not know is passed over. False: it is not as it says. */
static bool find_part(struct takeover *takeover, size_t *at)
{
    struct row_field fields[ROW_FIELDS_MAX];
    struct takeover_found found = {0};
    struct takeover_part_head head;
    const uint8_t *bytes = take(takeover, at, 1, sizeof(head));

    if (!bytes)
        return false;
    memcpy(&head, bytes, sizeof(head));
    bytes =
        head.fields <= ROW_FIELDS_MAX ? take(takeover, at, head.fields, sizeof(fields[0])) : NULL;
    found.rows = bytes ? take(takeover, at, head.rows, head.row_bytes) : NULL;
    if (!found.rows)
        return false;
    if (head.part >= TAKEOVER_PARTS)
        return true;
    memcpy(fields, bytes, head.fields * sizeof(fields[0]));
    found.count = head.rows;
    found.row_bytes = head.row_bytes;
    found.readable = row_reading_make(&found.reading, &takeover_forms[head.part], fields,
                                      head.fields, head.row_bytes);
    takeover->parts[head.part] = found;
    return true;
}

void takeover_read_row(const struct takeover_found *part, uint64_t i, void *row)
{
    row_read(&part->reading, part->rows + i * part->row_bytes, row);
}

/* The parts behind the flows, and what the flows are. */
static bool find_parts(struct takeover *takeover)
{
    struct takeover_found *flows = &takeover->parts[TAKEOVER_FLOWS];
    size_t at = sizeof(takeover->prefix);

    if (!take(takeover, &at, takeover->prefix.flows, takeover->prefix.flow_bytes))
        return false;
    while (at < takeover->length)
        if (!find_part(takeover, &at))
            return false;
    flows->rows = takeover->bytes + sizeof(takeover->prefix);
    flows->count = takeover->prefix.flows;
    return flows->row_bytes == takeover->prefix.flow_bytes;
}

/* The whole of a file that nobody but root could have written. */
static bool read_whole(struct takeover *takeover, int fd)
{
    struct stat status;
    ssize_t got = 1;
    size_t have = 0;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & 077) || status.st_size < (off_t)sizeof(takeover->prefix) ||
        status.st_size >= TAKEOVER_BYTES_MAX)
        return false;
    takeover->length = (size_t)status.st_size;
    takeover->bytes = malloc(takeover->length);
    while (takeover->bytes && have < takeover->length && got > 0) {
        got = pread(fd, takeover->bytes + have, takeover->length - have, (off_t)have);
        have += got > 0 ? (size_t)got : 0;
    }
    if (!takeover->bytes || have < takeover->length)
        return false;
    memcpy(&takeover->prefix, takeover->bytes, sizeof(takeover->prefix));
    return true;
}

static void forget(struct takeover *takeover)
{
    if (takeover->bytes)
        sodium_memzero(takeover->bytes, takeover->length);
    free(takeover->bytes);
    free(takeover->policy);
    takeover_records_close(&takeover->records);
    takeover->bytes = NULL;
    takeover->policy = NULL;
    takeover->length = 0;
    takeover->prefix.flows = 0;
    memset(takeover->parts, 0, sizeof(takeover->parts));
}

/* --- what it says ---------------------------------------------------------------------------- */

/* Its parts are within its bytes. */
static bool is_sane_promise(const struct promise *promise)
{
    const uint32_t parts = (uint32_t)promise->greeting_prefix + promise->greeting_suffix;

    return promise->greeting_bytes <= GREETING_BYTES_MAX &&
           (!promise->greeting_template || parts <= promise->greeting_bytes);
}

/* As policy_compile() wants them: the policy that was in force, without what is compiled anew.
 * NULL: not even those could have been made by us, or out of memory. */
static struct policy *make_policy(const struct takeover *takeover)
{
    const struct takeover_found *promises = &takeover->parts[TAKEOVER_PROMISES];
    struct policy *policy = calloc(1, policy_bytes((uint32_t)promises->count));

    if (!policy)
        return NULL;
    policy->generation = takeover->common.generation;
    policy->count = (uint32_t)promises->count;
    for (uint32_t i = 0; i < policy->count; i++) {
        struct server_policy *server = &policy->servers[i];
        struct takeover_promises_row row;

        takeover_read_row(promises, i, &row);
        server->key = row.key;
        server->now = row.now;
        server->has_before = row.has_before != 0;
        server->before = row.before;
        server->before_until_us = row.before_until_us;
        if (!is_sane_promise(&server->now) || !is_sane_promise(&server->before)) {
            free(policy);
            return NULL;
        }
    }
    return policy;
}

/* Keys and promises. Without the keys tags are found by no hash, and the cookies of those who wait,
 * and those by which kept requests were proved, are nobody's. */
static void read_parts(struct takeover *takeover)
{
    const struct takeover_found *common = &takeover->parts[TAKEOVER_COMMON];
    const struct takeover_found *records = &takeover->parts[TAKEOVER_RECORDS];

    if (!common->readable || common->count != 1) {
        takeover->parts[TAKEOVER_TAGS].readable = false;
        takeover->parts[TAKEOVER_WAITING].readable = false;
        takeover->parts[TAKEOVER_PIECES].readable = false;
        return;
    }
    takeover_read_row(common, 0, &takeover->common);
    takeover->secrets = takeover->common.secrets;
    if (takeover->parts[TAKEOVER_PROMISES].readable)
        takeover->policy = make_policy(takeover);
    if (records->readable)
        takeover->records =
            takeover_records_open(takeover->common.left, &records->reading, records->row_bytes);
}

/* Nobody else knows of it any more. */
static void note_left_sides(struct takeover *takeover)
{
    const struct takeover_found *part = &takeover->parts[TAKEOVER_COMMON];
    struct takeover_common common;

    if (takeover->prefix.layout != TAKEOVER_LAYOUT || !find_parts(takeover) || !part->readable ||
        part->count != 1)
        return;
    takeover_read_row(part, 0, &common);
    for (int side = 0; common.handed_on && side < 2; side++) {
        common.sides[side][TAKEOVER_SIDE_BYTES - 1] = '\0';
        memcpy(takeover->left_sides[side], common.sides[side], TAKEOVER_SIDE_BYTES);
    }
    sodium_memzero(&common, sizeof(common));
}

static void take_file(struct takeover *takeover, int fd, struct error *why)
{
    const char *flaw = read_whole(takeover, fd) ? flaw_of(takeover) : "it is not as we leave it";

    if (flaw) {
        error_set(why, EXIT_FAILED, "%s is not taken over: %s", takeover->path, flaw);
        if (strcmp(flaw, OF_ANOTHER_WIRE) == 0)
            note_left_sides(takeover);
        forget(takeover);
        return;
    }
    if (takeover->prefix.layout == TAKEOVER_LAYOUT && find_parts(takeover))
        read_parts(takeover);
    else
        memset(takeover->parts, 0, sizeof(takeover->parts));
    if (!takeover_knows_flows(takeover))
        error_set(why, EXIT_FAILED,
                  "%s is of another version (%.*s): its connections that went through a proxy are "
                  "reset",
                  takeover->path, (int)sizeof(takeover->prefix.version), takeover->prefix.version);
}

/* The file, else what is in memory, here or with the service manager; -1, with errno: none. */
static int open_what_is_there(struct takeover *takeover)
{
    int fd = open(takeover->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT) {
        fd = takeover->left >= 0 ? takeover->left : notify_kept(TAKEOVER_KEPT_NAME);
        takeover->left = -1;
        errno = ENOENT;
    }
    return fd;
}

static void take_what_is_there(struct takeover *takeover)
{
    const int fd = open_what_is_there(takeover);
    struct error why = {0};

    if (fd >= 0) {
        take_file(takeover, fd, &why);
        close(fd);
    } else if (errno != ENOENT) {
        error_set(&why, EXIT_FAILED, "cannot read %s: %s", takeover->path, strerror(errno));
    }
    if (why.code != EXIT_DONE)
        log_line(LOG_LEVEL_WARNING, "%s", why.text);
}

/* Not everything may be made at the end (doc/sandbox.md). */
static int make_spare(void)
{
    const int fd = memfd_create("synward-flows", MFD_CLOEXEC);

    if (fd >= 0)
        fchmod(fd, 0600);
    return fd;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

struct takeover *takeover_read(const char *store_path, const char *client_side,
                               const char *server_side, const struct notify *notify, int left,
                               struct error *error)
{
    struct takeover *takeover = calloc(1, sizeof(*takeover));

    if (takeover)
        takeover->path = takeover_path(store_path);
    if (!takeover || !takeover->path) {
        free(takeover);
        close_if_open(left);
        error_set(error, EXIT_FAILED, "out of memory for what was left by the last one");
        return NULL;
    }
    takeover->notify = notify;
    takeover->left = left;
    takeover->spare = make_spare();
    takeover->spare_out = takeover->spare < 0 ? -1 : dup(takeover->spare);
    randombytes_buf(&takeover->secrets, sizeof(takeover->secrets));
    takeover->sides[SIDE_CLIENT] = client_side;
    takeover->sides[SIDE_SERVER] = server_side;
    takeover_wire(client_side, server_side, takeover->wire);
    read_boot(takeover->boot);
    take_what_is_there(takeover);
    takeover->log = takeover_log_read(store_path, takeover->boot, takeover->wire,
                                      takeover->bytes ? takeover->prefix.written_us : 0,
                                      takeover->records.rows.bytes);
    if (takeover->log)
        return takeover;
    error_set(error, EXIT_FAILED, "out of memory for what was left by the last one");
    takeover_free(takeover);
    return NULL;
}

int takeover_leave(struct takeover *takeover)
{
    const int fd = takeover && takeover->leaving ? takeover->spare : -1;

    if (fd >= 0)
        takeover->spare = -1;
    return fd;
}

void takeover_free(struct takeover *takeover)
{
    if (!takeover)
        return;
    forget(takeover);
    close_if_open(takeover->left);
    close_if_open(takeover->spare);
    close_if_open(takeover->spare_out);
    takeover_log_free(takeover->log);
    free(takeover->path);
    sodium_memzero(takeover, sizeof(*takeover));
    free(takeover);
}

void takeover_leave_out(struct takeover *takeover)
{
    if (takeover)
        takeover_log_leave(takeover->log);
    takeover_free(takeover);
}

void takeover_fill_config(const struct takeover *takeover, struct engine_config *config)
{
    config->keys = takeover->secrets.keys;
    memcpy(config->table_seed, takeover->secrets.table_seed, sizeof(config->table_seed));
}

const char *takeover_left_side(const struct takeover *takeover, enum side side)
{
    return takeover->left_sides[side][0] ? takeover->left_sides[side] : NULL;
}

bool takeover_was_handed_on(const struct takeover *takeover)
{
    return takeover->common.handed_on;
}

struct takeover_log *takeover_log_of(struct takeover *takeover)
{
    return takeover->log;
}

uint64_t takeover_steer_seed(const struct takeover *takeover)
{
    return takeover->secrets.steer_seed;
}

const struct policy *takeover_policy(const struct takeover *takeover)
{
    return takeover->policy;
}

void takeover_done(struct takeover *takeover, const struct file_hands *hands)
{
    if (takeover_knows_flows(takeover))
        log_line(LOG_LEVEL_INFO, "took over %u connections", takeover->taken);
    else if (takeover->taken)
        log_line(LOG_LEVEL_WARNING, "%u connections of another version are reset", takeover->taken);
    if (takeover->killed || takeover->killed_reset)
        log_line(LOG_LEVEL_INFO,
                 "took over %u joined connections of a synward that was killed, and reset %u",
                 takeover->killed, takeover->killed_reset);
    takeover_log_done(takeover->log);
    if (hands)
        hands->remove(hands->context, KEPT_FLOWS);
    else
        (void)unlink(takeover->path);
    /* Whatever there may be: it is as old as what was taken over. */
    notify_forget(takeover->notify, TAKEOVER_KEPT_NAME);
    forget(takeover);
}
