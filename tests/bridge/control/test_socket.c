/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: its place in the file system, and connections that misbehave.
 *
 * It is longer than most: it mirrors socket.c and place.c, with every way in which a connection
 * can misbehave.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bridge/control/answers.h"
#include "bridge/control/socket.h"
#include "bridge/control/protocol.h"
#include "tests/bridge/fake_daemon.h"

#define WAIT_MS 10000

static struct daemon fake;
static char folder[64], path[96];

static void setup(void)
{
    strcpy(folder, "/tmp/synward-control-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/c.sock", folder);
    fake_daemon_init(&fake);
}

static void teardown(void)
{
    fake_daemon_close(&fake);
    unlink(path);
    cr_expect_eq(rmdir(folder), 0, "something was left in %s", folder);
}

TestSuite(control, .init = setup, .fini = teardown, .timeout = 60);

static char *answer(void *context, struct control_question question, size_t *answer_bytes)
{
    return control_answer(context, question, answer_bytes);
}

static struct pieces *begin(void *context, char *request, size_t bytes, bool view)
{
    return control_begin(context, request, bytes, view);
}

static struct control *open_at(const char *where, struct error *error)
{
    const struct control_face face = {.answer = answer,
                                      .begin = begin,
                                      .asks_to_stay = control_asks_to_stay,
                                      .context = &fake,
                                      .events = fake.events};

    return control_open(where, &face, error);
}

static struct control *open_control(void)
{
    struct error error = {0};
    struct control *control = open_at(path, &error);

    cr_assert_not_null(control, "%s", error.text);
    return control;
}

static int connect_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%s",
                 strerror(errno));
    return fd;
}

