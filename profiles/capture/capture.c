/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.c - see capture.h.
 *
 *      file --> link header made Ethernet --> direction --> engine (normal mode) --> observations
 *      --> learner
 *
 * The engine and the learner are the same as on a live wire. Time is the capture's own, never
 * running back. Checksums do not matter: captures made on a sending host have them unfinished, so
 * the engine is told that they are good.
 */
#include "profiles/capture/capture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <pcap/pcap.h>

#include "engine/base/bytes.h"
#include "engine/engine.h"
#include "profiles/capture/capture_file.h"
#include "profiles/capture/direction.h"
#include "profiles/learn/learner.h"

#define CAPTURE_FRAME_MAX (256u * 1024) /* libpcap's own limit for a snapshot */
#define CAPTURE_ROOM      256u /* for offload and Ethernet header, and what an engine may append */
#define ETHERTYPE_IPV4    0x0800
#define ETHERTYPE_IPV6    0x86dd
/* Of an IPv6 packet that is no jumbogram */
#define LONGEST_BYTES (LINK_HEADER_MAX + 40u + 65535u)
#define START_US      (1ull * 1000 * 1000)

struct capture {
    struct capture_file *file;
    int unknown_link_type; /* the last one met */
    struct direction_table *directions;
    struct learner *learner;
    void *memory;
    size_t memory_bytes;
    struct engine *engine;
    uint8_t *buffer;
    uint64_t first_wall_us, wall_us; /* of the first frame and of the present one */
    struct capture_summary *summary;
};

/* --- link types ------------------------------------------------------------------------------ */

/*
 * How long the link header is and where its EtherType stands; `type_at` < 0: told from the IP
 * version. False: not known.
 */
static bool link_shape(int link_type, uint32_t *header_bytes, int *type_at)
{
    *type_at = -1;
    switch (link_type) {
    case DLT_EN10MB:
        *header_bytes = ETH_HEADER_BYTES;
        *type_at = 12;
        return true;
    case DLT_LINUX_SLL:
        *header_bytes = 16;
        *type_at = 14;
        return true;
    case DLT_LINUX_SLL2:
        *header_bytes = 20;
        *type_at = 0;
        return true;
    case DLT_NULL: /* an address family, in the byte order and with the numbers of who knows which
                      system */
    case DLT_LOOP:
        *header_bytes = 4;
        return true;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        *header_bytes = 0;
        return true;
    default:
        return false;
    }
}

/*
 * Lays the frame behind the offload header in `buffer`, with an Ethernet header. Returns its bytes
 * there, 0 where it cannot be one of ours; `*wire_bytes` becomes its length on such a wire.
 */
static uint32_t lay_frame(const struct capture *capture, const struct capture_frame *captured,
                          uint32_t *wire_bytes)
{
    uint8_t *frame = capture->buffer + OFFLOAD_BYTES;
    const uint8_t *packet = captured->content;
    uint32_t link_bytes;
    int type_at;
    uint32_t rest;
    uint8_t version;
    uint16_t guessed;
    uint32_t on_wire;

    if (!link_shape(captured->link_type, &link_bytes, &type_at) || captured->bytes <= link_bytes ||
        captured->bytes > CAPTURE_FRAME_MAX)
        return 0;
    rest = captured->bytes - link_bytes;
    version = packet[link_bytes] >> 4;
    guessed = version == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    memset(capture->buffer, 0, OFFLOAD_BYTES + ETH_HEADER_BYTES);
    ((struct offload *)(void *)capture->buffer)->flags = OFFLOAD_CHECKSUM_VALID;
    if (captured->link_type == DLT_EN10MB)
        memcpy(frame, packet, 12);
    store_be16(frame + 12, type_at >= 0 ? load_be16(packet + type_at) : guessed);
    memcpy(frame + ETH_HEADER_BYTES, packet + link_bytes, rest);
    /* No frame is longer than that, whatever the file says. */
    on_wire = captured->wire_bytes < CAPTURE_FRAME_MAX ? captured->wire_bytes : CAPTURE_FRAME_MAX;
    *wire_bytes = on_wire - link_bytes + ETH_HEADER_BYTES;
    return rest + ETH_HEADER_BYTES;
}

/* --- frames ---------------------------------------------------------------------------------- */

