/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire.c - see wire.h. */
#include "tests/sim/wire.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/host.h"
#include "tests/sim/trace.h"

/* A frame under way, or a call that is due. */
struct event {
    uint64_t at_us, order;
    wire_call *call;
    void *context;
    uint8_t *frame; /* NULL: a call */
    uint32_t bytes;
    enum side side;
    bool into_middle;
};

static bool earlier(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void heap_push(struct wire *wire, const struct event *event)
{
    if (wire->events_count == wire->events_capacity) {
        wire->events_capacity = wire->events_capacity == 0 ? 256 : wire->events_capacity * 2;
        wire->events = realloc(wire->events, wire->events_capacity * sizeof *wire->events);
    }
    uint32_t at = wire->events_count++;
    while (at > 0 && earlier(event, &wire->events[(at - 1) / 2])) {
        wire->events[at] = wire->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    wire->events[at] = *event;
}

static struct event heap_pop(struct wire *wire)
{
    struct event first = wire->events[0];
    struct event last = wire->events[--wire->events_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= wire->events_count)
            break;
        if (child + 1 < wire->events_count &&
            earlier(&wire->events[child + 1], &wire->events[child]))
            child++;
        if (!earlier(&wire->events[child], &last))
            break;
        wire->events[at] = wire->events[child];
        at = child;
    }
    if (wire->events_count > 0)
        wire->events[at] = last;
    return first;
}

/* Keeps the segment for the trace. Returns it, or NULL where it is not right; its payload lies in
 * `frame`. */
static const struct packet *note(struct wire *wire, enum side side, bool into, const uint8_t *frame,
                                 uint32_t bytes)
{
    struct trace_line *line = &wire->trace[wire->trace_count++ % WIRE_TRACE_LINES];
    line->at_us = wire->now_us;
    line->side = side;
    line->into = into;
    line->wrong = packet_read(&line->packet, frame, bytes);
    return line->wrong == NULL ? &line->packet : NULL;
}

/* Puts a copy of the frame on a link; it is `late_us` longer under way than others. */
static void travel(struct wire *wire, const struct link *link, enum side side, bool into_middle,
                   const uint8_t *frame, uint32_t bytes, uint64_t late_us)
{
    uint64_t delay_us = link->latency_us + late_us;
    if (rng_chance(&wire->rng, link->loss))
        return;
    if (rng_chance(&wire->rng, link->reorders))
        delay_us += rng_below(&wire->rng, (uint32_t)(3 * link->latency_us + 2000));
    struct event event = {.at_us = wire->now_us + delay_us,
                          .order = wire->order++,
                          .frame = malloc(bytes),
                          .bytes = bytes,
                          .side = side,
                          .into_middle = into_middle};
    memcpy(event.frame, frame, bytes);
    bool partial = (frame[0] & OFFLOAD_NEEDS_CHECKSUM) != 0; /* nothing would tell the host */
    uint32_t l3 = OFFLOAD_BYTES + LINK_HEADER_MAX;
    /* Once on the way at most: two flipped bits may cancel out in a sum of 16-bit words, and then
     * nobody could tell. */
    if (!partial && into_middle && rng_chance(&wire->rng, link->corrupts))
        event.frame[l3 + rng_below(&wire->rng, bytes - l3)] ^=
            (uint8_t)(1u << rng_below(&wire->rng, 8));
    heap_push(wire, &event);
}

static void put_on_link(struct wire *wire, enum side side, bool into_middle, const uint8_t *frame,
                        uint32_t bytes)
{
    const struct link *link = into_middle ? &wire->in[side] : &wire->out[side];
    travel(wire, link, side, into_middle, frame, bytes, 0);
    if (rng_chance(&wire->rng, link->duplicates))
        travel(wire, link, side, into_middle, frame, bytes, 0);
    if (link->late > 0 && rng_chance(&wire->rng, link->late))
        travel(wire, link, side, into_middle, frame, bytes, rng_below(&wire->rng, WIRE_LATE_US));
}

static void leave_middle(void *context, enum side to, const uint8_t *frame, uint32_t bytes,
                         bool reply)
{
    struct wire *wire = context;
    const struct packet *packet = note(wire, to, false, frame, bytes);
    if (wire->on_leave != NULL && packet != NULL)
        wire->on_leave(wire, to, packet, reply);
    put_on_link(wire, to, false, frame, bytes);
}

static void complain(void *context, enum side to, const uint8_t *frame, uint32_t bytes,
                     const char *text)
{
    struct wire *wire = context;
    note(wire, to, false, frame, bytes);
    wire_fail(wire, "a frame left the engine that is wrong: %s", text);
}

/* It came a moment ago; what the engine says to it answers it, and not what came since. */
static void told(void *context, enum side from, const uint8_t *frame, uint32_t bytes)
{
    struct wire *wire = context;
    struct packet packet;
    if (packet_read(&packet, frame, bytes) == NULL && wire->on_enter != NULL)
        wire->on_enter(wire, from, &packet);
}

void wire_insert(struct wire *wire, struct middle *middle)
{
    wire->middle = middle;
    middle->sink = leave_middle;
    middle->complaint = complain;
    middle->told = told;
    middle->context = wire;
}

/* Of a wire that is gone, for the next one. */
static struct trace_line *spare_trace;

struct wire *wire_new(uint64_t seed, struct middle *middle, uint64_t start_us)
{
    struct wire *wire = calloc(1, sizeof *wire);
    wire->now_us = wire->began_us = start_us;
    wire->seed = seed;
    wire->rng.state = seed;
    wire->mtu = 1500;
    wire->trace = spare_trace != NULL ? spare_trace : calloc(WIRE_TRACE_LINES, sizeof *wire->trace);
    spare_trace = NULL;
    if (middle != NULL)
        wire_insert(wire, middle);
    wire_set_links(wire, &(struct link){.latency_us = 5000});
    return wire;
}

void wire_free(struct wire *wire)
{
    for (struct host *host = wire->hosts, *next; host != NULL; host = next) {
        next = host->next;
        host_free(host);
    }
    for (uint32_t i = 0; i < wire->events_count; i++)
        free(wire->events[i].frame);
    free(wire->events);
    free(spare_trace);
    spare_trace = wire->trace;
    middle_free(wire->middle);
    free(wire);
}

void wire_set_links(struct wire *wire, const struct link *link)
{
    wire->in[SIDE_CLIENT] = wire->in[SIDE_SERVER] = *link;
    wire->out[SIDE_CLIENT] = wire->out[SIDE_SERVER] = *link;
}

void wire_at(struct wire *wire, uint64_t at_us, wire_call *call, void *context)
{
    if (at_us < wire->now_us)
        at_us = wire->now_us;
    heap_push(wire, &(struct event){
                        .at_us = at_us, .order = wire->order++, .call = call, .context = context});
}

void wire_send(struct wire *wire, enum side from, const struct packet *packet)
{
    static _Thread_local uint8_t buffer[PACKET_BUFFER_BYTES];
    uint32_t bytes = packet_write(buffer, packet);
    put_on_link(wire, from, true, buffer, bytes);
}

static void deliver(struct wire *wire, const struct event *event)
{
    struct packet packet;
    if (packet_read(&packet, event->frame, event->bytes) != NULL)
        return; /* a host drops what does not check */
    for (struct host *host = wire->hosts; host != NULL; host = host->next) {
        if (host->side == event->side && memcmp(&host->addr, &packet.dst, sizeof host->addr) == 0) {
            host_receive(host, &packet);
            return;
        }
    }
}

static void step(struct wire *wire, const struct event *event)
{
    if (event->frame == NULL) {
        event->call(event->context);
    } else if (!event->into_middle) {
        deliver(wire, event);
    } else {
        if (wire->middle != NULL)
            middle_hear(wire->middle, wire->now_us);
        const struct packet *packet = note(wire, event->side, true, event->frame, event->bytes);
        if (wire->on_enter != NULL)
            wire->on_enter(wire, event->side, packet);
        if (wire->middle != NULL)
            middle_input(wire->middle, event->side, event->frame, event->bytes, wire->now_us);
        else
            leave_middle(wire, side_other(event->side), event->frame, event->bytes, false);
    }
    free(event->frame);
    if (wire->after_step != NULL)
        wire->after_step(wire);
}

void wire_run(struct wire *wire, uint64_t until_us)
{
    for (;;) {
        uint64_t event_us = wire->events_count > 0 ? wire->events[0].at_us : UINT64_MAX;
        uint64_t tick_us = wire->middle != NULL ? middle_deadline(wire->middle) : UINT64_MAX;
        uint64_t next_us = event_us < tick_us ? event_us : tick_us;
        if (next_us > until_us)
            break;
        wire->now_us = next_us > wire->now_us ? next_us : wire->now_us;
        if (tick_us <= event_us) {
            uint64_t before = tick_us;
            if (wire->on_enter != NULL)
                wire->on_enter(wire, SIDE_CLIENT, NULL);
            middle_tick(wire->middle, wire->now_us);
            if (wire->after_step != NULL)
                wire->after_step(wire);
            if (middle_deadline(wire->middle) <= before && wire->now_us >= until_us)
                break;
            if (middle_deadline(wire->middle) <= before)
                wire->now_us++; /* an early deadline must not stop time */
            continue;
        }
        struct event event = heap_pop(wire);
        step(wire, &event);
    }
    wire->now_us = until_us;
}

static bool concerns(const struct packet *packet, uint16_t port)
{
    return port == 0 || packet->src_port == port || packet->dst_port == port;
}

void wire_fail_port(struct wire *wire, uint16_t port, const char *format, ...)
{
    char text[512], line[TRACE_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    uint64_t first =
        wire->trace_count > WIRE_TRACE_LINES ? wire->trace_count - WIRE_TRACE_LINES : 0;
    fprintf(stderr,
            "--- SIM_SEED=%llu, the last %llu segments, of which those of port %u (0: all):\n",
            (unsigned long long)wire->seed, (unsigned long long)(wire->trace_count - first), port);
    for (uint64_t i = first; i < wire->trace_count; i++) {
        const struct trace_line *at = &wire->trace[i % WIRE_TRACE_LINES];
        if (concerns(&at->packet, port))
            fprintf(stderr, "%s%s%s\n",
                    trace_line(line, at->at_us, at->side, at->into, &at->packet),
                    at->wrong != NULL ? "  BROKEN: " : "", at->wrong != NULL ? at->wrong : "");
    }
    fprintf(stderr, "--- %s\n", text);
    if (wire->name != NULL)
        fprintf(stderr, "--- again: SIM_SEED=%llu build/tests/simulator --filter '%s'\n",
                (unsigned long long)wire->seed, wire->name);
    cr_assert_fail("SIM_SEED=%llu: %s", (unsigned long long)wire->seed, text);
    abort();
}
