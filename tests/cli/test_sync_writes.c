/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_writes.c: many on their way at once, and what comes to nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cli/support_store.h"

static unsigned stand, fallen;

static void count(struct sync *sync, struct sync_known *known, const struct sync_write *write,
                  bool stands)
{
    (void)sync;
    (void)write;
    cr_assert_eq(known->version > 0, stands);
    if (stands)
        stand++;
    else
        fallen++;
}

static bool write_some(struct sync *sync, unsigned from, unsigned to, const char *head,
                       struct error *error)
{
    bool done = true;

    for (unsigned i = from; done && i < to; i++) {
        struct sync_write write = {.name = "profiles",
                                   .content = json_object_new_object(),
                                   .until_ms = sync_wall_ms() + 60000,
                                   .taken = count};

        snprintf(write.field, sizeof(write.field), "%u", i);
        json_object_object_add(write.content, "number", json_object_new_int64(i));
        done = head ? sync_replace(sync, &write, head, error) : sync_write(sync, &write, error);
        json_object_put(write.content);
    }
    return sync_settle(sync, error) && done;
}

Test(sync_writes, more_at_once_where_it_answers_soon)
{
    cr_assert_eq(sync_more_at_once(1, 5), 2);
    cr_assert_eq(sync_more_at_once(32, 5), SYNC_WRITES_MOST);
    cr_assert_eq(sync_more_at_once(SYNC_WRITES_MOST, 5), SYNC_WRITES_MOST);
    cr_assert_eq(sync_more_at_once(8, 200), 8, "neither soon nor late");
    cr_assert_eq(sync_more_at_once(8, 400), 4);
    cr_assert_eq(sync_more_at_once(1, 400), 1);
}

Test(sync_writes, all_stand_there_and_are_known)
{
    struct sync sync;
    struct error error = {0};

    bridge_begin(&sync, "a", "{}");
    sync.at_once = SYNC_WRITES_MOST;
    shelf_hold(SYNC_WRITES_MOST); /* they do not wait for each other */
    cr_assert(write_some(&sync, 0, 1000, NULL, &error), "%s", error.text);
    cr_assert_eq(stand, 1000);
    cr_assert_eq(shelf_hash_length("profiles"), 1000);
    cr_assert_str_eq(sync_known_of(&sync, "profiles", "999")->writer, "a");
    bridge_end(&sync);
}

Test(sync_writes, what_a_full_store_refuses_is_not_known)
{
    const struct sync_command length = sync_command_of("HLEN", "synward:c:profiles");
    struct sync sync;
    struct error error = {0};
    redisReply *reply;

    bridge_begin(&sync, "a", "{}");
    sync.at_once = 8;
    shelf_fill(true);
    cr_assert_not(write_some(&sync, 0, 5, NULL, &error));
    cr_assert(strstr(error.text, "OOM"), "%s", error.text);
    cr_assert_eq(stand + fallen, 0);
    cr_assert_eq(sync_known_of(&sync, "profiles", "0")->version, 0);
    /* The connection lasts, and the next answer is that to the next question. */
    reply = sync_store_ask(&sync.store, &length, &error);
    cr_assert_not_null(reply);
    cr_assert_eq(reply->type, REDIS_REPLY_INTEGER);
    cr_assert_eq(reply->integer, 0);
    freeReplyObject(reply);
    shelf_fill(false);
    error = (struct error){0};
    cr_assert(write_some(&sync, 0, 5, NULL, &error), "%s", error.text);
    cr_assert_eq(stand, 5);
    bridge_end(&sync);
}

Test(sync_writes, a_store_that_hangs_up_has_answered_some)
{
    struct sync sync;
    struct error error = {0};

    bridge_begin(&sync, "a", "{}");
    sync.at_once = 16;
    shelf_hang_up_after(3);
    shelf_hold(10); /* it has read all of them: who writes to one that is gone reads no answers */
    cr_assert_not(write_some(&sync, 0, 10, NULL, &error));
    cr_assert_neq(error.code, EXIT_DONE);
    cr_assert_eq(stand, 3);
    cr_assert_eq(sync.store.fd, -1);
    cr_assert_eq(sync.writes_count, 0);
    cr_assert_neq(sync_known_of(&sync, "profiles", "2")->version, 0);
    cr_assert_eq(sync_known_of(&sync, "profiles", "3")->version, 0);
    bridge_end(&sync);
}

Test(sync_writes, only_what_was_read_is_replaced)
{
    struct sync sync;
    struct error error = {0};
    size_t bytes;
    char *first, *second;

    bridge_begin(&sync, "a", "{}");
    cr_assert(write_some(&sync, 0, 1, "", &error));
    cr_assert_eq(stand, 1);
    first = shelf_get("profiles", "0", &bytes);
    shelf_put("profiles", "0", "another", 7);
    cr_assert(write_some(&sync, 1, 2, "s1 of before", &error));
    cr_assert_eq(fallen, 1, "nothing stands there");
    cr_assert(write_some(&sync, 0, 1, "*", &error));
    second = shelf_get("profiles", "0", &bytes);
    cr_assert_str_neq(second, "another", "whatever stood there");
    cr_assert_str_neq(first, second, "of a newer version");
    free(first);
    free(second);
    bridge_end(&sync);
}
