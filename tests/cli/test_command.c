/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which command words name. */
#include "cli/command.h"

#include <criterion/criterion.h>

#include "cli/commands.h"

Test(command, two_words_win)
{
    struct arguments arguments = {.words = {"profiles", "export", "x"}, .word_count = 3};

    cr_assert_str_eq(command_find(commands_all(), &arguments)->name, "profiles export");
    cr_assert_eq(arguments.name_words, 2);
    cr_assert_str_eq(command_word(&arguments, 0), "x");
    cr_assert_null(command_word(&arguments, 1));
    arguments.words[1] = "10.0.0.1";
    cr_assert_str_eq(command_find(commands_all(), &arguments)->name, "profiles");
    cr_assert_eq(arguments.name_words, 1);
    arguments.words[0] = "profile";
    cr_assert_null(command_find(commands_all(), &arguments));
}
