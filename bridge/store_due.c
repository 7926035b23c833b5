/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_due.c - see store_due.h.
 *
 *      COMPILE_DELAY_US      after a change of the store: a new policy for the workers (not while
 *                            changes pour in)
 *      RECOMPILE_US          without a change too: a promise may have waited for its turn
 *                            (compile.h)
 *      SAVE_DELAY_US         after a change of the store: the file
 */
#include "bridge/store_due.h"

#include <errno.h>
#include <stdlib.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/events/report.h"
#include "bridge/workers/workers.h"
#include "profiles/store/votes_file.h"

#define COMPILE_DELAY_US (200ull * 1000)
#define RECOMPILE_US     (60 * SECOND_US)
#define SAVE_DELAY_US    (10 * SECOND_US)
#define NEVER            UINT64_MAX

void store_due_begin(struct store_due *due, uint64_t now_us)
{
    due->compiled_revision = due->saved_revision = store_revision(due->store);
    due->compile_us = due->save_us = NEVER;
    due->recompile_us = now_us + RECOMPILE_US;
    due->saving.fd = -1;
}

static void give_up_compiling(struct store_due *due)
{
    free(due->compiling.policy);
    due->compiling.policy = NULL;
}

void store_due_end(struct store_due *due)
{
    if (due->saving.fd >= 0)
        store_saving_end(&due->saving, ECANCELED, NULL);
    give_up_compiling(due);
}

/* --- a policy --------------------------------------------------------------------------------- */

static void compiling_failed(struct store_due *due, uint64_t now_us)
{
    give_up_compiling(due);
    due->compile_us = now_us + SECOND_US;
    log_line(LOG_LEVEL_ERROR, "out of memory for a new policy: the one before stays in force");
}

static void begin_compiling(struct store_due *due, uint64_t now_us)
{
    give_up_compiling(due);
    due->compile_us = NEVER;
    due->recompile_us = now_us + RECOMPILE_US;
    if (!policy_compiling_begin(&due->compiling, due->store, workers_policy(due->workers), now_us))
        compiling_failed(due, now_us);
}

/* A piece of it; when it is whole the workers have it. */
static void go_on_compiling(struct store_due *due, uint64_t now_us)
{
    uint64_t due_us;

    if (policy_compiling_step(&due->compiling))
        return;
    due_us = due->compiling.policy->due_us;
    if (due_us && due_us < due->compile_us)
        due->compile_us = due_us;
    if (!workers_publish(due->workers, due->compiling.policy)) {
        compiling_failed(due, now_us);
        return;
    }
    due->compiling.policy = NULL;
    due->compiled_revision = due->compiling.revision;
}

void store_due_compile(struct store_due *due)
{
    const uint64_t now_us = clock_now_us();

    if (store_revision(due->store) != due->compiled_revision)
        begin_compiling(due, now_us);
    while (due->compiling.policy)
        go_on_compiling(due, now_us);
}

/* The first change counts, those that follow do not put it off. */
void store_due_changed(struct store_due *due)
{
    const uint64_t now_us = clock_now_us(), revision = store_revision(due->store);

    if (revision != due->compiled_revision && now_us + COMPILE_DELAY_US < due->compile_us &&
        !due->compiling.policy)
        due->compile_us = now_us + COMPILE_DELAY_US;
    if (revision != due->saved_revision && due->save_us == NEVER && due->saving.fd < 0)
        due->save_us = now_us + SAVE_DELAY_US;
}

bool store_due_compile_some(struct store_due *due, uint64_t revision)
{
    const uint64_t now_us = clock_now_us();

    if (!due->compiling.policy && due->compiled_revision < revision)
        begin_compiling(due, now_us);
    if (due->compiling.policy)
        go_on_compiling(due, now_us);
    return due->compiled_revision >= revision;
}

/* --- the file --------------------------------------------------------------------------------- */

/* What was saved is what the revision was when it began: a change in the meantime will be seen. */
static bool saved(struct store_due *due, uint64_t revision, struct error *error)
{
    if (!votes_save(due->store, due->store_path, error))
        return false;
    due->saved_revision = revision;
    report_saved(due->report, due->store_path, store_count(due->store));
    return true;
}

static void save_failed(struct store_due *due, uint64_t now_us, const struct error *error)
{
    report_save_failed(due->report, error->text);
    due->save_us = now_us + SAVE_DELAY_US;
}

static void begin_saving(struct store_due *due, uint64_t now_us)
{
    struct error error = {0};

    due->save_us = NEVER;
    due->saving_revision = store_revision(due->store);
    if (!store_saving_begin(&due->saving, due->store, due->store_path, &error))
        save_failed(due, now_us, &error);
}

static void go_on_saving(struct store_due *due, uint64_t now_us)
{
    struct error error = {0};
    bool ended;

    if (!store_saving_step(&due->saving, &ended, &error) ||
        (ended && !saved(due, due->saving_revision, &error)))
        save_failed(due, now_us, &error);
}

/* --- what is due ------------------------------------------------------------------------------ */

void store_due_turn(struct store_due *due, uint64_t now_us)
{
    store_due_changed(due);
    if (due->compiling.policy)
        go_on_compiling(due, now_us);
    else if (now_us >= due->compile_us || now_us >= due->recompile_us)
        begin_compiling(due, now_us);
    if (due->saving.fd >= 0)
        go_on_saving(due, now_us);
    else if (now_us >= due->save_us)
        begin_saving(due, now_us);
}

uint64_t store_due_us(const struct store_due *due)
{
    if (due->compiling.policy || due->saving.fd >= 0)
        return 0;
    return due->compile_us < due->save_us ? due->compile_us : due->save_us;
}

/* At once, whatever it takes. */
static bool save_store(struct store_due *due, struct error *error)
{
    const uint64_t revision = store_revision(due->store);

    if (due->saving.fd >= 0)
        store_saving_end(&due->saving, ECANCELED, NULL);
    return store_save(due->store, due->store_path, error) && saved(due, revision, error);
}

bool store_due_save_at_end(struct store_due *due, struct error *error)
{
    const bool there = store_exists(due->store, due->store_path);

    return (there && store_revision(due->store) == due->saved_revision) || save_store(due, error);
}
