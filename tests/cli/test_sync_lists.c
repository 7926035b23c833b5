/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_lists.c: the operator's lists, piece by piece from one daemon to the other. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/text/document.h"
#include "tests/cli/support_store.h"

#define HAS  "{\"lists\": [{\"name\": \"drop\", \"digest\": \"d1\"}]}"
#define NONE "{\"lists\": []}"

/* --- a daemon, which has a list of two pieces ------------------------------------------------- */

static struct sockaddr_un address;
static socklen_t address_bytes;
static int listener;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char imported[256];
static unsigned imports, whole; /* pieces, and last ones */

static void answer(int fd, struct json_object *request)
{
    const char *prefixes = document_string(request, "prefixes");
    struct json_object *said = document_new();
    const int64_t from = json_object_get_int64(json_object_object_get(request, "from"));

    if (prefixes) {
        pthread_mutex_lock(&lock);
        strncat(imported, prefixes, sizeof(imported) - strlen(imported) - 1);
        imports++;
        whole += json_object_get_boolean(json_object_object_get(request, "last")) != 0;
        pthread_mutex_unlock(&lock);
        json_object_object_add(said, "prefixes", json_object_new_int64(from + 1));
    } else {
        json_object_object_add(said, "digest", json_object_new_string("d1"));
        json_object_object_add(said, "prefixes",
                               json_object_new_string(from ? "10.2.0.0/16\n" : "10.1.0.0/16\n"));
        json_object_object_add(said, "next", json_object_new_int64(from ? 0 : 1));
    }
    dprintf(fd, "%s\n", json_object_to_json_string_ext(said, JSON_C_TO_STRING_PLAIN));
    json_object_put(said);
}

static void *serve(void *context)
{
    (void)context;
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        FILE *in = fd >= 0 ? fdopen(fd, "r+") : NULL;
        char *line = NULL;
        size_t room = 0;
        struct json_object *request;

        if (!in)
            return NULL;
        if (getline(&line, &room, in) > 0 && (request = json_tokener_parse(line))) {
            answer(fd, request);
            json_object_put(request);
        }
        free(line);
        fclose(in);
    }
}

static void begin_daemon(void)
{
    pthread_t thread;

    address.sun_family = AF_UNIX;
    address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                (size_t)snprintf(&address.sun_path[1], 64, "synward-test-lists-%d",
                                                 (int)getpid()));
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, address_bytes), 0);
    cr_assert_eq(listen(listener, 16), 0);
    cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    pthread_detach(thread);
}

static int connect_to(const char *target, struct error *error)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, address_bytes) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    error_set(error, EXIT_UNREACHABLE, "%s does not answer", target);
    return -1;
}

/* --- two bridges ------------------------------------------------------------------------------ */

static struct sync a, b;
static struct sync_dialer dialer = {
    .keeper.fd = -1, .name = "test-dialer", .target = "the daemon", .connect = connect_to};
static struct error error;

static void begin(const char *heard)
{
    begin_daemon();
    cr_assert(sync_dialer_start(&dialer, &error), "%s", error.text);
    bridge_begin(&a, "a", heard);
    bridge_begin(&b, "b", NONE);
    a.daemon_dialer = b.daemon_dialer = &dialer;
    a.control = b.control = "the daemon";
}

static void end(void)
{
    bridge_end(&a);
    bridge_end(&b);
    sync_dialer_stop(&dialer);
    close(listener);
}

static void turn(struct sync *sync)
{
    bridge_told(sync);
    cr_assert(sync_lists_turn(sync, &error), "%s", error.text);
}

Test(sync_lists, piece_by_piece_from_one_to_the_other)
{
    begin(HAS);
    turn(&a);
    cr_assert(shelf_says("list:drop:d1", "0", "10.1.0.0"));
    cr_assert(shelf_says("list:drop:d1", "1", "10.2.0.0"));
    cr_assert(shelf_says("lists", "drop", "\"pieces\":2"));
    turn(&b);
    cr_assert_str_eq(imported, "10.1.0.0/16\n10.2.0.0/16\n");
    cr_assert_eq(whole, 1, "in force with the last one");
    bridge_heard(&b, HAS);
    turn(&b);
    turn(&a);
    cr_assert_eq(imports, 2, "nobody reads it again");
    end();
}

Test(sync_lists, one_with_a_piece_that_nobody_wrote_is_not_in_force)
{
    begin(HAS);
    turn(&a);
    shelf_put("list:drop:d1", "1", "s1 no bridge's", 14);
    turn(&b);
    cr_assert_eq(imports, 1);
    cr_assert_eq(whole, 0);
    cr_assert_gt(b.list_again_ms, sync_wall_ms(), "it is tried again later");
    turn(&b);
    cr_assert_eq(imports, 1, "and not before");
    end();
}

Test(sync_lists, one_that_is_taken_away_is_so_for_all)
{
    begin(HAS);
    turn(&a);
    turn(&b);
    bridge_heard(&b, HAS);
    turn(&b);
    bridge_heard(&b, NONE);
    turn(&b);
    cr_assert(shelf_says("lists", "drop", "\"clear\""));
    imports = whole = 0;
    imported[0] = '\0';
    turn(&a);
    cr_assert_str_eq(imported, "");
    cr_assert_eq(whole, 1, "an empty one, as a whole");
    end();
}

Test(sync_lists, a_flushed_store_has_it_again)
{
    begin(HAS);
    turn(&a);
    shelf_flush();
    turn(&a);
    turn(&a);
    cr_assert(shelf_says("lists", "drop", "\"pieces\":2"));
    cr_assert(shelf_says("list:drop:d1", "1", "10.2.0.0"));
    end();
}