static void say(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Runs the main loop's part once, when there is work. */
static void turn(struct control *control)
{
    struct pollfd watched = {.fd = control_fd(control), .events = POLLIN};

    cr_assert_eq(poll(&watched, 1, WAIT_MS), 1, "nothing to do");
    control_handle(control);
}

/* Turns until the other end of `fd` has closed; what it sent goes to `text`. */
static size_t hear(struct control *control, int fd, char *text, size_t capacity)
{
    size_t bytes = 0;

    for (;;) {
        ssize_t received = recv(fd, text + bytes, capacity - 1 - bytes, MSG_DONTWAIT);

        if (received == 0 || (received < 0 && errno == ECONNRESET))
            break;
        if (received > 0)
            bytes += (size_t)received;
        else
            turn(control);
    }
    text[bytes] = '\0';
    return bytes;
}

static void assert_status(struct control *control, int fd)
{
    char text[4096];

    hear(control, fd, text, sizeof(text));
    cr_assert(strncmp(text, "{\"synward\":", 11) == 0 && strstr(text, "\"uptime_s\":12"), "%s",
              text);
    cr_assert_eq(text[strlen(text) - 1], '\n');
    close(fd);
}

static void ask_status(struct control *control)
{
    int fd = connect_client();

    say(fd, "{\"command\":\"status\"}\n");
    assert_status(control, fd);
}

Test(control, question_and_answer)
{
    struct control *control = open_control();

    ask_status(control);
    ask_status(control);
    control_close(control);
    cr_assert_eq(access(path, F_OK), -1, "the socket is gone");
}

Test(control, mode_is_0600)
{
    mode_t before = umask(0);
    struct control *control = open_control();
    struct stat status;

    umask(before);
    cr_assert_eq(lstat(path, &status), 0);
    cr_assert(S_ISSOCK(status.st_mode));
    cr_assert_eq(status.st_mode & 07777, 0600);
    control_close(control);
}

Test(control, request_without_newline_ends_with_the_stream)
{
    struct control *control = open_control();
    int fd = connect_client();

    say(fd, "{\"command\":\"status\"}");
    shutdown(fd, SHUT_WR);
    assert_status(control, fd);
    control_close(control);
}

Test(control, request_in_single_bytes)
{
    struct control *control = open_control();
    const char *request = "{\"command\":\"status\"}\n";
    int fd = connect_client();

    for (size_t i = 0; request[i]; i++) {
        char one[2] = {request[i], 0};

        say(fd, one);
        turn(control);
    }
    assert_status(control, fd);
    control_close(control);
}

Test(control, two_clients_at_once)
{
    struct control *control = open_control();
    int first = connect_client(), second = connect_client();

    say(first, "{\"command\":");
    turn(control);
    say(second, "{\"command\":\"status\"}\n");
    assert_status(control, second);
    say(first, "\"status\"}\n");
    assert_status(control, first);
    control_close(control);
}

Test(control, malformed_request)
{
    struct control *control = open_control();
    char text[4096];
    int fd = connect_client();

    say(fd, "what?\n");
    hear(control, fd, text, sizeof(text));
    cr_assert(strstr(text, "\"error\":{\"code\":2,"), "%s", text);
    close(fd);
    ask_status(control);
    control_close(control);
}

Test(control, clients_that_leave_early)
{
    struct control *control = open_control();

    for (int i = 0; i < 200; i++) {
        int fd = connect_client();

        if (i % 2)
            say(fd, i % 4 == 1 ? "{\"command\":" : "{\"command\":\"stats\"}\n");
        close(fd);
        turn(control);
    }
    ask_status(control);
    control_close(control);
}

Test(control, silent_clients_do_not_keep_others_out)
{
    struct control *control = open_control();
    int silent[100];

    for (size_t i = 0; i < 100; i++) {
        silent[i] = connect_client();
        turn(control);
    }
    ask_status(control);
    for (size_t i = 0; i < 100; i++)
        close(silent[i]);
    control_close(control);
}

Test(control, silent_client_is_dropped_in_time)
{
    struct control *control = open_control();
    char text[64];
    int fd;

    control_set_timeout_ms(control, 50);
    fd = connect_client();
    cr_assert_eq(hear(control, fd, text, sizeof(text)), 0, "closed without an answer");
    close(fd);
    control_close(control);
}

/* A client that asks and never reads: the answer is larger than the socket's buffer, so that it
 * waits, and is dropped in time. */
Test(control, client_that_does_not_read)
{
    struct control *control = open_control();
    struct pollfd hangup;
    int fd;

    for (uint16_t port = 1; port <= 1000; port++) {
        const struct server_key key = fake_key("10.77.0.2", port, 0);

        cr_assert_not_null(store_add(fake.store, &key));
    }
    control_set_timeout_ms(control, 300);
    fd = connect_client();
    say(fd, "{\"command\":\"profiles\"}\n");
    hangup = (struct pollfd){.fd = fd, .events = 0};
    turn(control);
    turn(control);
    ask_status(control); /* meanwhile others are served */
    while (poll(&hangup, 1, 0) == 0)
        turn(control);
    cr_assert(hangup.revents & POLLHUP);
    close(fd);
    control_close(control);
}

Test(control, long_answer_arrives_whole)
{
    struct control *control = open_control();
    size_t capacity = 16 * 1024 * 1024;
    char *text = malloc(capacity);
    struct json_object *document;
    int fd;

    for (uint16_t port = 1; port <= 1000; port++) {
        const struct server_key key = fake_key("10.77.0.2", port, 0);

        cr_assert_not_null(store_add(fake.store, &key));
    }
    fd = connect_client();
    say(fd, "{\"command\":\"profiles\"}\n");
    cr_assert_gt(hear(control, fd, text, capacity), 300000);
    document = json_tokener_parse(text);
    cr_assert_eq(json_object_array_length(json_object_object_get(document, "profiles")), 1000);
    json_object_put(document);
    free(text);
    close(fd);
    control_close(control);
}

/* A client that takes a little at a time, for much longer than anybody may be silent. */
Test(control, a_slow_reader_gets_all_of_it)
{
    struct control *control = open_control();
    const struct timespec pause = {.tv_nsec = 60 * 1000 * 1000};
    char text[32 * 1024];
    size_t total = 0;
    ssize_t received = 0;
    int fd;

    for (uint16_t port = 1; port <= 1000; port++) {
        const struct server_key key = fake_key("10.77.0.2", port, 0);

        cr_assert_not_null(store_add(fake.store, &key));
    }
    control_set_timeout_ms(control, 300);
    fd = connect_client();
    say(fd, "{\"command\":\"profiles\"}\n");
    do {
        struct pollfd ready = {.fd = control_fd(control), .events = POLLIN};

        if (poll(&ready, 1, 0) > 0)
            control_handle(control);
        nanosleep(&pause, NULL);
        received = recv(fd, text, sizeof(text), MSG_DONTWAIT);
        total += received > 0 ? (size_t)received : 0;
    } while (received > 0 || (received < 0 && errno == EAGAIN));
    cr_expect_eq(received, 0);
    cr_expect_gt(total, 300000u);
    close(fd);
    control_close(control);
}

/* Without a descriptor for it a client waits, and the main loop does not spin. */
Test(control, no_descriptor_left)
{
    struct control *control = open_control();
    struct pollfd ready = {.fd = control_fd(control), .events = POLLIN};
    struct rlimit limit, none;
    int fd = connect_client(), next;
    unsigned turns = 0;

    getrlimit(RLIMIT_NOFILE, &limit);
    next = dup(fd);
    close(next);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (; turns < 5 && poll(&ready, 1, 50) == 1; turns++)
        control_handle(control);
    cr_expect(turns > 0 && turns < 4, "%u turns in 250 ms", turns);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    say(fd, "{\"command\":\"status\"}\n");
    assert_status(control, fd);
    control_close(control);
}

Test(control, oversized_request)
{
    struct control *control = open_control();
    size_t bytes = 1024 * 1024, total = 0;
    char *blanks = malloc(bytes), text[4096];
    int fd = connect_client();

    memset(blanks, ' ', bytes);
    while (total <= CONTROL_REQUEST_MAX + bytes) {
        ssize_t sent = send(fd, blanks, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent > 0)
            total += (size_t)sent;
        else if (errno == EAGAIN)
            turn(control);
        else
            break;
    }
    hear(control, fd, text, sizeof(text));
    cr_assert(strstr(text, "longer than 64 MiB"), "%s", text);
    free(blanks);
    close(fd);
    ask_status(control);
    control_close(control);
}

Test(control, stale_socket_is_replaced)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct control *control;

    strcpy(address.sun_path, path);
    cr_assert_eq(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(dead, 1), 0);
    close(dead);
    cr_assert(control_check(path, NULL));
    cr_assert_eq(access(path, F_OK), 0, "asking changes nothing");
    control = open_control();
    ask_status(control);
    control_close(control);
}

