/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keeping.c - see keeping.h. */
#include "bridge/keeping.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/keeper.h"
#include "bridge/base/log.h"
#include "bridge/base/mourning.h"
#include "bridge/imports/imports.h"
#include "bridge/listeners/programs.h"
#include "bridge/state_file.h"
#include "bridge/takeover_log.h"
#include "bridge/text/config.h"
#include "profiles/store/store.h"
#include "profiles/store/votes_file.h"

struct keeping {
    struct keeping_parts parts;
    struct sandbox sandbox;
    struct keeper keeper;
    struct mourning *mourning; /* NULL: the kernel finds our death out by itself, a little later */
    struct file_hands hands;
    /* The keeper's own: what is being saved. */
    struct atomic_file files[KEPT_FILES];
    struct atomic_saving savings[KEPT_FILES];
};

/* --- the keeper: files ----------------------------------------------------------------------- */

static bool find_file(struct keeping *keeping, enum kept_file which, struct error *error)
{
    static bool (*const finders[KEPT_FILES])(const char *, struct atomic_file *, struct error *) = {
        [KEPT_STORE] = store_file,         [KEPT_VOTES] = votes_file,
        [KEPT_STATE] = state_file,         [KEPT_FLOWS] = takeover_file,
        [KEPT_JOINED] = takeover_log_file, [KEPT_LISTS] = imports_file};
    struct atomic_file *file = &keeping->files[which];

    free((char *)file->path);
    return finders[which](keeping->parts.store_path, file, error);
}

/* What was begun before and not ended is given up. */
static int begin_file(struct keeping *keeping, enum kept_file which, struct error *error)
{
    struct atomic_saving *saving = &keeping->savings[which];
    int fd;

    if (saving->fd >= 0)
        atomic_file_end(saving, ECANCELED, NULL);
    if (!find_file(keeping, which, error) ||
        !atomic_file_begin(saving, &keeping->files[which], error))
        return -1;
    fd = dup(saving->fd);
    if (fd < 0)
        error_set(error, EXIT_FAILED, "cannot hand over %s: %s", saving->file->path,
                  strerror(errno));
    return fd;
}

static void end_file(struct keeping *keeping, enum kept_file which, int reason, struct error *error)
{
    if (keeping->savings[which].fd < 0)
        error_set(error, EXIT_FAILED, "nothing was begun");
    else
        atomic_file_end(&keeping->savings[which], reason, error);
}

static void serve_file(struct keeping *keeping, const struct keeper_request *request,
                       struct keeper_answer *answer, int files[KEEPER_FILES_MAX])
{
    const enum kept_file which = (enum kept_file)request->number;

    if (request->number >= KEPT_FILES) {
        error_set(&answer->error, EXIT_USAGE, "no such file");
    } else if (request->what == KEEPER_FILE_BEGIN) {
        files[0] = begin_file(keeping, which, &answer->error);
        answer->files = files[0] >= 0 ? 1 : 0;
    } else if (request->what == KEEPER_FILE_END) {
        end_file(keeping, which, (int)request->figures[0], &answer->error);
    } else if (find_file(keeping, which, &answer->error)) {
        if (request->what == KEEPER_FILE_EXISTS)
            answer->number = access(keeping->files[which].path, F_OK) == 0;
        else
            (void)unlink(keeping->files[which].path);
    }
}

/* --- the keeper: all else -------------------------------------------------------------------- */

static void follow(const struct keeping *keeping, uint32_t side, struct keeper_answer *answer)
{
    struct rejoin_news news;

    if (!keeping->parts.sides || side > SIDE_SERVER) {
        error_set(&answer->error, EXIT_USAGE, "no such side");
        return;
    }
    rejoin_look(keeping->parts.sides, (enum side)side, &news);
    answer->number = news.change;
    snprintf(answer->error.text, sizeof(answer->error.text), "%s",
             news.change == PORT_BACK ? news.no_path : news.cut);
}

static void look_at_hook(const struct keeping *keeping, struct keeper_answer *answer)
{
    const char *hindrance;

    if (!keeping->parts.hook) {
        error_set(&answer->error, EXIT_USAGE, "no hook");
        return;
    }
    hook_look(keeping->parts.hook);
    hindrance = hook_hindrance(keeping->parts.hook);
    snprintf(answer->error.text, sizeof(answer->error.text), "%s", hindrance ? hindrance : "");
}

static void look_anew(const struct keeping *keeping, uint32_t side, struct keeper_answer *answer)
{
    struct rejoin_news news[2];

    if (!keeping->parts.sides || side > SIDE_SERVER) {
        error_set(&answer->error, EXIT_USAGE, "no such side");
        return;
    }
    answer->number = rejoin_anew(keeping->parts.sides, news);
    snprintf(answer->error.text, sizeof(answer->error.text), "%s", news[side].cut);
}

