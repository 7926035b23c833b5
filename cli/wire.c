/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire.c - see wire.h. */
#include "cli/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/output.h"

#define FIRST_BYTES (64u * 1024)

void wire_begin(struct wire *wire, int fd, struct json_object *request)
{
    const int bytes = asprintf(&wire->request, "%s\n",
                               json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));

    if (bytes < 0)
        wire->request = output_alloc(NULL);
    wire->request_bytes = (size_t)bytes;
    wire->fd = fd;
    wire->sent = wire->bytes = 0;
    json_object_put(request);
}

struct pollfd wire_watched(const struct wire *wire)
{
    return (struct pollfd){.fd = wire->fd,
                           .events = wire->sent < wire->request_bytes ? POLLIN | POLLOUT : POLLIN};
}

static bool passing(int reason)
{
    return reason == EAGAIN || reason == EINTR;
}

/* What the daemon does not want to hear it answers. */
static void send_rest(struct wire *wire)
{
    const ssize_t sent =
        send(wire->fd, wire->request + wire->sent, wire->request_bytes - wire->sent, MSG_NOSIGNAL);

    if (sent > 0)
        wire->sent += (size_t)sent;
    else if (!passing(errno))
        wire->sent = wire->request_bytes;
}

static bool make_room(struct wire *wire)
{
    if (wire->bytes < wire->capacity)
        return true;
    if (wire->capacity >= WIRE_ANSWER_MAX)
        return false;
    wire->capacity = wire->capacity ? 2 * wire->capacity : FIRST_BYTES;
    wire->answer = output_alloc(realloc(wire->answer, wire->capacity));
    return true;
}

bool wire_move(struct wire *wire)
{
    ssize_t received;

    if (wire->sent < wire->request_bytes)
        send_rest(wire);
    do {
        if (!make_room(wire))
            return false;
        received = recv(wire->fd, wire->answer + wire->bytes, wire->capacity - wire->bytes, 0);
        wire->bytes += received > 0 ? (size_t)received : 0;
    } while (received > 0);
    return received < 0 && passing(errno);
}

void wire_lines(struct wire *wire, void (*heard)(void *context, const char *line, size_t bytes),
                void *context)
{
    size_t done = 0;

    while (done < wire->bytes) {
        const char *end = memchr(wire->answer + done, '\n', wire->bytes - done);

        if (!end)
            break;
        heard(context, wire->answer + done, (size_t)(end - wire->answer) - done);
        done = (size_t)(end - wire->answer) + 1;
    }
    wire->bytes -= done;
    if (done > 0 && wire->bytes > 0)
        memmove(wire->answer, wire->answer + done, wire->bytes);
}

void wire_hang_up(struct wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
}

void wire_close(struct wire *wire)
{
    wire_hang_up(wire);
    free(wire->request);
    free(wire->answer);
    *wire = (struct wire){.fd = -1};
}
