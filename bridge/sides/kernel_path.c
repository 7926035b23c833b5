/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel_path.c - see kernel_path.h. */
#include "bridge/sides/kernel_path.h"

#include <stdlib.h>

#include "bridge/base/log.h"
#include "bridge/bpf/object.h"

struct kernel_path {
    enum kernel_path_setting setting;
    struct sides *sides;       /* which it leads between; NULL: it does not yet, or never */
    struct carrying *carrying; /* stays while it is interrupted: engines write its records */
    struct error hindrance;    /* EXIT_DONE: none */
    /* Why it answers no SYNs, and no SYN-ACKs; NULL: it does. */
    const char *no_answers, *no_completion;
};

static bool load(struct kernel_path *path, const struct sides *sides,
                 const struct carrying_sizes *sizes)
{
    if (!sides_may_carry(sides, &path->hindrance))
        return false;
    path->carrying = carrying_open(sizes, &path->hindrance);
    if (!path->carrying)
        return false;
    path->no_answers = carrying_no_answers(path->carrying);
    if (path->no_answers)
        log_line(LOG_LEVEL_WARNING, "the kernel path answers no SYNs: %s", path->no_answers);
    path->no_completion = carrying_no_completion(path->carrying);
    if (path->no_completion && sizes->answers.shards == 1)
        log_line(LOG_LEVEL_WARNING, "the kernel path answers no SYN-ACKs: %s", path->no_completion);
    return true;
}

struct kernel_path *kernel_path_open(enum kernel_path_setting setting, const struct sides *sides,
                                     const struct carrying_sizes *sizes, struct error *error)
{
    struct kernel_path *path = calloc(1, sizeof(*path));

    if (!path) {
        error_set(error, EXIT_FAILED, "out of memory for the kernel path");
        return NULL;
    }
    if (setting == KERNEL_PATH_UNSAID && !sides_are_ports(sides))
        setting = KERNEL_PATH_OFF;
    path->setting = setting;
    if (setting == KERNEL_PATH_OFF || load(path, sides, sizes))
        return path;
    if (setting == KERNEL_PATH_ON) {
        error_set(error, EXIT_FAILED, "no kernel path: %s", path->hindrance.text);
        kernel_path_close(path, false);
        return NULL;
    }
    log_line(LOG_LEVEL_INFO, "no kernel path: %s", path->hindrance.text);
    return path;
}

bool kernel_path_begin(struct kernel_path *path, struct sides *sides, struct error *error)
{
    struct error why = {0};

    if (!path->carrying)
        return true;
    path->sides = sides;
    if (sides_carry(sides, path->carrying, &why))
        return true;
    kernel_path_note(path, why.text);
    return path->setting != KERNEL_PATH_ON ||
           error_set(error, EXIT_FAILED, "no kernel path: %s", why.text);
}

void kernel_path_halt(struct kernel_path *path)
{
    if (!path->carrying)
        return;
    carrying_lead(path->carrying, 0, 0);
    bpf_wait_for_the_last();
}

void kernel_path_close(struct kernel_path *path, bool goes_on)
{
    if (!path)
        return;
    if (goes_on && path->carrying)
        carrying_leave(path->carrying);
    if (path->sides)
        sides_carry(path->sides, NULL, NULL);
    carrying_close(path->carrying);
    free(path);
}

const char *kernel_path_hindrance(const struct kernel_path *path)
{
    if (path->setting == KERNEL_PATH_OFF)
        return "";
    return path->hindrance.code == EXIT_DONE ? NULL : path->hindrance.text;
}

const char *kernel_path_no_answers(const struct kernel_path *path)
{
    return path->no_answers;
}

const char *kernel_path_no_completion(const struct kernel_path *path)
{
    return path->no_completion;
}

struct carrying *kernel_path_carrying(struct kernel_path *path)
{
    return path->carrying;
}

void kernel_path_note(struct kernel_path *path, const char *why)
{
    const bool was_on = path->hindrance.code == EXIT_DONE;

    if (!path->carrying || (was_on && !why))
        return;
    path->hindrance = (struct error){0};
    if (why)
        error_set(&path->hindrance, EXIT_FAILED, "%s", why);
    if (!why)
        log_line(LOG_LEVEL_INFO, "the kernel path is back");
    else if (was_on)
        log_line(LOG_LEVEL_WARNING, "no kernel path: %s", why);
}

void kernel_path_count(const struct kernel_path *path, struct counters *counters)
{
    uint64_t counts[CARRY_COUNTS_COUNT], unrecorded;

    if (!path->carrying)
        return;
    carrying_count(path->carrying, counts, &unrecorded);
    counters->kernel_unrecorded += unrecorded;
#define ADD_COUNT(group, name, text) counters->group##_##name += counts[CARRY_##name];
    SYNWARD_KERNEL_COUNTERS(ADD_COUNT)
#undef ADD_COUNT
}
