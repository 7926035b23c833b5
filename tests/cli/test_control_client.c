/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question to a daemon, played by a child process that says what the test tells it to. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/control_client.h"

static char folder[64], path[96];
static int listener;

static void setup(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(folder, "/tmp/synward-client-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    strcat(strcpy(path, folder), "/c.sock");
    strcpy(address.sun_path, path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listener, 5), 0);
}

static void teardown(void)
{
    close(listener);
    unlink(path);
    rmdir(folder);
}

TestSuite(control_client, .init = setup, .fini = teardown, .timeout = 30);

/* Serves one connection: waits for a whole line where `reads`, says `answer`, closes. */
static pid_t serve(const char *answer, bool reads)
{
    pid_t child = fork();
    char byte = 0;

    cr_assert_geq(child, 0);
    if (child > 0)
        return child;
    int fd = accept(listener, NULL, NULL);
    while (reads && byte != '\n' && recv(fd, &byte, 1, 0) == 1)
        ;
    if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
        _exit(1);
    _exit(0);
}

static struct json_object *ask(const char *answer, bool reads, struct error *error)
{
    pid_t child = serve(answer, reads);
    struct json_object *document;

    *error = (struct error){0};
    document = control_ask_at(path, control_request("status"), 5000, error);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    return document;
}

Test(control_client, answer)
{
    struct error error;
    struct json_object *document = ask("{\"synward\":{},\"mode\":\"auto\"}\n", true, &error);

    cr_assert_not_null(document, "%s", error.text);
    cr_assert_str_eq(json_object_get_string(json_object_object_get(document, "mode")), "auto");
    json_object_put(document);
}

Test(control_client, error_keeps_its_code)
{
    struct error error;

    cr_assert_null(
        ask("{\"synward\":{},\"error\":{\"code\":3,\"text\":\"no server x\"}}\n", true, &error));
    cr_assert_eq(error.code, EXIT_NOT_FOUND);
    cr_assert_str_eq(error.text, "no server x");
    cr_assert_null(ask("{\"synward\":{},\"error\":{}}\n", true, &error));
    cr_assert_eq(error.code, EXIT_FAILED);
}

Test(control_client, answer_before_the_request_was_read)
{
    struct error error;

    cr_assert_null(
        ask("{\"synward\":{},\"error\":{\"code\":1,\"text\":\"too long\"}}\n", false, &error));
    cr_assert_str_eq(error.text, "too long");
}

Test(control_client, no_synward)
{
    static const char *const strange[] = {"",   "220 mail ready\r\n", "{}",
                                          "[]", "{\"synward\":",      "null"};

    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        struct error error;

        cr_assert_null(ask(strange[i], true, &error));
        cr_assert_eq(error.code, EXIT_UNREACHABLE, "%s", strange[i]);
        cr_assert(strstr(error.text, path), "%s", error.text);
    }
}

Test(control_client, silent_daemon)
{
    struct error error = {0};

    cr_assert_null(control_ask_at(path, control_request("status"), 50, &error));
    cr_assert_eq(error.code, EXIT_UNREACHABLE);
    cr_assert(strstr(error.text, "does not answer"), "%s", error.text);
}

Test(control_client, nobody_there)
{
    struct error error = {0};

    close(listener);
    cr_assert_null(control_ask_at(path, control_request("status"), 50, &error));
    cr_assert_eq(error.code, EXIT_UNREACHABLE);
    cr_assert_null(control_ask_at("", control_request("status"), 50, &error));
    cr_assert_eq(error.code, EXIT_UNREACHABLE);
}

Test(control_client, place_that_is_named_is_taken)
{
    cr_assert_str_eq(control_path("/run/a.sock"), "/run/a.sock");
}
