/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bittorrent.c - BitTorrent's handshake between peers (BEP 3): the client speaks first.
 *
 *      19 "BitTorrent protocol"   reserved(8)   info_hash(20)   peer_id(20)
 *      |---- 20 bytes decide ---|
 *
 * The answer is the same, with the same info_hash; the peer_id, in which clients pretend to be
 * others, may come later and is never looked at. A client that asks for what the peer does not have
 * is closed on without an answer.
 *
 * Limits: the encrypted handshake (MSE/PE), which looks random, is mse.c's.
 */
#include "engine/protocols/whole.h"

#define PREFACE       "\023BitTorrent protocol"
#define PREFACE_BYTES (sizeof(PREFACE) - 1)
#define HASH_AT       28
#define HASH_END      48

static enum match bittorrent_check(const uint8_t *request, size_t bytes)
{
    return begins_exactly(PREFACE, PREFACE_BYTES, request, bytes);
}

static enum acceptance bittorrent_accepts(const uint8_t *request, size_t request_bytes,
                                          const uint8_t *answer, size_t answer_bytes)
{
    enum match match = bittorrent_check(answer, answer_bytes);

    if (match == MATCH_YES && answer_bytes < HASH_AT)
        match = MATCH_MORE;
    if (match == MATCH_YES)
        match = request_bytes < HASH_END ? MATCH_NO
                                         : begins_exactly(request + HASH_AT, HASH_END - HASH_AT,
                                                          answer + HASH_AT, answer_bytes - HASH_AT);
    return acceptance_of(match);
}

/* The content that is asked for; it may come in a segment of its own. */
static enum match bittorrent_keyword(const uint8_t *request, size_t bytes,
                                     struct keywords_found *found)
{
    if (bytes < HASH_END)
        return MATCH_MORE;
    return keywords_put(found, KEYWORD_INFO_HASH, request + HASH_AT, HASH_END - HASH_AT) ? MATCH_YES
                                                                                         : MATCH_NO;
}

/* The peer_id may come only after the answer. */
static enum match bittorrent_whole(const uint8_t *request, size_t bytes, size_t from,
                                   size_t *needed)
{
    (void)request;
    (void)from;
    return whole_message(bytes, HASH_END, needed);
}

const struct protocol protocol_bittorrent = {
    .id = PROTOCOL_BITTORRENT,
    .name = "bittorrent",
    .check = bittorrent_check,
    .whole = bittorrent_whole,
    .accepts = bittorrent_accepts,
    .keyword = bittorrent_keyword,
};