static void mirror(const struct keeping *keeping, const struct keeper_request *request,
                   struct keeper_answer *answer)
{
    struct carrier_news news[2];

    if (!keeping->parts.sides || request->number > SIDE_SERVER ||
        request->figures[0] > CARRIER_KEEP) {
        error_set(&answer->error, EXIT_USAGE, "no such side, or setting");
        return;
    }
    mirroring_turn(keeping->parts.sides, (enum carrier_setting)request->figures[0], news);
    answer->number = news[request->number].state;
    snprintf(answer->error.text, sizeof(answer->error.text), "%s", news[request->number].untold);
}

static void serve_listeners(const struct keeping *keeping, const struct keeper_request *request,
                            struct keeper_answer *answer, int files[KEEPER_FILES_MAX])
{
    struct stack_watch *stack = keeping->parts.stack;
    const char *name;

    if (!stack) {
        error_set(&answer->error, EXIT_USAGE, "no listeners are looked at");
    } else if (request->what == KEEPER_LISTENERS) {
        if (stack_probe_lend(stack_watch_probe(stack), files, &answer->error))
            answer->files = 2;
    } else if (request->what == KEEPER_PROGRAM_WANT) {
        answer->number = stack_programs_want(stack_watch_programs(stack), request->number);
    } else if (request->what == KEEPER_PROGRAM_TURN) {
        answer->number = !stack_programs_busy(stack_watch_programs(stack)) ||
                         stack_programs_turn(stack_watch_programs(stack));
    } else {
        name = stack_programs_name(stack_watch_programs(stack), request->number);
        answer->number = name ? 1 : 0;
        strncpy(answer->error.text, name ? name : "", sizeof(answer->error.text) - 1);
    }
}

static void serve_config(const struct keeping *keeping, struct keeper_answer *answer,
                         int files[KEEPER_FILES_MAX])
{
    if (!keeping->parts.config_path) {
        error_set(&answer->error, EXIT_USAGE, "no configuration file is known");
        return;
    }
    files[0] = config_open(keeping->parts.config_path, &answer->error);
    answer->files = files[0] >= 0 ? 1 : 0;
}

static void unplace(const struct keeping *keeping, const uint64_t figures[2])
{
    struct place place;
    char view[PLACE_VIEW_BYTES];

    if (!keeping->parts.control_path)
        return;
    place_known(&place, keeping->parts.control_path, figures[0], figures[1]);
    place_leave(&place);
    /* Or it is another one: only what is known by its numbers goes. */
    place_of_view(keeping->parts.control_path, view);
    place_known(&place, view, figures[0], figures[1]);
    place_leave(&place);
    place_of_sync(keeping->parts.control_path, view);
    place_known(&place, view, figures[0], figures[1]);
    place_leave(&place);
}

static void leave(struct keeping *keeping, uint32_t end)
{
    if (end == KEEPING_STARTED && keeping->parts.sides)
        sides_started(keeping->parts.sides);
    if (end == KEEPING_WIRE_STAYS && keeping->parts.sides)
        sides_kept_elsewhere(keeping->parts.sides);
    hook_leave(keeping->parts.hook);
    keeping->parts.hook = NULL;
    sides_close(keeping->parts.sides);
    keeping->parts.sides = NULL;
    if (keeping->parts.claim)
        store_unclaim(keeping->parts.claim);
    keeping->parts.claim = NULL;
}

static void serve(void *context, const struct keeper_request *request, struct keeper_answer *answer,
                  int files[KEEPER_FILES_MAX])
{
    struct keeping *keeping = context;

    switch ((enum keeper_what)request->what) {
    case KEEPER_FOLLOW:
        follow(keeping, request->number, answer);
        return;
    case KEEPER_HOOK:
        look_at_hook(keeping, answer);
        return;
    case KEEPER_ANEW:
        look_anew(keeping, request->number, answer);
        return;
    case KEEPER_CARRIER:
        mirror(keeping, request, answer);
        return;
    case KEEPER_LISTENERS:
    case KEEPER_PROGRAM_WANT:
    case KEEPER_PROGRAM_TURN:
    case KEEPER_PROGRAM_NAME:
        serve_listeners(keeping, request, answer, files);
        return;
    case KEEPER_FILE_BEGIN:
    case KEEPER_FILE_END:
    case KEEPER_FILE_EXISTS:
    case KEEPER_FILE_REMOVE:
        serve_file(keeping, request, answer, files);
        return;
    case KEEPER_CONFIG:
        serve_config(keeping, answer, files);
        return;
    case KEEPER_UNPLACE:
        unplace(keeping, request->figures);
        return;
    case KEEPER_LEAVE:
        leave(keeping, request->number);
        return;
    case KEEPER_DIAL:
    case KEEPER_VIEW: /* of another keeper */
        break;
    }
    error_set(&answer->error, EXIT_USAGE, "no such request");
}

