/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mourning.c - who waits is told of a death, and of nothing else. */
#include "bridge/base/mourning.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that mourns another, whose end of a pipe says how that went. */
struct mourned {
    pid_t pid;
    int told;
};

static void mourn(struct mourning *mourning, int tell)
{
    const char word = mourning_wait(mourning) ? 'd' : 'e';

    _exit(write(tell, &word, 1) == 1 ? 0 : 1);
}

/* Begins, is mourned by a child, and then ends in order, or waits to be killed. */
__attribute__((noreturn)) static void live(int tell, int begun, bool in_order)
{
    struct error error = {0};
    struct mourning *mourning = mourning_begin(&error);

    if (!mourning)
        _exit(1);
    if (fork() == 0)
        mourn(mourning, tell);
    if (in_order)
        mourning_end(mourning);
    if (write(begun, "b", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static struct mourned start(bool in_order)
{
    struct mourned mourned;
    int told[2], begun[2];
    char word;

    cr_assert_eq(pipe(told), 0);
    cr_assert_eq(pipe(begun), 0);
    mourned.pid = fork();
    if (mourned.pid == 0) {
        close(told[0]);
        live(told[1], begun[1], in_order);
    }
    close(told[1]);
    close(begun[1]);
    cr_assert_eq(read(begun[0], &word, 1), 1);
    close(begun[0]);
    mourned.told = told[0];
    return mourned;
}

static char word_of(const struct mourned *mourned)
{
    char word = 0;

    cr_assert_eq(read(mourned->told, &word, 1), 1, "it says something");
    return word;
}

static void bury(const struct mourned *mourned)
{
    kill(mourned->pid, SIGKILL);
    waitpid(mourned->pid, NULL, 0);
    close(mourned->told);
}

Test(mourning, a_kill_is_told, .timeout = 20)
{
    struct mourned mourned = start(false);

    kill(mourned.pid, SIGKILL);
    cr_assert_eq(word_of(&mourned), 'd');
    bury(&mourned);
}

Test(mourning, an_end_in_order_is_none, .timeout = 20)
{
    struct mourned mourned = start(true);

    cr_assert_eq(word_of(&mourned), 'e', "and it lives on");
    bury(&mourned);
}
