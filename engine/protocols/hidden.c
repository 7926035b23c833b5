/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hidden.c - names of the hidden forms, and eMule's obfuscated handshake between peers (the eMule
 * project calls it protocol obfuscation): the client speaks first, once it has the server's user
 * hash from some third party.
 *
 *      byte     0                  1 to 4    5                        9          10         11
 *                                                                     12
 *      request  not e3, c5, d4     random    c4 6f 5e 83              methods    preferred
 *                                                                     padding's n  n bytes
 *      answer   c4 6f 5e 83        method    padding's n   n bytes
 *               |------- in clear --------|  |----------------------- RC4
 *                                            -------------------------------
 *
 * The key is MD5(user hash of the server, 34 from the client or 203 from the server, the 4 random
 * bytes), and the first 1,024 bytes of the stream are thrown away.
 */
#include "engine/protocols/hidden.h"

#include <nettle/arcfour.h>
#include <nettle/md5.h>
#include <string.h>

#include "engine/protocols/match.h"

#define RANDOM_AT    1
#define RANDOM_BYTES 4
#define MAGIC_AT     5
#define MAGIC_BYTES  4
#define BY_CLIENT    34
#define BY_SERVER    203
#define THROWN_BYTES 1024

#define EDONKEY_HEADER_BYTES 6
#define HELLO_ANSWER         0x4c
#define MESSAGES_MOST        4

_Static_assert(EDONKEY_HIDDEN_BYTES == MAGIC_AT + MAGIC_BYTES &&
                   EDONKEY_HIDDEN_ANSWER_BYTES == MAGIC_BYTES,
               "the magic number decides");

static const uint8_t magic[MAGIC_BYTES] = {0xc4, 0x6f, 0x5e, 0x83};

enum protocol_id hidden_protocol(enum hidden_form form)
{
    return form == HIDDEN_BITTORRENT ? PROTOCOL_BITTORRENT
           : form == HIDDEN_EDONKEY  ? PROTOCOL_EDONKEY
                                     : PROTOCOL_UNKNOWN;
}

uint64_t hidden_protocols(uint8_t forms)
{
    uint64_t protocols = 0;

    for (int form = 1; form < HIDDEN_FORMS; form <<= 1) {
        if (forms & form)
            protocols |= UINT64_C(1) << hidden_protocol((enum hidden_form)form);
    }
    return protocols;
}

const char *hidden_form_name(enum hidden_form form)
{
    return form == HIDDEN_BITTORRENT ? "encrypted" : form == HIDDEN_EDONKEY ? "obfuscated" : NULL;
}

/* What the magic number would look like on the wire. */
static void encipher_magic(const uint8_t user_hash[EDONKEY_HASH_BYTES], uint8_t sender,
                           const uint8_t random[RANDOM_BYTES], uint8_t wire[MAGIC_BYTES])
{
    uint8_t key[MD5_DIGEST_SIZE], thrown[THROWN_BYTES] = {0};
    struct md5_ctx md5;
    struct arcfour_ctx stream;

    md5_init(&md5);
    md5_update(&md5, EDONKEY_HASH_BYTES, user_hash);
    md5_update(&md5, 1, &sender);
    md5_update(&md5, RANDOM_BYTES, random);
    md5_digest(&md5, sizeof(key), key);
    arcfour_set_key(&stream, sizeof(key), key);
    arcfour_crypt(&stream, sizeof(thrown), thrown, thrown);
    arcfour_crypt(&stream, MAGIC_BYTES, wire, magic);
}

static bool is_plain_mark(uint8_t first)
{
    return first == 0xe3 || first == 0xc5 || first == 0xd4;
}

enum match edonkey_hidden_begins(const uint8_t *request, size_t bytes)
{
    if ((bytes > 0 && is_plain_mark(request[0])) ||
        protocol_of_request(request, bytes) != PROTOCOL_UNKNOWN)
        return MATCH_NO;
    return bytes < EDONKEY_HIDDEN_BYTES ? MATCH_MORE : MATCH_YES;
}

enum match edonkey_hidden_check(const uint8_t user_hash[EDONKEY_HASH_BYTES], const uint8_t *request,
                                size_t bytes)
{
    uint8_t wire[MAGIC_BYTES];
    enum match begins = edonkey_hidden_begins(request, bytes);

    if (begins != MATCH_YES)
        return begins;
    encipher_magic(user_hash, BY_CLIENT, request + RANDOM_AT, wire);
    return memcmp(wire, request + MAGIC_AT, MAGIC_BYTES) == 0 ? MATCH_YES : MATCH_NO;
}

enum acceptance edonkey_hidden_accepts(const uint8_t user_hash[EDONKEY_HASH_BYTES],
                                       const uint8_t *request, const uint8_t *answer,
                                       size_t answer_bytes)
{
    uint8_t wire[MAGIC_BYTES];

    encipher_magic(user_hash, BY_SERVER, request + RANDOM_AT, wire);
    return acceptance_of(begins_exactly(wire, sizeof(wire), answer, answer_bytes));
}

/* eMule puts an EMULEINFO in front of its HELLOANSWER, and what is packed or longer than what is
 * there ends the search. */
const uint8_t *edonkey_user_hash(const uint8_t *answer, size_t bytes)
{
    size_t at = 0;

    for (int i = 0; i < MESSAGES_MOST && bytes - at >= EDONKEY_HEADER_BYTES + EDONKEY_HASH_BYTES;
         i++) {
        const uint8_t *message = answer + at;
        size_t length = (size_t)message[1] | (size_t)message[2] << 8 | (size_t)message[3] << 16;

        if (message[0] == 0xe3 && message[5] == HELLO_ANSWER && length > EDONKEY_HASH_BYTES)
            return message + EDONKEY_HEADER_BYTES;
        if (!is_plain_mark(message[0]) || message[4] != 0 || length + 5 > bytes - at)
            return NULL;
        at += length + 5;
    }
    return NULL;
}
