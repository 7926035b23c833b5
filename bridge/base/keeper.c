/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keeper.c - see keeper.h. */
#include "bridge/base/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/base/clock.h"

#define END_TRIES  1000
#define END_TRY_MS 1
#define LATE_US    1000u /* for a connection that was not waited for: it is there, or is not */

/* --- messages -------------------------------------------------------------------------------- */

union files_room {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(KEEPER_FILES_MAX * sizeof(int))];
};

static bool send_answer(int fd, struct keeper_answer *answer, const int files[KEEPER_FILES_MAX])
{
    struct iovec vector = {.iov_base = answer, .iov_len = sizeof(*answer)};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    union files_room room;

    if (answer->files > 0) {
        memset(&room, 0, sizeof(room));
        room.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(answer->files * sizeof(int)),
                                     .cmsg_level = SOL_SOCKET,
                                     .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&room.head), files, answer->files * sizeof(int));
        message.msg_control = &room;
        message.msg_controllen = CMSG_SPACE(answer->files * sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(*answer);
}

static void close_files(const int files[KEEPER_FILES_MAX], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        close(files[i]);
}

/* The bytes that came; the files that came with them, `*count`. */
static ssize_t receive_answer(int fd, struct keeper_answer *answer, int files[KEEPER_FILES_MAX],
                              uint32_t *count)
{
    struct iovec vector = {.iov_base = answer, .iov_len = sizeof(*answer)};
    union files_room room;
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)};
    const ssize_t bytes = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *head = bytes > 0 ? CMSG_FIRSTHDR(&message) : NULL;

    *count = 0;
    if (head && head->cmsg_type == SCM_RIGHTS) {
        *count = (uint32_t)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(files, CMSG_DATA(head), *count * sizeof(int));
    }
    return bytes;
}

/* --- the keeper ------------------------------------------------------------------------------ */

__attribute__((noreturn)) static void live(int fd, keeper_serve *serve, void *context)
{
    struct keeper_request request;
    ssize_t bytes;

    while ((bytes = recv(fd, &request, sizeof(request), 0)) != 0) {
        struct keeper_answer answer = {0};
        int files[KEEPER_FILES_MAX];

        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes != (ssize_t)sizeof(request))
            break;
        answer.sequence = request.sequence;
        serve(context, &request, &answer, files);
        if (!send_answer(fd, &answer, files))
            break;
        close_files(files, answer.files);
    }
    _exit(EXIT_DONE);
}

bool keeper_start(struct keeper *keeper, void (*begin)(void *context), keeper_serve *serve,
                  void *context, struct error *error)
{
    const pid_t parent = getpid();
    int ends[2];
    pid_t pid;

    *keeper = (struct keeper){.fd = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_set(error, EXIT_FAILED, "no socket for a keeper: %s", strerror(errno));
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        prctl(PR_SET_NAME, "synward-keeper");
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
            _exit(EXIT_FAILED);
        begin(context);
        live(ends[1], serve, context);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return error_set(error, EXIT_FAILED, "cannot fork a keeper: %s", strerror(errno));
    }
    *keeper = (struct keeper){.fd = ends[0], .pid = pid};
    return true;
}

/* --- the bridge ------------------------------------------------------------------------------ */

int keeper_fd(const struct keeper *keeper)
{
    return keeper->fd;
}

static void lose(struct keeper *keeper)
{
    if (keeper->fd >= 0)
        close(keeper->fd);
    keeper->fd = -1;
    /* One that stands still is killed by our end. */
    for (int tries = 0; keeper->pid > 0 && tries < END_TRIES; tries++) {
        if (waitpid(keeper->pid, NULL, WNOHANG) != 0)
            keeper->pid = 0;
        else
            poll(NULL, 0, END_TRY_MS);
    }
    keeper->pid = 0;
}

/* A connection that comes late is for the next request: it is not read here. */
static bool owes_connection(const struct keeper *keeper)
{
    struct pollfd end = {.fd = keeper->fd};

    return keeper->owed && keeper->dials && poll(&end, 1, 0) >= 0 && !(end.revents & POLLHUP);
}

bool keeper_gone(struct keeper *keeper)
{
    struct keeper_answer late;
    int files[KEEPER_FILES_MAX];
    uint32_t count;
    ssize_t bytes;

    if (keeper->fd < 0) {
        const bool untold = keeper->untold;

        keeper->untold = false;
        return untold;
    }
    if (owes_connection(keeper))
        return false;
    while ((bytes = receive_answer(keeper->fd, &late, files, &count)) > 0) {
        close_files(files, count);
        if (late.sequence == keeper->owed)
            keeper->owed = 0;
    }
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    lose(keeper);
    return true;
}