static void enter_sandbox(const struct keeping *keeping)
{
    struct error error = {0};

    if (keeping->sandbox.denied.code == EXIT_DONE &&
        !sandbox_enter(&keeping->sandbox, SANDBOX_KEEPER, &error))
        log_line(LOG_LEVEL_WARNING, "keeper: %s", error.text);
}

/* A thread beside the one that serves. */
static void *mourn(void *context)
{
    const struct keeping *keeping = context;

    enter_sandbox(keeping);
    if (mourning_wait(keeping->mourning))
        bypass_die(keeping->parts.pulse, clock_now_us());
    return NULL;
}

static void begin_mourning(struct keeping *keeping)
{
    pthread_t thread;

    if (keeping->mourning && pthread_create(&thread, NULL, mourn, keeping) == 0)
        pthread_detach(thread);
}

static void begin(void *context)
{
    struct keeping *keeping = context;
    struct error error = {0};

    if (keeping->parts.sides && !sides_keep(keeping->parts.sides, &error)) {
        log_line(LOG_LEVEL_ERROR, "keeper: %s", error.text);
        _exit(EXIT_FAILED);
    }
    takeover_leave_out(keeping->parts.takeover);
    (void)close(STDIN_FILENO);
    (void)close(STDOUT_FILENO);
    begin_mourning(keeping);
    enter_sandbox(keeping);
}

/* --- the bridge ------------------------------------------------------------------------------ */

static int hand_begin(void *context, enum kept_file which, struct error *error)
{
    struct keeping *keeping = context;
    struct keeper_answer answer;
    int files[KEEPER_FILES_MAX];

    if (!keeper_ask_files(&keeping->keeper, KEEPER_FILE_BEGIN, which, &answer, files, error))
        return -1;
    if (answer.files == 1)
        return files[0];
    error_set(error, EXIT_FAILED, "the keeper has handed over no file");
    return -1;
}

static bool hand_end(void *context, enum kept_file which, int reason, struct error *error)
{
    struct keeping *keeping = context;
    const uint64_t figures[2] = {(uint64_t)reason};
    struct keeper_answer answer;

    return keeper_ask_figures(&keeping->keeper, KEEPER_FILE_END, which, figures, &answer, error);
}

static bool hand_exists(void *context, enum kept_file which)
{
    struct keeping *keeping = context;
    struct keeper_answer answer;

    return keeper_ask(&keeping->keeper, KEEPER_FILE_EXISTS, which, &answer, NULL) &&
           answer.number != 0;
}

static void hand_remove(void *context, enum kept_file which)
{
    struct keeping *keeping = context;
    struct keeper_answer answer;

    keeper_ask(&keeping->keeper, KEEPER_FILE_REMOVE, which, &answer, NULL);
}

static void hand_over(struct keeping *keeping)
{
    keeping->hands = (struct file_hands){.begin = hand_begin,
                                         .end = hand_end,
                                         .exists = hand_exists,
                                         .remove = hand_remove,
                                         .context = keeping};
    if (keeping->parts.store)
        store_set_hands(keeping->parts.store, &keeping->hands);
    if (keeping->parts.sides)
        sides_kept_elsewhere(keeping->parts.sides);
    if (keeping->parts.stack)
        stack_watch_by(keeping->parts.stack, &keeping->keeper);
}

struct keeping *keeping_start(const struct keeping_parts *parts, const struct sandbox *sandbox,
                              struct error *error)
{
    struct keeping *keeping = calloc(1, sizeof(*keeping));

    if (!keeping) {
        error_set(error, EXIT_FAILED, "out of memory for a keeper");
        return NULL;
    }
    keeping->parts = *parts;
    keeping->sandbox = *sandbox;
    for (int i = 0; i < KEPT_FILES; i++)
        keeping->savings[i].fd = -1;
    if (parts->pulse)
        keeping->mourning = mourning_begin(NULL);
    if (keeper_start(&keeping->keeper, begin, serve, keeping, error)) {
        hand_over(keeping);
        return keeping;
    }
    mourning_end(keeping->mourning);
    free(keeping);
    return NULL;
}

