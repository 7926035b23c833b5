/* SPDX-License-Identifier: GPL-2.0-or-later */
/* programs.c - see programs.h. */
#include "bridge/listeners/programs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURN_PROCESSES 64
#define TURN_FILES     2048 /* of processes in the namespace; one process's are read to the end */

struct wanted {
    uint32_t inode;
    bool found, of_first_process;
    char name[PROGRAM_NAME_BYTES];
};

struct stack_programs {
    uint64_t netns;
    struct keeper *keeper; /* who walks; NULL: we do */
    bool walks;            /* the keeper does */
    DIR *proc;             /* NULL: no walk */
    uint32_t count, waiting_count;
    struct wanted wanted[STACK_WANTED]; /* of this walk, or the one that is over; by inode */
    uint32_t waiting[STACK_WANTED];     /* for the next one */
};

struct stack_programs *stack_programs_new(uint64_t netns)
{
    struct stack_programs *programs = calloc(1, sizeof(*programs));

    if (programs)
        programs->netns = netns;
    return programs;
}

static void end_walk(struct stack_programs *programs)
{
    if (programs->proc)
        closedir(programs->proc);
    programs->proc = NULL;
}

void stack_programs_free(struct stack_programs *programs)
{
    if (programs)
        end_walk(programs);
    free(programs);
}

bool stack_programs_want(struct stack_programs *programs, uint32_t inode)
{
    if (programs->waiting_count == STACK_WANTED)
        return false;
    programs->waiting[programs->waiting_count++] = inode;
    return true;
}

bool stack_programs_busy(const struct stack_programs *programs)
{
    return programs->proc || programs->walks || programs->waiting_count > 0;
}

static int compare_wanted(const void *left, const void *right)
{
    const struct wanted *a = left, *b = right;

    return (a->inode > b->inode) - (a->inode < b->inode);
}

static struct wanted *find_wanted(struct stack_programs *programs, uint32_t inode)
{
    const struct wanted key = {.inode = inode};

    return bsearch(&key, programs->wanted, programs->count, sizeof(key), compare_wanted);
}

static void take_waiting(struct stack_programs *programs)
{
    for (uint32_t i = 0; i < programs->waiting_count; i++)
        programs->wanted[i] = (struct wanted){.inode = programs->waiting[i]};
    programs->count = programs->waiting_count;
    programs->waiting_count = 0;
    qsort(programs->wanted, programs->count, sizeof(programs->wanted[0]), compare_wanted);
}

static void begin_walk(struct stack_programs *programs)
{
    take_waiting(programs);
    programs->proc = opendir("/proc");
}

/* The inode of "socket:[12345]"; 0 for another file. */
static uint32_t socket_inode(int folder, const char *name)
{
    static const char prefix[] = "socket:[";
    char target[64];
    const ssize_t bytes = readlinkat(folder, name, target, sizeof(target) - 1);

    if (bytes <= 0)
        return 0;
    target[bytes] = '\0';
    return strncmp(target, prefix, strlen(prefix)) == 0
               ? (uint32_t)strtoul(target + strlen(prefix), NULL, 10)
               : 0;
}

static void read_name(const char *process, char name[PROGRAM_NAME_BYTES])
{
    char path[32 + NAME_MAX];
    int fd;
    ssize_t bytes;

    name[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%s/comm", process);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    bytes = read(fd, name, PROGRAM_NAME_BYTES - 1);
    close(fd);
    name[bytes > 0 ? bytes : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    /* A process may call itself what it likes. */
    for (char *at = name; *at; at++)
        if (!isprint((unsigned char)*at))
            *at = '?';
}

/* The socket is a file of `process`. */
static void found(struct wanted *wanted, const char *process)
{
    const bool first = strcmp(process, "1") == 0;

    if (wanted->found && !(wanted->of_first_process && !first))
        return;
    read_name(process, wanted->name);
    wanted->found = wanted->name[0] != '\0';
    wanted->of_first_process = first;
}

/* Returns how many files were looked at. */
static unsigned look_at_files(struct stack_programs *programs, const char *process)
{
    char path[32 + NAME_MAX];
    const struct dirent *entry;
    unsigned files = 0;

    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%s/fd", process);
    folder = opendir(path);
    if (!folder)
        return 0;
    while ((entry = readdir(folder)) != NULL) {
        const uint32_t inode = socket_inode(dirfd(folder), entry->d_name);
        struct wanted *wanted = inode ? find_wanted(programs, inode) : NULL;

        files++;
        if (wanted)
            found(wanted, process);
    }
    closedir(folder);
    return files;
}

static bool is_inside(const struct stack_programs *programs, const char *process)
{
    char path[32 + NAME_MAX];
    struct stat status;

    snprintf(path, sizeof(path), "/proc/%s/ns/net", process);
    return stat(path, &status) == 0 && status.st_ino == programs->netns;
}

/* --- by the keeper --------------------------------------------------------------------------- */

void stack_programs_by(struct stack_programs *programs, struct keeper *keeper)
{
    programs->keeper = keeper;
}

static void take_name(struct stack_programs *programs, struct wanted *wanted)
{
    struct keeper_answer answer;

    if (!keeper_ask(programs->keeper, KEEPER_PROGRAM_NAME, wanted->inode, &answer, NULL) ||
        answer.number == 0)
        return;
    wanted->found = true;
    memcpy(wanted->name, answer.error.text, sizeof(wanted->name) - 1);
}

/* As stack_programs_turn(). A keeper that is gone finds nothing. */
static bool turn_of_keeper(struct stack_programs *programs)
{
    struct keeper_answer answer;

    if (!programs->walks) {
        take_waiting(programs);
        for (uint32_t i = 0; i < programs->count; i++)
            if (!keeper_ask(programs->keeper, KEEPER_PROGRAM_WANT, programs->wanted[i].inode,
                            &answer, NULL))
                break;
    }
    programs->walks =
        keeper_ask(programs->keeper, KEEPER_PROGRAM_TURN, 0, &answer, NULL) && answer.number == 0;
    for (uint32_t i = 0; !programs->walks && i < programs->count; i++)
        take_name(programs, &programs->wanted[i]);
    return !programs->walks;
}

/* --- a walk ---------------------------------------------------------------------------------- */

bool stack_programs_turn(struct stack_programs *programs)
{
    unsigned files = 0;

    if (programs->keeper)
        return turn_of_keeper(programs);
    if (!programs->proc)
        begin_walk(programs);
    for (unsigned i = 0; programs->proc && i < TURN_PROCESSES && files < TURN_FILES; i++) {
        const struct dirent *entry = readdir(programs->proc);

        if (!entry)
            end_walk(programs);
        else if (isdigit((unsigned char)entry->d_name[0]) && is_inside(programs, entry->d_name))
            files += look_at_files(programs, entry->d_name);
    }
    return !programs->proc;
}

const char *stack_programs_name(const struct stack_programs *programs, uint32_t inode)
{
    const struct wanted key = {.inode = inode};
    const struct wanted *wanted =
        bsearch(&key, programs->wanted, programs->count, sizeof(key), compare_wanted);

    return wanted && wanted->found ? wanted->name : NULL;
}
