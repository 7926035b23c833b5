/* SPDX-License-Identifier: GPL-2.0-or-later */
/* synack_cache.c - lays out SYN-ACKs. See synack_cache.h. */
#include "engine/server/synack_cache.h"

#include <string.h>

#define WINDOW_DEFAULT 64240

void kept_answer_say(const struct synack_answer *answer, struct segment *segment)
{
    const struct synack_features *features = &answer->features;

    segment->flags = (uint8_t)(TCP_SYN | TCP_ACK | (features->ecn ? TCP_ECE : 0));
    /* A window of 0 would stop every client (rule 5.2, RFC 9293 3.8.6); it stands in a profile
     * only where none was seen. */
    segment->window = features->window ? features->window : WINDOW_DEFAULT;
    segment->options_bytes = answer->options_bytes;
}

/* The sum over which a checksum was made, as it lies in memory. */
static uint16_t sum_of(const uint8_t *checksum)
{
    uint16_t field;

    memcpy(&field, checksum, sizeof(field));
    return (uint16_t)~field;
}

/* Writes the segment between hosts and ports 0, which add nothing to its sums, and takes it apart.
 */
static void lay_out_v4(struct kept_answer *kept)
{
    static const uint8_t nobody[4] = {0};
    static const struct link_header link = {.length = ETH_HEADER_BYTES};
    uint8_t buffer[OFFLOAD_BYTES + ETH_HEADER_BYTES + IPV4_HEADER_BYTES + sizeof(kept->v4.tcp)];
    const uint8_t *ip = buffer + OFFLOAD_BYTES + ETH_HEADER_BYTES, *tcp = ip + IPV4_HEADER_BYTES;
    struct segment segment = {.src = addr_from_v4(nobody), .dst = addr_from_v4(nobody)};

    segment.ttl = promised_ttl(kept->promise);
    segment.df = kept->promise->synack.df;
    kept_answer_say(&kept->answer, &segment);
    segment.options = kept->answer.options;
    if (!segment_write(buffer, sizeof(buffer), &link, &segment) ||
        kept->answer.timestamps_at % 2 != 0)
        return;
    kept->v4.tcp_bytes = (uint8_t)(TCP_HEADER_BYTES + kept->answer.options_bytes);
    kept->v4.timestamps_at =
        kept->answer.timestamps_at ? (uint8_t)(TCP_HEADER_BYTES + kept->answer.timestamps_at) : 0;
    memcpy(kept->v4.ip, ip, sizeof(kept->v4.ip));
    memcpy(kept->v4.tcp, tcp, kept->v4.tcp_bytes);
    kept->v4.ip_sum = sum_of(ip + 10);
    kept->v4.tcp_sum = sum_of(tcp + TCP_CHECKSUM_AT);
    memset(kept->v4.ip + 10, 0, 2);
    memset(kept->v4.tcp + TCP_CHECKSUM_AT, 0, 2);
}

void synack_cache_forget(struct synack_cache *cache)
{
    memset(cache->slots, 0, sizeof(cache->slots));
    cache->last = &cache->slots[0];
}

struct kept_answer *kept_answer_other(struct synack_cache *cache, uint32_t server,
                                      const struct promise *promise, uint8_t offered)
{
    struct kept_answer *kept = &cache->slots[(server * 7 + offered) & (ANSWERS - 1)];

    if (kept->promise != promise || kept->offered != offered) {
        *kept = (struct kept_answer){.promise = promise, .offered = offered};
        synack_prepare(&promise->synack, offered, &kept->answer);
        lay_out_v4(kept);
    }
    cache->last = kept;
    return kept;
}
