/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_keeper.c - a process that is asked, answers with figures and files, and comes to an end. */
#include "bridge/base/keeper.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/clock.h"

/* What the keeper of these tests does: the numbers are real ones, their meaning is not. */
static void serve(void *context, const struct keeper_request *request, struct keeper_answer *answer,
                  int files[KEEPER_FILES_MAX])
{
    static uint32_t dialed;

    (void)context;
    switch (request->what) {
    case KEEPER_FOLLOW:
        answer->number = request->number + request->figures[0] + request->figures[1];
        return;
    case KEEPER_LISTENERS:
        cr_assert_eq(pipe(files), 0);
        answer->files = 2;
        return;
    case KEEPER_DIAL:
        answer->number = ++dialed;
        cr_assert_eq(pipe(files), 0);
        close(files[1]);
        answer->files = 1;
        return;
    case KEEPER_LEAVE:
        _exit(0);
    default:
        error_set(&answer->error, EXIT_NOT_FOUND, "nothing known of %u", request->what);
    }
}

static void nothing(void *context)
{
    (void)context;
}

static struct keeper start(void)
{
    struct keeper keeper;
    struct error error = {0};

    cr_assert(keeper_start(&keeper, nothing, serve, NULL, &error), "%s", error.text);
    return keeper;
}

Test(keeper, answers_with_a_figure)
{
    struct keeper keeper = start();
    const uint64_t figures[2] = {20, 300};
    struct keeper_answer answer;
    struct error error = {0};

    for (uint32_t i = 0; i < 3; i++) {
        cr_assert(keeper_ask_figures(&keeper, KEEPER_FOLLOW, i, figures, &answer, &error), "%s",
                  error.text);
        cr_assert_eq(answer.number, 320 + i);
    }
    cr_assert_not(keeper_gone(&keeper));
    keeper_stop(&keeper);
}

Test(keeper, hands_files_over)
{
    struct keeper keeper = start();
    struct keeper_answer answer;
    int files[KEEPER_FILES_MAX];
    char byte = 0;

    cr_assert(keeper_ask_files(&keeper, KEEPER_LISTENERS, 0, &answer, files, NULL));
    cr_assert_eq(answer.files, 2);
    cr_assert(fcntl(files[0], F_GETFD) & FD_CLOEXEC, "no program of ours gets them");
    cr_assert_eq(write(files[1], "x", 1), 1);
    cr_assert_eq(read(files[0], &byte, 1), 1);
    cr_assert_eq(byte, 'x');
    close(files[1]);
    cr_assert_eq(read(files[0], &byte, 1), 0, "the keeper has kept none");
    close(files[0]);
    keeper_stop(&keeper);
}

Test(keeper, files_that_nobody_wants_are_closed)
{
    struct keeper keeper = start();
    const int before = dup(0);
    struct keeper_answer answer;
    int after;

    close(before);
    for (int i = 0; i < 10; i++)
        cr_assert(keeper_ask(&keeper, KEEPER_LISTENERS, 0, &answer, NULL));
    after = dup(0);
    cr_assert_eq(after, before);
    close(after);
    keeper_stop(&keeper);
}

Test(keeper, says_why_not)
{
    struct keeper keeper = start();
    struct keeper_answer answer;
    struct error error = {0};

    cr_assert_not(keeper_ask(&keeper, KEEPER_FILE_END, 0, &answer, &error));
    cr_assert_eq(error.code, EXIT_NOT_FOUND);
    cr_assert(strstr(error.text, "nothing known"), "%s", error.text);
    cr_assert_not(keeper_gone(&keeper), "it goes on");
    keeper_stop(&keeper);
}

Test(keeper, one_that_dies_is_missed_at_once)
{
    struct keeper keeper = start();
    struct keeper_answer answer;
    struct error error = {0};

    cr_assert_not(keeper_ask(&keeper, KEEPER_LEAVE, 0, &answer, &error));
    cr_assert(strstr(error.text, "is gone"), "%s", error.text);
    cr_assert_eq(keeper_fd(&keeper), -1);
    cr_assert_not(keeper_ask(&keeper, KEEPER_FOLLOW, 0, &answer, &error));
    cr_assert(keeper_gone(&keeper), "nobody was told yet");
    cr_assert_not(keeper_gone(&keeper), "once");
    keeper_stop(&keeper);
}