Test(control, live_socket_is_left_alone)
{
    struct control *control = open_control();
    struct error error = {0};
    char expected[192];

    cr_assert_null(open_at(path, &error));
    cr_assert_eq(error.code, EXIT_FAILED);
    snprintf(expected, sizeof(expected), "socket in use by a running synward (pid %d) at %s",
             (int)getpid(), path);
    cr_assert_eq(strncmp(error.text, expected, strlen(expected)), 0, "%s", error.text);
    ask_status(control);
    control_close(control);
}

Test(control, file_that_is_no_socket_is_left_alone)
{
    struct error error = {0};
    char text[8] = "";
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    cr_assert_eq(write(fd, "keep", 4), 4);
    cr_assert_null(open_at(path, &error));
    cr_assert_eq(error.code, EXIT_FAILED);
    cr_assert(strstr(error.text, "no socket"), "%s", error.text);
    cr_assert_eq(pread(fd, text, 7, 0), 4);
    cr_assert_str_eq(text, "keep");
    close(fd);
}

Test(control, link_to_elsewhere_is_left_alone)
{
    struct error error = {0};

    cr_assert_eq(symlink("/nonexistent/target", path), 0);
    cr_assert_null(open_at(path, &error));
    cr_assert(strstr(error.text, "no socket"), "%s", error.text);
}

Test(control, missing_folder)
{
    struct error error = {0};

    cr_assert_null(open_at("/nonexistent/c.sock", &error));
    cr_assert_eq(error.code, EXIT_FAILED);
    cr_assert(strstr(error.text, "/nonexistent"), "%s", error.text);
    cr_assert_null(open_at("", &error));
    cr_assert_eq(error.code, EXIT_USAGE);
}

Test(control, path_too_long)
{
    struct error error = {0};
    char longest[400];

    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    cr_assert_null(open_at(longest, &error));
    cr_assert(strstr(error.text, "longer than 107 bytes"), "%s", error.text);
}

/* Whoever took the path meanwhile keeps it. */
Test(control, close_removes_only_its_own)
{
    struct control *control = open_control();
    int fd;

    cr_assert_eq(unlink(path), 0);
    fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    close(fd);
    control_close(control);
    cr_assert_eq(access(path, F_OK), 0);
}

Test(control, close_with_clients_waiting)
{
    struct control *control = open_control();
    int first = connect_client(), second = connect_client();

    say(first, "{\"command\"");
    turn(control);
    control_close(control);
    close(first);
    close(second);
}

/* --- watchers -------------------------------------------------------------------------------- */

static void happen(uint64_t second, const char *text)
{
    struct event event = {.kind = EVENT_LEARNING, .level = LOG_LEVEL_DEBUG, .state = "on"};

    snprintf(event.text, sizeof(event.text), "%s", text);
    events_add(fake.events, &event, second * 1000000, 0);
}

