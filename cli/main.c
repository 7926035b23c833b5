/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - the program begins here; the command line is commands.c. */
#include "cli/commands.h"

int main(int argc, char **argv)
{
    return commands_run(argc, argv);
}