void keeping_stop(struct keeping *keeping)
{
    if (!keeping)
        return;
    keeper_stop(&keeping->keeper);
    mourning_end(keeping->mourning);
    free(keeping);
}

int keeping_fd(const struct keeping *keeping)
{
    return keeping ? keeper_fd(&keeping->keeper) : -1;
}

bool keeping_gone(struct keeping *keeping)
{
    return keeping && keeper_gone(&keeping->keeper);
}

const struct file_hands *keeping_hands(const struct keeping *keeping)
{
    return keeping ? &keeping->hands : NULL;
}

int keeping_config(struct keeping *keeping, const char *path, struct error *error)
{
    struct keeper_answer answer;
    int files[KEEPER_FILES_MAX];

    if (!keeping)
        return config_open(path, error);
    if (!keeper_ask_files(&keeping->keeper, KEEPER_CONFIG, 0, &answer, files, error))
        return -1;
    if (answer.files == 1)
        return files[0];
    error_set(error, EXIT_FAILED, "the keeper has handed over no file");
    return -1;
}

/* As far as is known: without an answer what is cut stays so. */
static void as_before(const struct sides *sides, enum side side, struct rejoin_news *news)
{
    *news = (struct rejoin_news){.change = PORT_AS_BEFORE};
    snprintf(news->cut, sizeof(news->cut), "%s", sides_cut(sides, side));
}

static void take_text(const struct keeper_answer *answer, char text[SIDE_CUT_BYTES])
{
    snprintf(text, SIDE_CUT_BYTES, "%.*s", SIDE_CUT_BYTES - 1, answer->error.text);
}

void keeping_look(struct keeping *keeping, struct sides *sides, enum side side,
                  struct rejoin_news *news)
{
    struct keeper_answer answer;
    struct error error = {0};

    if (!keeping) {
        rejoin_look(sides, side, news);
        return;
    }
    as_before(sides, side, news);
    if (!keeper_ask(&keeping->keeper, KEEPER_FOLLOW, side, &answer, &error)) {
        log_line(LOG_LEVEL_ERROR, "%s has changed: %s", sides_spec(sides, side)->text, error.text);
        return;
    }
    if (answer.number <= PORT_BACK)
        news->change = (enum port_change)answer.number;
    news->cut[0] = '\0';
    take_text(&answer, news->change == PORT_BACK ? news->no_path : news->cut);
}

void keeping_look_at_hook(struct keeping *keeping, struct hook *hook)
{
    struct keeper_answer answer;

    if (!hook || !hook_grants(hook))
        return;
    if (!keeping)
        hook_look(hook);
    else if (keeper_ask(&keeping->keeper, KEEPER_HOOK, 0, &answer, NULL))
        hook_note(hook, answer.error.text);
}

bool keeping_anew(struct keeping *keeping, struct sides *sides, struct rejoin_news news[2])
{
    bool anew = false;

    if (!keeping)
        return rejoin_anew(sides, news);
    for (uint32_t side = 0; side < 2; side++) {
        struct keeper_answer answer;

        as_before(sides, (enum side)side, &news[side]);
        if (!keeper_ask(&keeping->keeper, KEEPER_ANEW, side, &answer, NULL))
            continue;
        anew = answer.number != 0;
        take_text(&answer, news[side].cut);
    }
    return anew;
}

void keeping_mirror(struct keeping *keeping, struct sides *sides, enum carrier_setting setting,
                    struct carrier_news news[2])
{
    const uint64_t figures[2] = {setting};

    if (!keeping) {
        mirroring_turn(sides, setting, news);
        return;
    }
    for (uint32_t side = 0; side < 2; side++) {
        struct keeper_answer answer;

        news[side] = *sides_carrier(sides, (enum side)side);
        if (!keeper_ask_figures(&keeping->keeper, KEEPER_CARRIER, side, figures, &answer, NULL) ||
            answer.number > CARRIER_HELD)
            continue;
        news[side].state = (enum carrier_state)answer.number;
        snprintf(news[side].untold, sizeof(news[side].untold), "%.*s",
                 (int)sizeof(news[side].untold) - 1, answer.error.text);
    }
}

void keeping_unplace(struct keeping *keeping, const struct place *place)
{
    const uint64_t figures[2] = {place->device, place->inode};
    struct keeper_answer answer;

    if (keeping && place->inode != 0)
        keeper_ask_figures(&keeping->keeper, KEEPER_UNPLACE, 0, figures, &answer, NULL);
}

void keeping_leave(struct keeping *keeping, enum keeping_end end)
{
    struct keeper_answer answer;

    if (keeping)
        keeper_ask(&keeping->keeper, KEEPER_LEAVE, end, &answer, NULL);
}