/* Turns until what `fd` heard holds `wanted`. */
static void hear_until(struct control *control, int fd, const char *wanted, char *text,
                       size_t capacity)
{
    size_t bytes = 0;

    text[0] = '\0';
    while (!strstr(text, wanted)) {
        struct pollfd watched[] = {{.fd = control_fd(control), .events = POLLIN},
                                   {.fd = fd, .events = POLLIN}};

        cr_assert_gt(poll(watched, 2, WAIT_MS), 0, "never heard %s, only %s", wanted, text);
        control_handle(control);
        ssize_t received = recv(fd, text + bytes, capacity - 1 - bytes, MSG_DONTWAIT);
        cr_assert(received > 0 || (received < 0 && errno == EAGAIN), "closed after %s", text);
        bytes += received > 0 ? (size_t)received : 0;
        text[bytes] = '\0';
    }
}

static int watch_events(struct control *control)
{
    int fd = connect_client();
    char text[4096];

    say(fd, "{\"command\":\"watch\"}\n");
    hear_until(control, fd, "\"event\":\"watch\"", text, sizeof(text));
    cr_assert_eq(strncmp(text, "{\"synward\":", 11), 0);
    return fd;
}

Test(control, watchers_hear_what_happens_from_then_on)
{
    struct control *control = open_control();
    char text[4096];

    happen(1, "before");
    int one = watch_events(control), two = watch_events(control);

    happen(2, "first");
    control_tell(control);
    happen(3, "second");
    control_tell(control);
    hear_until(control, one, "second", text, sizeof(text));
    cr_expect(strstr(text, "first") && !strstr(text, "before"), "%s", text);
    hear_until(control, two, "second", text, sizeof(text));
    ask_status(control);
    close(one);
    close(two);
    control_close(control);
}

/* A client that shuts down its half, as `echo ... | socat` does, goes on listening. */
Test(control, a_watcher_may_shut_down_its_half)
{
    struct control *control = open_control();
    char text[4096];
    int fd = watch_events(control);

    shutdown(fd, SHUT_WR);
    happen(1, "something");
    control_tell(control);
    hear_until(control, fd, "something", text, sizeof(text));
    close(fd);
    control_close(control);
}

Test(control, a_ninth_watcher_is_refused_until_one_is_gone)
{
    struct control *control = open_control();
    char text[4096];
    int fds[8], late = -1;

    for (int i = 0; i < 8; i++)
        fds[i] = watch_events(control);
    late = connect_client();
    say(late, "{\"command\":\"watch\"}\n");
    hear(control, late, text, sizeof(text));
    cr_expect(strstr(text, "\"error\":{\"code\":1,\"text\":\"too many watch already"), "%s", text);
    close(late);
    close(fds[3]);
    turn(control);
    fds[3] = watch_events(control);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    control_close(control);
}

/* One who never reads costs the others nothing, and learns in the end how much it missed. */
Test(control, a_slow_watcher_loses_events_with_a_count)
{
    struct control *control = open_control();
    int slow = watch_events(control), quick = watch_events(control);
    static char text[8 * 1024 * 1024];
    char name[16];

    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "number %u.", i);
        happen(i, name);
        control_tell(control);
        control_handle(control);
        while (recv(quick, text, sizeof(text), MSG_DONTWAIT) > 0)
            continue;
    }
    ask_status(control);
    happen(6000, "the last");
    control_tell(control);
    hear_until(control, quick, "the last", text, sizeof(text));
    cr_expect_null(strstr(text, "\"lost\""), "the quick one lost nothing");
    hear_until(control, slow, "the last", text, sizeof(text));
    cr_expect_not_null(strstr(text, "\"number 0.\""));
    cr_expect_not_null(strstr(text, "\"event\":\"lost\",\"lost\":"));
    unsigned lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    const char *count = strstr(text, "\"lost\":");
    cr_assert_not_null(count);
    cr_expect_eq((unsigned)atoi(count + strlen("\"lost\":")) + lines - 1, 5001,
                 "told and lost make all");
    close(slow);
    close(quick);
    control_close(control);
}

/* --- samples --------------------------------------------------------------------------------- */

Test(control, samples_come_by_themselves_with_their_number)
{
    struct control *control = open_control();
    int fd = connect_client();
    static char text[65536];

    say(fd, "{\"command\":\"sample\",\"every_ms\":100}\n");
    hear_until(control, fd, "\"sequence\":2,", text, sizeof(text));
    cr_expect(strstr(text, "\"sequence\":0,") && strstr(text, "\"sequence\":1,"), "%s", text);
    cr_expect(strstr(text, "\"figures\":{\"syns\":7,"), "%s", text);
    ask_status(control);
    close(fd);
    control_close(control);
}