/* The second request fails without waiting; when the late answer is there all is well again. */
Test(keeper, one_that_stands_still_holds_us_up_once)
{
    struct keeper keeper = start();
    struct pollfd readable = {.fd = keeper_fd(&keeper), .events = POLLIN};
    struct keeper_answer answer;
    struct error error = {0};
    uint64_t began_us;

    cr_assert_eq(kill(keeper.pid, SIGSTOP), 0);
    cr_assert_not(keeper_ask(&keeper, KEEPER_FOLLOW, 0, &answer, &error));
    began_us = clock_now_us();
    for (int i = 0; i < 1000; i++)
        cr_assert_not(keeper_ask(&keeper, KEEPER_FOLLOW, 0, &answer, &error));
    cr_assert_lt(clock_now_us() - began_us, KEEPER_ANSWER_US);
    cr_assert(strstr(error.text, "does not answer"), "%s", error.text);
    cr_assert_eq(kill(keeper.pid, SIGCONT), 0);
    cr_assert_eq(poll(&readable, 1, 10000), 1);
    cr_assert(keeper_ask(&keeper, KEEPER_FOLLOW, 7, &answer, &error));
    cr_assert_eq(answer.number, 7);
    keeper_stop(&keeper);
}

/* A resolver may be slower than anybody waits, each time. */
Test(keeper, a_connection_that_comes_late_is_for_the_next_who_asks)
{
    struct keeper keeper = start();
    struct pollfd readable = {.fd = keeper_fd(&keeper), .events = POLLIN};
    const uint64_t began_us = clock_now_us();
    struct keeper_answer answer;
    int files[KEEPER_FILES_MAX];

    cr_assert_eq(kill(keeper.pid, SIGSTOP), 0);
    cr_assert_not(keeper_ask_files(&keeper, KEEPER_DIAL, 0, &answer, files, NULL));
    cr_assert_lt(clock_now_us() - began_us, KEEPER_ANSWER_US, "who asks has other things to do");
    cr_assert_not(keeper_ask_files(&keeper, KEEPER_DIAL, 0, &answer, files, NULL));
    cr_assert_eq(kill(keeper.pid, SIGCONT), 0);
    cr_assert_eq(poll(&readable, 1, 10000), 1);
    cr_assert_not(keeper_gone(&keeper));
    for (uint32_t i = 1; i <= 2; i++) {
        cr_assert(keeper_ask_files(&keeper, KEEPER_DIAL, 0, &answer, files, NULL));
        cr_assert_eq(answer.number, i, "it was asked %u times, not %u", i, (unsigned)answer.number);
        cr_assert_eq(close(files[0]), 0);
    }
    keeper_stop(&keeper);
}

Test(keeper, one_that_dies_while_it_owes_a_connection_is_told)
{
    struct keeper keeper = start();
    struct pollfd end = {.fd = keeper_fd(&keeper), .events = POLLIN};
    struct keeper_answer answer;

    cr_assert_eq(kill(keeper.pid, SIGSTOP), 0);
    cr_assert_not(keeper_ask(&keeper, KEEPER_DIAL, 0, &answer, NULL));
    cr_assert_eq(kill(keeper.pid, SIGKILL), 0);
    cr_assert_eq(poll(&end, 1, 10000), 1);
    cr_assert(keeper_gone(&keeper));
}

Test(keeper, one_that_is_killed_is_told)
{
    struct keeper keeper = start();
    struct pollfd readable = {.fd = keeper_fd(&keeper), .events = POLLIN};

    cr_assert_eq(kill(keeper.pid, SIGKILL), 0);
    cr_assert_eq(poll(&readable, 1, 10000), 1);
    cr_assert(keeper_gone(&keeper));
    cr_assert_not(keeper_gone(&keeper), "once");
}

Test(keeper, ends_with_its_socket)
{
    struct keeper keeper = start();
    const pid_t pid = keeper.pid;

    keeper_stop(&keeper);
    cr_assert_eq(kill(pid, 0), -1, "it is gone, and was waited for");
}