static void learn_observations(struct capture *capture)
{
    struct observation_queue *queue = engine_observations(capture->engine);
    struct outbox *outbox;

    for (uint32_t i = 0; i < queue->count; i++)
        learner_observe(capture->learner, &queue->slots[i], capture->wall_us);
    queue->count = 0;
    outbox = engine_outbox(capture->engine);
    outbox->count = outbox->used = 0;
}

static uint64_t advance_clock(struct capture *capture, uint64_t wall_us)
{
    if (capture->summary->frames == 0)
        capture->first_wall_us = capture->wall_us = wall_us;
    if (wall_us > capture->wall_us)
        capture->wall_us = wall_us;
    return capture->wall_us - capture->first_wall_us + START_US;
}

/* The EtherType stands in front of the network header, also behind VLAN tags. */
static bool is_ip(const struct frame *frame)
{
    const uint16_t type = frame->l3 ? load_be16(frame->data + frame->l3 - 2) : 0;

    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6;
}

static void pass_over(struct capture_summary *summary, const struct frame *frame, uint32_t bytes)
{
    struct capture_passed_over *reasons = &summary->passed_over;

    summary->frames_passed_over++;
    if (bytes == 0)
        reasons->link++;
    else if (frame->kind == FRAME_TCP_FRAGMENT)
        reasons->fragments++;
    else if (frame->kind == FRAME_MALFORMED || frame->kind == FRAME_UNREADABLE)
        reasons->malformed++;
    else if (is_ip(frame))
        reasons->not_tcp++;
    else
        reasons->not_ip++;
}

static void note_tcp(struct capture *capture, const struct frame *frame)
{
    struct capture_summary *summary = capture->summary;
    const bool whole = frame->payload_present == frame->payload_bytes;

    summary->tcp_frames++;
    summary->cut_short += !whole;
    summary->bad_checksums += whole && !frame_checksum_good(frame);
    summary->without_handshake += !direction_known(capture->directions, frame);
}

/* Tools that cut frames may put the new length for the old one: then the IP header alone tells how
 * long it was. */
static enum frame_kind parse(struct capture *capture, struct frame *frame, uint32_t bytes,
                             uint32_t *wire_bytes)
{
    uint8_t *data = capture->buffer + OFFLOAD_BYTES;
    enum frame_kind kind = frame_parse(frame, NULL, data, bytes, *wire_bytes, CAPTURE_FRAME_MAX);

    if (kind != FRAME_MALFORMED || *wire_bytes >= LONGEST_BYTES)
        return kind;
    kind = frame_parse(frame, NULL, data, bytes, LONGEST_BYTES, CAPTURE_FRAME_MAX);
    if (kind == FRAME_TCP)
        *wire_bytes = LONGEST_BYTES;
    return kind;
}

static bool cannot_learn(const char *path, int link_type, struct error *error)
{
    return error_set(error, EXIT_FAILED, "cannot learn from %s: link type %d (%s) is not known",
                     path, link_type, pcap_datalink_val_to_description_or_dlt(link_type));
}

static bool link_type_known(int link_type)
{
    uint32_t link_bytes;
    int type_at;

    return link_shape(link_type, &link_bytes, &type_at);
}

/* A pcapng file may have frames of interfaces that no servers are behind (USB, Bluetooth), beside
 * others. */
static bool take_link_type(struct capture *capture, int link_type)
{
    if (link_type_known(link_type))
        return true;
    capture->unknown_link_type = link_type;
    capture->summary->frames_passed_over++;
    capture->summary->passed_over.link_type++;
    return false;
}

static void take_frame(struct capture *capture, const struct capture_frame *captured)
{
    const uint64_t now_us = advance_clock(capture, captured->wall_us);
    uint32_t wire_bytes;
    uint32_t bytes;
    struct frame frame;
    struct verdict verdict;

    capture->summary->frames++;
    if (!take_link_type(capture, captured->link_type))
        return;
    wire_bytes = 0;
    bytes = lay_frame(capture, captured, &wire_bytes);
    frame = (struct frame){0};
    if (bytes == 0 || parse(capture, &frame, bytes, &wire_bytes) != FRAME_TCP) {
        pass_over(capture->summary, &frame, bytes);
        return;
    }
    note_tcp(capture, &frame);
    while (engine_tick(capture->engine, now_us))
        learn_observations(capture);
    engine_input(capture->engine, direction_of(capture->directions, &frame), capture->buffer,
                 bytes + OFFLOAD_BYTES, wire_bytes + OFFLOAD_BYTES,
                 CAPTURE_FRAME_MAX + CAPTURE_ROOM, now_us, &verdict);
    learn_observations(capture);
    learner_tick(capture->learner, now_us, capture->wall_us);
}

