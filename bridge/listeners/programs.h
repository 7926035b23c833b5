/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * programs.h - which program owns a socket: walks /proc, a bounded piece at a time.
 *
 * A socket's inode is looked for among the files of the processes in its network namespace. One
 * walk looks for up to STACK_WANTED sockets at once; a socket that many processes share (a server's
 * workers, what systemd opened for it) has the name of the first that is not process 1.
 */
#ifndef SYNWARD_BRIDGE_LISTENERS_PROGRAMS_H
#define SYNWARD_BRIDGE_LISTENERS_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/keeper.h"
#include "bridge/listeners/parse.h"

#define STACK_WANTED 1024

struct stack_programs;

/* `netns` is the inode of the network namespace, as stat() tells of /proc/PID/ns/net. NULL: out of
 * memory. */
struct stack_programs *stack_programs_new(uint64_t netns);
void stack_programs_free(struct stack_programs *programs);
/* From here on the keeper walks for us. */
void stack_programs_by(struct stack_programs *programs, struct keeper *keeper);

/* Adds a socket to the next walk. False: it is full. */
bool stack_programs_want(struct stack_programs *programs, uint32_t inode);
/* Is there a walk to go on with? */
bool stack_programs_busy(const struct stack_programs *programs);
/*
 * Looks at some processes more. True: the walk is over; what it found is told by
 * stack_programs_name() until the next one begins.
 */
bool stack_programs_turn(struct stack_programs *programs);
/* NULL: not found. */
const char *stack_programs_name(const struct stack_programs *programs, uint32_t inode);

#endif
