/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - the program begins here; the command line is command_line.c. */
#include "cli/command_line.h"

int main(int argc, char **argv)
{
    return command_line_run(argc, argv);
}