/* --- the whole file -------------------------------------------------------------------------- */

static bool open_engine(struct capture *capture)
{
    struct engine_config config;

    engine_config_defaults(&config);
    config.table_seed[0] = 0x452821e638d01377u;
    config.table_seed[1] = 0xbe5466cf34e90c6cu;
    capture->memory_bytes = engine_bytes(&config);
    capture->memory = mmap(NULL, capture->memory_bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (capture->memory == MAP_FAILED) {
        capture->memory = NULL;
        return false;
    }
    capture->engine = engine_init(capture->memory, &config, START_US);
    engine_set_setting(capture->engine, NULL, SETTING_NORMAL, START_US);
    return true;
}

static bool open_parts(struct capture *capture, struct store *store)
{
    capture->directions = direction_new();
    capture->learner = learner_new(store);
    capture->buffer = calloc(1, CAPTURE_FRAME_MAX + CAPTURE_ROOM);
    return capture->directions && capture->learner && capture->buffer && open_engine(capture);
}

static void close_parts(struct capture *capture)
{
    direction_free(capture->directions);
    learner_free(capture->learner);
    free(capture->buffer);
    if (capture->memory)
        munmap(capture->memory, capture->memory_bytes);
    capture_file_close(capture->file);
}

/*
 * A file may end in mid-packet; anything else that stops the reading is an error, though what came
 * before was learned.
 */
static bool read_frames(struct capture *capture, const char *path, struct error *error)
{
    const struct capture_summary *summary = capture->summary;
    const int link_type = capture_file_link_type(capture->file);
    struct capture_frame frame;
    enum capture_read result;

    if (link_type >= 0 && !link_type_known(link_type))
        return cannot_learn(path, link_type, error);
    while ((result = capture_file_next(capture->file, &frame)) == CAPTURE_FRAME)
        take_frame(capture, &frame);
    capture->summary->truncated = result == CAPTURE_CUT;
    if (result == CAPTURE_ERROR)
        return error_set(error, EXIT_FAILED, "cannot read %s after frame %llu: %s", path,
                         (unsigned long long)summary->frames, capture_file_reason(capture->file));
    if (summary->frames > 0 && summary->passed_over.link_type == summary->frames)
        return cannot_learn(path, capture->unknown_link_type, error);
    return true;
}

static void finish(struct capture *capture)
{
    struct learner_stats stats;

    learner_flush(capture->learner, capture->wall_us);
    stats = learner_stats(capture->learner);
    capture->summary->flows = stats.flows;
    capture->summary->handshakes = stats.handshakes;
    capture->summary->requests = stats.requests_accepted;
    capture->summary->requests_refused = stats.requests_refused;
    capture->summary->flows_given_up = stats.flows_evicted;
}

static const struct policy *policy_of(void *context)
{
    return context;
}

static void rehearse(const struct capture *capture, const struct capture_rehearsal *rehearsal)
{
    const struct learner_rehearsal into = {
        .rehearsal = rehearsal->rehearsal,
        .policy = policy_of,
        .context = rehearsal->policy,
    };

    learner_rehearse(capture->learner, &into);
}

bool capture_learn_from(FILE *from, const char *path, struct store *store,
                        struct capture_summary *summary, struct error *error)
{
    return capture_rehearse_from(from, path, store, NULL, summary, error);
}

bool capture_rehearse_from(FILE *from, const char *path, struct store *store,
                           const struct capture_rehearsal *rehearsal,
                           struct capture_summary *summary, struct error *error)
{
    struct capture capture;
    bool opened;
    bool done;

    memset(summary, 0, sizeof(*summary));
    capture = (struct capture){.summary = summary, .file = capture_file_take(from, path, error)};
    if (!capture.file)
        return false;
    opened = open_parts(&capture, store);
    if (opened && rehearsal)
        rehearse(&capture, rehearsal);
    done = opened ? read_frames(&capture, path, error)
                  : error_set(error, EXIT_FAILED, "cannot learn from %s: out of memory", path);
    if (capture.engine)
        finish(&capture);
    close_parts(&capture);
    return done;
}

bool capture_learn(const char *path, struct store *store, struct capture_summary *summary,
                   struct error *error)
{
    FILE *from = capture_file_find(path, error);

    memset(summary, 0, sizeof(*summary));
    return from && capture_learn_from(from, path, store, summary, error);
}
