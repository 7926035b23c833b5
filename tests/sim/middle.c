/* SPDX-License-Identifier: GPL-2.0-or-later */
/* middle.c - see middle.h. */
#include "tests/sim/middle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Small, so that limits are met; memory is mapped, not filled, so that only what is used counts. */
static void small_tables(struct engine_config *config)
{
    engine_config_defaults(config);
    config->flows_max = 4096;
    config->openings_max = 64;
    config->greeted_max = 1024;
    config->slots_max = 1024;
    config->servers_max = 64;
    config->sources_max = 1024;
    config->observations_max = 256;
    config->held_least = 4096; /* more than most fill; siege.c has the daemon's */
    config->served_max = 16384;
    for (unsigned i = 0; i < sizeof config->keys.mac; i++)
        config->keys.mac[i] = (uint8_t)(i * 7 + 1);
    config->keys.tsval[0] = 0x1234567890abcdefu;
    config->keys.tsval[1] = 0xfedcba0987654321u;
    config->table_seed[0] = 11;
    config->table_seed[1] = 13;
}

/*
 * Mapping and faulting in a megabyte of memory takes longer than most runs: the memory of an engine
 * that is gone serves the next one of the same size, filled with zeros again.
 */
static struct {
    void *memory;
    size_t bytes;
} spare;

static void *take_memory(size_t bytes)
{
    void *memory = spare.memory;
    if (memory != NULL && spare.bytes == bytes) {
        spare.memory = NULL;
        return memset(memory, 0, bytes);
    }
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                  -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap of the engine's memory");
        abort();
    }
    return memory;
}

static void give_memory(void *memory, size_t bytes)
{
    if (spare.memory != NULL)
        munmap(spare.memory, spare.bytes);
    spare.memory = memory;
    spare.bytes = bytes;
}

static struct engine_config changed(void (*change)(struct engine_config *config))
{
    struct engine_config config = {0};
    small_tables(&config);
    if (change != NULL)
        change(&config);
    return config;
}

static struct middle *make(struct engine_config config, struct path *path, uint64_t now_us)
{
    struct middle *middle = calloc(1, sizeof *middle);
    middle->path = path;
    middle->memory_bytes = engine_bytes(&config);
    middle->memory = take_memory(middle->memory_bytes);
    middle->engine = engine_init(middle->memory, &config, now_us);
    middle->buffer = malloc(PACKET_BUFFER_BYTES);
    middle->mtu = 1500;
    return middle;
}

struct middle *middle_new(void (*change)(struct engine_config *config), uint64_t now_us)
{
    return make(changed(change), NULL, now_us);
}

struct middle *middle_new_beside_path(void (*change)(struct engine_config *config), uint64_t seed,
                                      uint64_t now_us)
{
    struct engine_config config = changed(change);
    struct path *path = path_new(&config, seed);
    return make(config, path, now_us);
}

void middle_free(struct middle *middle)
{
    if (middle == NULL)
        return;
    give_memory(middle->memory, middle->memory_bytes);
    free(middle->policy);
    free(middle->buffer);
    path_free(middle->path);
    free(middle);
}

void middle_adopt(struct middle *middle, struct policy *policy, uint64_t now_us)
{
    engine_adopt_policy(middle->engine, policy, now_us);
    free(middle->policy);
    middle->policy = policy;
}

static const char *check_leaving(const struct middle *middle, const uint8_t *buffer, uint32_t bytes)
{
    struct packet packet;
    const char *wrong = packet_read(&packet, buffer, bytes);
    if (wrong != NULL)
        return wrong;
    uint32_t ip_bytes = addr_is_v4(&packet.src) ? 20 : 40;
    uint32_t payload = packet.gso_bytes > 0 ? packet.gso_bytes : packet.payload_bytes;
    if (ip_bytes + 20 + packet.options_bytes + payload > middle->mtu)
        return "longer than the MTU";
    return NULL;
}

