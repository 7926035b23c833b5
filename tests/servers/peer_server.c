/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer_server - a BitTorrent peer for the tests: it answers the handshake of who asks for what it
 * has (BEP 3).
 *
 *      peer_server --port N --hash TEXT [--hash TEXT]... [--count FILE] [--max-connections N]
 *      [--refuse ADDRESS]
 *
 * --hash  20 characters: an info_hash that it has. Who asks for another is closed on without a
 *         word, as real peers do.
 */
#include "tests/servers/loop.h"

#define PREFACE_BYTES 20
#define HASH_AT       28
#define HASH_BYTES    20
#define ASKED_BYTES   (HASH_AT + HASH_BYTES)
#define HASHES_MAX    64

static const char preface[] = "\x13"
                              "BitTorrent protocol\0\0\0\0\0\x10\0\x05";
static const char peer_id[] = "-TT0002-abcdefghijkl";
static const char *hashes[HASHES_MAX];
static size_t hashes_count;

static void protocol_start(struct connection *c)
{
    (void)c;
}

static void protocol_refuse(struct connection *c)
{
    (void)c;
}

static void protocol_timer(struct connection *c)
{
    (void)c;
}

static bool has(const char *hash)
{
    for (size_t i = 0; i < hashes_count; i++)
        if (memcmp(hashes[i], hash, HASH_BYTES) == 0)
            return true;
    return false;
}

static size_t protocol_input(struct connection *c, char *data, size_t bytes)
{
    if (c->state == 1)
        return bytes; /* the peer_id, and what follows */
    if (bytes < ASKED_BYTES)
        return 0;
    c->state = 1;
    if (memcmp(data, preface, PREFACE_BYTES) != 0 || !has(data + HASH_AT)) {
        loop.counts->refused++;
        c->closing = true;
        return bytes;
    }
    loop.counts->requests++;
    say_bytes(c, preface, HASH_AT);
    say_bytes(c, data + HASH_AT, HASH_BYTES);
    say_bytes(c, peer_id, sizeof(peer_id) - 1);
    return bytes;
}

static void add_hash(const char *text)
{
    if (strlen(text) != HASH_BYTES || hashes_count == HASHES_MAX)
        die("not %d characters, or one hash too many: %s", HASH_BYTES, text);
    hashes[hashes_count++] = text;
}

int main(int argc, char **argv)
{
    struct listen_options options = {.port = 6881};
    const char *counts = NULL;
    if (argc % 2 == 0)
        die("usage: peer_server --port N --hash TEXT [--hash TEXT]... [--count FILE] "
            "[--max-connections N] "
            "[--refuse ADDRESS]");
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0)
            options.port = (uint16_t)number(argv[i + 1]);
        else if (strcmp(argv[i], "--hash") == 0)
            add_hash(argv[i + 1]);
        else if (strcmp(argv[i], "--count") == 0)
            counts = argv[i + 1];
        else if (strcmp(argv[i], "--max-connections") == 0)
            loop.connections_max = number(argv[i + 1]);
        else if (strcmp(argv[i], "--refuse") == 0)
            loop.refused = argv[i + 1];
        else
            die("no such option: %s", argv[i]);
    }
    loop_run(&options, counts, NULL);
    return 0;
}