static bool no_keeper(struct keeper *keeper, struct error *error)
{
    keeper->untold |= keeper->fd >= 0;
    lose(keeper);
    error_set(error, EXIT_FAILED,
              "the keeper, who has the privileges for this, is gone: start synward again");
    return false;
}

/* An answer to what was asked before, and not waited for so long, is passed over. */
static bool await(struct keeper *keeper, uint64_t limit_us, struct keeper_answer *answer,
                  int files[KEEPER_FILES_MAX], struct error *error)
{
    const uint64_t until_us = clock_now_us() + limit_us;
    uint64_t now_us;

    while ((now_us = clock_now_us()) < until_us) {
        struct pollfd readable = {.fd = keeper->fd, .events = POLLIN};
        uint32_t count;
        ssize_t bytes;

        poll(&readable, 1, (int)((until_us - now_us + 999) / 1000));
        bytes = receive_answer(keeper->fd, answer, files, &count);
        if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (bytes != (ssize_t)sizeof(*answer) || count != answer->files)
            return no_keeper(keeper, error);
        if (answer->sequence == keeper->sequence)
            return true;
        close_files(files, count);
    }
    keeper->owed = keeper->sequence;
    error_set(error, EXIT_FAILED, "the keeper does not answer");
    return false;
}

/* One that stands still holds us up once, not at each request. */
static bool still_owes(struct keeper *keeper)
{
    struct keeper_answer late;
    int files[KEEPER_FILES_MAX];
    uint32_t count;

    while (keeper->owed && receive_answer(keeper->fd, &late, files, &count) > 0) {
        close_files(files, count);
        if (late.sequence == keeper->owed)
            keeper->owed = 0;
    }
    return keeper->owed;
}

static bool send_request(struct keeper *keeper, struct keeper_request *request, struct error *error)
{
    if (still_owes(keeper))
        return error_set(error, EXIT_FAILED, "the keeper does not answer");
    request->sequence = ++keeper->sequence;
    keeper->dials = request->what == KEEPER_DIAL;
    return send(keeper->fd, request, sizeof(*request), MSG_NOSIGNAL) == (ssize_t)sizeof(*request) ||
           no_keeper(keeper, error);
}

static uint64_t limit_us(uint32_t what)
{
    if (what == KEEPER_DIAL)
        return KEEPER_DIAL_US;
    return what == KEEPER_FILE_END ? KEEPER_FILE_US : KEEPER_ANSWER_US;
}

/* `files` may be NULL: what comes is closed. */
static bool ask(struct keeper *keeper, struct keeper_request *request, struct keeper_answer *answer,
                int files[KEEPER_FILES_MAX], struct error *error)
{
    int unwanted[KEEPER_FILES_MAX], *got = files ? files : unwanted;
    const bool asked = keeper->owed && keeper->dials && request->what == KEEPER_DIAL;

    if (keeper->fd < 0)
        return no_keeper(keeper, error);
    if (!asked && !send_request(keeper, request, error))
        return false;
    keeper->owed = 0;
    if (!await(keeper, asked ? LATE_US : limit_us(request->what), answer, got, error))
        return false;
    if (!files)
        close_files(unwanted, answer->files);
    if (answer->error.code == EXIT_DONE)
        return true;
    return error_set(error, answer->error.code, "%s", answer->error.text);
}

bool keeper_ask_files(struct keeper *keeper, enum keeper_what what, uint32_t number,
                      struct keeper_answer *answer, int files[KEEPER_FILES_MAX],
                      struct error *error)
{
    struct keeper_request request = {.what = what, .number = number};

    return ask(keeper, &request, answer, files, error);
}

bool keeper_ask_figures(struct keeper *keeper, enum keeper_what what, uint32_t number,
                        const uint64_t figures[2], struct keeper_answer *answer,
                        struct error *error)
{
    struct keeper_request request = {
        .what = what, .number = number, .figures = {figures[0], figures[1]}};

    return ask(keeper, &request, answer, NULL, error);
}

bool keeper_ask(struct keeper *keeper, enum keeper_what what, uint32_t number,
                struct keeper_answer *answer, struct error *error)
{
    return keeper_ask_figures(keeper, what, number, (const uint64_t[2]){0}, answer, error);
}

void keeper_stop(struct keeper *keeper)
{
    lose(keeper);
}
