/* SPDX-License-Identifier: GPL-2.0-or-later */
/* encrypted.c - see encrypted.h. */
#include "profiles/model/encrypted.h"

#include <string.h>

#include "engine/protocols/hidden.h"

#define FLIGHT_LEAST  MSE_KEY_BYTES
#define FLIGHT_MOST   (MSE_KEY_BYTES + MSE_PADDING_BYTES)
#define REQUEST_LEAST 56 /* two hashes, zeros(8), offers(4), two lengths(2) */
#define ANSWER_LEAST  14 /* zeros(8), choice(4), a length(2) */
#define PREFACE       "\023BitTorrent protocol"
#define PREFACE_BYTES (sizeof(PREFACE) - 1)
/* Plain text stands here, if at all */
#define ANSWER_WITHIN (ANSWER_LEAST + MSE_PADDING_BYTES + PREFACE_BYTES)

void flights_note(struct flights *flights, const struct observed_data *data)
{
    const uint32_t end = data->offset + data->wire_bytes;

    if (end < data->offset)
        return;
    if (data->from == SIDE_CLIENT && data->peer_acked == 0 && end > flights->client_first)
        flights->client_first = end;
    if (data->from == SIDE_SERVER && data->peer_acked <= flights->client_first &&
        end > flights->server_first)
        flights->server_first = end;
}

/* `over`: the other side has spoken since, this flight will not grow. */
static enum encrypted judge_flight(const struct stream *stream, uint32_t flight, bool over)
{
    if (flight > FLIGHT_MOST || (over && flight < FLIGHT_LEAST))
        return ENCRYPTED_NOT;
    if (flight < FLIGHT_LEAST || stream_bytes(stream) < flight)
        return ENCRYPTED_MORE;
    return looks_random(stream->data, flight) ? ENCRYPTED_LIKE : ENCRYPTED_NOT;
}

static bool in_clear(const struct stream *server, uint32_t from, uint32_t bytes)
{
    return bytes >= PREFACE_BYTES &&
           memmem(server->data + from, bytes, PREFACE, PREFACE_BYTES) != NULL;
}

/* The server's words behind its first flight. */
static enum encrypted judge_answer(const struct flights *flights, const struct stream *server,
                                   bool ended)
{
    const uint32_t there = stream_bytes(server) - flights->server_first;
    const uint32_t looked_at = there < ANSWER_WITHIN ? there : ANSWER_WITHIN;

    if (in_clear(server, flights->server_first, looked_at))
        return ENCRYPTED_PROVED;
    if (there < ANSWER_WITHIN && !ended)
        return ENCRYPTED_MORE;
    return there < ANSWER_LEAST ? ENCRYPTED_UNANSWERED : ENCRYPTED_LIKE;
}

enum encrypted encrypted_judge(const struct flights *flights, const struct stream *client,
                               const struct stream *server, bool ended)
{
    const bool went_on = stream_bytes(client) > flights->client_first;
    const enum encrypted asked = judge_flight(client, flights->client_first, true),
                         answered = judge_flight(server, flights->server_first, went_on);

    if (asked == ENCRYPTED_NOT || answered == ENCRYPTED_NOT)
        return ENCRYPTED_NOT;
    if (asked == ENCRYPTED_MORE || answered == ENCRYPTED_MORE ||
        stream_bytes(client) < flights->client_first + REQUEST_LEAST)
        return ended ? ENCRYPTED_NOT : ENCRYPTED_MORE;
    return judge_answer(flights, server, ended);
}