/* A frame that is passed on may be as wrong as it came; one of our own may not. */
static void leave(struct middle *middle, enum side to, const uint8_t *buffer, uint32_t bytes,
                  bool exempt, bool reply)
{
    const char *wrong = exempt ? NULL : check_leaving(middle, buffer, bytes);
    if (wrong != NULL)
        middle->complaint(middle->context, to, buffer, bytes, wrong);
    middle->sink(middle->context, to, buffer, bytes, reply);
}

static void empty_outbox(struct middle *middle)
{
    struct outbox *outbox = engine_outbox(middle->engine);
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_frame *frame = &outbox->frames[i];
        leave(middle, frame->to, outbox->memory + frame->offset, frame->bytes, false, true);
    }
    outbox->count = 0;
    outbox->used = 0;
}

static void empty_observations(struct middle *middle)
{
    struct observation_queue *queue = engine_observations(middle->engine);
    for (uint32_t i = 0; i < queue->count; i++) {
        middle->observed[queue->slots[i].kind]++;
        middle->negative_greetings +=
            queue->slots[i].kind == OBSERVED_GREETING && queue->slots[i].greeting.negative;
        if (middle->observer != NULL)
            middle->observer(middle->observer_context, &queue->slots[i]);
    }
    queue->count = 0;
}

static void engine_takes(struct middle *middle, enum side from, const uint8_t *buffer,
                         uint32_t bytes, uint64_t now_us)
{
    struct packet packet;
    bool wrong_already = packet_read(&packet, buffer, bytes) != NULL;
    struct verdict verdict = {0};
    memcpy(middle->buffer, buffer, bytes);
    if (middle->path != NULL)
        engine_input_beside_carried(middle->engine, from, middle->buffer, bytes, bytes,
                                    PACKET_BUFFER_BYTES, now_us, &verdict);
    else
        engine_input(middle->engine, from, middle->buffer, bytes, bytes, PACKET_BUFFER_BYTES,
                     now_us, &verdict);
    middle->last = verdict;
    if (verdict.action == VERDICT_FORWARD)
        leave(middle, side_other(from), middle->buffer, verdict.bytes, wrong_already, false);
    else if (verdict.action == VERDICT_REPLY)
        leave(middle, from, middle->buffer, verdict.bytes, false, true);
    empty_outbox(middle);
    empty_observations(middle);
}

void middle_hear(struct middle *middle, uint64_t now_us)
{
    const uint8_t *told;
    uint32_t bytes;
    while (middle->path != NULL && (told = path_told(middle->path, &bytes)) != NULL) {
        if (middle->told != NULL)
            middle->told(middle->context, SIDE_SERVER, told, bytes);
        engine_takes(middle, SIDE_SERVER, told, bytes, now_us);
        path_settle(middle->path, middle->engine);
    }
}

static void beside_path(struct middle *middle, enum side from, const uint8_t *buffer,
                        uint32_t bytes, uint64_t now_us)
{
    enum path_action action = path_frame(middle->path, from, buffer, bytes, now_us);
    struct path_out out = path_out(middle->path);
    if (action == PATH_OUT)
        leave(middle, out.to, out.buffer, out.bytes, false, out.reply);
    if (action == PATH_UP)
        engine_takes(middle, from, buffer, bytes, now_us);
    else
        middle_hear(middle, now_us);
    path_settle(middle->path, middle->engine);
}

void middle_input(struct middle *middle, enum side from, const uint8_t *buffer, uint32_t bytes,
                  uint64_t now_us)
{
    if (middle->path != NULL)
        beside_path(middle, from, buffer, bytes, now_us);
    else
        engine_takes(middle, from, buffer, bytes, now_us);
}

void middle_tick(struct middle *middle, uint64_t now_us)
{
    bool more = true;
    middle_hear(middle, now_us);
    for (int rounds = 0; more && rounds < 100000; rounds++) {
        more = engine_tick(middle->engine, now_us);
        empty_outbox(middle);
        empty_observations(middle);
        if (middle->path != NULL)
            path_settle(middle->path, middle->engine);
    }
}

uint64_t middle_deadline(const struct middle *middle)
{
    return engine_next_deadline(middle->engine);
}

const struct counters *middle_counters(struct middle *middle)
{
    return engine_counters(middle->engine);
}