/* The first line has all servers, the next ones what is new of those that are others. */
Test(control, samples_of_what_has_changed)
{
    struct control *control = open_control();
    int fd = connect_client();
    static char text[65536];
    const char *second;

    say(fd, "{\"command\":\"sample\",\"every_ms\":100,\"changes\":true}\n");
    hear_until(control, fd, "\"sequence\":1,", text, sizeof(text));
    second = strchr(text, '\n');
    cr_assert(second);
    cr_expect(strstr(text, "\"whole\":true") < second, "%s", text);
    cr_expect(strstr(text, "\"port\":80") < second, "%s", text);
    cr_expect(strstr(second, "\"whole\":false"), "%s", second);
    cr_expect(strstr(second, "\"servers\":[{\"number\":0,\"figures\":{\"syns\":7}}]"), "%s",
              second);
    close(fd);
    control_close(control);
}

/* What every_ms is wrong is an answer, and the end. */
Test(control, sample_that_is_asked_for_wrongly)
{
    static const char *const wrong[] = {"99", "60001", "\"1000\"", "1000.5"};
    struct control *control = open_control();
    char request[96], text[4096];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int fd = connect_client();

        snprintf(request, sizeof(request), "{\"command\":\"sample\",\"every_ms\":%s}\n", wrong[i]);
        say(fd, request);
        hear(control, fd, text, sizeof(text));
        cr_expect(strstr(text, "\"error\":{\"code\":2,\"text\":\"\\\"every_ms\\\" is not"),
                  "%s: %s", wrong[i], text);
        close(fd);
    }
    control_close(control);
}

Test(control, samplers_and_watchers_share_their_places)
{
    struct control *control = open_control();
    static char text[65536];
    int fds[8], late;

    for (int i = 0; i < 8; i++) {
        if (i % 2) {
            fds[i] = watch_events(control);
            continue;
        }
        fds[i] = connect_client();
        say(fds[i], "{\"command\":\"sample\"}\n");
        hear_until(control, fds[i], "\"sequence\":0,", text, sizeof(text));
    }
    late = connect_client();
    say(late, "{\"command\":\"sample\"}\n");
    hear(control, late, text, sizeof(text));
    cr_expect(strstr(text, "too many watch already"), "%s", text);
    close(late);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    control_close(control);
}

/* --- who may only look ----------------------------------------------------------------------- */

static struct control *open_view(void)
{
    const struct control_face face = {.answer = answer,
                                      .begin = begin,
                                      .asks_to_stay = control_asks_to_stay,
                                      .context = &fake,
                                      .events = fake.events,
                                      .view = true};
    struct error error = {0};
    struct control *control = control_open(path, &face, &error);

    cr_assert_not_null(control, "%s", error.text);
    return control;
}

Test(control, view_answers_what_changes_nothing)
{
    struct control *control = open_view();
    struct stat status;
    int fd = -1;
    char text[8192];

    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, getgrnam("synward") ? 0660u : 0600u);
    ask_status(control);
    fd = connect_client();
    say(fd, "{\"command\":\"mode\",\"setting\":\"attack\"}\n");
    hear(control, fd, text, sizeof(text));
    cr_expect(strstr(text, "one can only look"), "%s", text);
    cr_expect_eq(fake.mode_changes, 0u);
    close(fd);
    control_close(control);
}

/* Answers in pieces: a store goes out, none comes in, and nobody makes us hold 64 MiB. */
Test(control, view_exports_and_never_imports)
{
    const struct server_key key = fake_key("10.77.0.2", 25, 0);
    struct control *control = open_view();
    char text[8192], blanks[CONTROL_VIEW_REQUEST_MAX + 2];
    const size_t before = store_count(fake.store);
    int fd = connect_client();

    cr_assert_not_null(store_add(fake.store, &key));
    say(fd, "{\"command\":\"export\"}\n");
    hear(control, fd, text, sizeof(text));
    cr_expect(strstr(text, "\"profiles\":") && strstr(text, "10.77.0.2"), "%s", text);
    close(fd);

    fd = connect_client();
    say(fd, "{\"command\":\"import\",\"name\":\"a\",\"contents\":\"{}\"}\n");
    hear(control, fd, text, sizeof(text));
    cr_expect(strstr(text, "\"import\\\" changes something"), "%s", text);
    close(fd);

    memset(blanks, ' ', sizeof(blanks));
    fd = connect_client();
    cr_assert_eq(send(fd, blanks, sizeof(blanks), MSG_NOSIGNAL), (ssize_t)sizeof(blanks));
    hear(control, fd, text, sizeof(text));
    cr_expect(strstr(text, "longer than 64 KiB"), "%s", text);
    close(fd);
    cr_expect_eq(store_count(fake.store), before + 1);
    control_close(control);
}
