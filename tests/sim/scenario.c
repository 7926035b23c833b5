/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scenario.c - see scenario.h. */
#include "tests/sim/scenario.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0xc, 1}, {2, 0, 0, 0, 0x5, 1}};

static void note(struct scenario *scenario, enum side side, bool into, const struct packet *packet)
{
    uint32_t at = scenario->lines++ % SCENARIO_TRACE_LINES;
    trace_line(scenario->trace[at], scenario->now_us, side, into, packet);
}

static void print_trace(const struct scenario *scenario)
{
    uint32_t first =
        scenario->lines > SCENARIO_TRACE_LINES ? scenario->lines - SCENARIO_TRACE_LINES : 0;
    fprintf(stderr, "--- trace so far:\n");
    for (uint32_t i = first; i < scenario->lines; i++)
        fprintf(stderr, "%s\n", scenario->trace[i % SCENARIO_TRACE_LINES]);
    for (uint32_t i = 0; i < scenario->symbols.count; i++)
        fprintf(stderr, "%s%s = %u", i == 0 ? "    " : ", ", scenario->symbols.at[i].name,
                scenario->symbols.at[i].value);
    fprintf(stderr, "\n");
}

void scenario_fail(struct scenario *scenario, const char *file, int line, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_trace(scenario);
    fprintf(stderr, "--- %s:%d: %s\n", file, line, text);
    cr_assert_fail("%s:%d: %s", file, line, text);
    abort();
}

static void collect(void *context, enum side to, const uint8_t *buffer, uint32_t bytes, bool reply)
{
    struct scenario *scenario = context;
    struct packet packet;
    (void)reply;
    if (scenario->quiet)
        return;
    packet_read(&packet, buffer, bytes);
    note(scenario, to, false, &packet);
    if (scenario->out[to].count == SCENARIO_QUEUE_FRAMES)
        scenario_fail(scenario, __FILE__, __LINE__, "too much comes out");
    uint32_t at = (scenario->out[to].first + scenario->out[to].count++) % SCENARIO_QUEUE_FRAMES;
    scenario->out[to].frames[at].bytes = bytes;
    scenario->out[to].frames[at].buffer = malloc(bytes);
    memcpy(scenario->out[to].frames[at].buffer, buffer, bytes);
}

static void complain(void *context, enum side to, const uint8_t *buffer, uint32_t bytes,
                     const char *text)
{
    struct scenario *scenario = context;
    struct packet packet;
    packet_read(&packet, buffer, bytes);
    note(scenario, to, false, &packet);
    scenario_fail(scenario, __FILE__, __LINE__, "a frame left the engine that is wrong: %s", text);
}

struct scenario *scenario_new(enum mode_setting setting, struct policy *policy)
{
    struct scenario *scenario = calloc(1, sizeof *scenario);
    scenario->now_us = 1000000;
    scenario->middle = middle_new(NULL, scenario->now_us);
    scenario->middle->sink = collect;
    scenario->middle->complaint = complain;
    scenario->middle->context = scenario;
    scenario->client_ttl = 57;
    engine_set_setting(scenario->middle->engine, NULL, setting, scenario->now_us);
    if (policy != NULL)
        middle_adopt(scenario->middle, policy, scenario->now_us);
    scenario_connection(scenario, CLIENT_V4, 40000, SERVER_V4, HTTP_PORT);
    return scenario;
}

void scenario_connection(struct scenario *scenario, const char *client, uint16_t client_port,
                         const char *server, uint16_t server_port)
{
    if (!addr_from_text(client, &scenario->client) || !addr_from_text(server, &scenario->server))
        scenario_fail(scenario, __FILE__, __LINE__, "address");
    scenario->client_port = client_port;
    scenario->server_port = server_port;
    scenario->symbols.count = 0;
    scenario->client_flow_label = addr_is_v4(&scenario->client) ? 0 : 0x12345;
}

/* The parts of a segment that the connection decides. */
static struct packet blank(const struct scenario *scenario, enum side from)
{
    bool client = from == SIDE_CLIENT;
    struct packet packet = {.src = client ? scenario->client : scenario->server,
                            .dst = client ? scenario->server : scenario->client,
                            .src_port = client ? scenario->client_port : scenario->server_port,
                            .dst_port = client ? scenario->server_port : scenario->client_port,
                            .ttl = client ? scenario->client_ttl : 64,
                            .df = true,
                            .flow_label = client ? scenario->client_flow_label : 0,
                            .window = 64240};
    memcpy(packet.from_mac, macs[from], 6);
    memcpy(packet.to_mac, macs[side_other(from)], 6);
    memcpy(packet.tags, scenario->tags, sizeof packet.tags);
    return packet;
}

static const uint8_t *pattern(void)
{
    static uint8_t bytes[65536];
    for (uint32_t i = 0; bytes[1] == 0 && i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    return bytes;
}

void scenario_inject(struct scenario *scenario, const char *file, int line, enum side from,
                     const char *text)
{
    static uint8_t buffer[PACKET_BUFFER_BYTES];
    struct packet packet = blank(scenario, from);
    const char *problem;
    if (!trace_parse(text, &scenario->symbols, &packet, &problem))
        scenario_fail(scenario, file, line, "cannot read (%s): %s", problem, text);
    if (packet.payload == NULL && packet.payload_bytes > 0)
        packet.payload = scenario->payload != NULL ? scenario->payload : pattern();
    packet.partial_checksum = scenario->offload || packet.gso_bytes > 0;
    uint32_t bytes = packet_write(buffer, &packet);
    if (scenario->bad_checksum)
        buffer[bytes - 1] ^= 0x40;
    scenario->bad_checksum = false;
    struct packet again;
    packet_read(&again, buffer, bytes);
    if (!scenario->quiet)
        note(scenario, from, true, &again);
    middle_input(scenario->middle, from, buffer, bytes, scenario->now_us);
}

static const char *compare_connection(const struct scenario *scenario, enum side to,
                                      const struct packet *packet)
{
    struct packet want = blank(scenario, side_other(to));
    if (memcmp(&want.src, &packet->src, sizeof want.src) != 0 ||
        memcmp(&want.dst, &packet->dst, sizeof want.dst) != 0)
        return "addresses";
    if (want.src_port != packet->src_port || want.dst_port != packet->dst_port)
        return "ports";
    if (memcmp(want.from_mac, packet->from_mac, 6) != 0 ||
        memcmp(want.to_mac, packet->to_mac, 6) != 0)
        return "MAC addresses";
    struct vlan_ids own = packet_vlan(&want), its = packet_vlan(packet);
    if (memcmp(&own, &its, sizeof own) != 0 || want.tags[0].tpid != packet->tags[0].tpid)
        return "VLAN tags";
    return NULL;
}

void scenario_expect(struct scenario *scenario, const char *file, int line, enum side to,
                     const char *text)
{
    const char *side = to == SIDE_CLIENT ? "client" : "server";
    if (scenario->out[to].count == 0)
        scenario_fail(scenario, file, line, "nothing came out to the %s; expected: %s", side, text);
    struct scenario_frame *frame = &scenario->out[to].frames[scenario->out[to].first];
    scenario->out[to].first = (scenario->out[to].first + 1) % SCENARIO_QUEUE_FRAMES;
    scenario->out[to].count--;
    struct packet packet;
    const char *wrong = packet_read(&packet, frame->buffer, frame->bytes);
    if (wrong == NULL)
        wrong = compare_connection(scenario, to, &packet);
    if (wrong == NULL)
        wrong = trace_compare(text, &scenario->symbols, &packet);
    if (wrong != NULL) {
        char got[TRACE_LINE_BYTES];
        scenario_fail(scenario, file, line,
                      "%s differs to the %s:\n    expected %s\n    got      %s", wrong, side, text,
                      trace_line(got, scenario->now_us, to, false, &packet));
    }
    free(frame->buffer);
}

void scenario_expect_nothing(struct scenario *scenario, const char *file, int line)
{
    if (scenario->out[SIDE_CLIENT].count > 0)
        scenario_fail(scenario, file, line,
                      "something came out to the client that was not expected");
    if (scenario->out[SIDE_SERVER].count > 0)
        scenario_fail(scenario, file, line,
                      "something came out to the server that was not expected");
}

void scenario_drain(struct scenario *scenario)
{
    for (int side = 0; side < 2; side++) {
        while (scenario->out[side].count > 0) {
            free(scenario->out[side].frames[scenario->out[side].first].buffer);
            scenario->out[side].first = (scenario->out[side].first + 1) % SCENARIO_QUEUE_FRAMES;
            scenario->out[side].count--;
        }
    }
}

void scenario_pass(struct scenario *scenario, uint64_t us)
{
    uint64_t until_us = scenario->now_us + us;
    for (;;) {
        uint64_t due_us = middle_deadline(scenario->middle);
        if (due_us > until_us)
            break;
        if (due_us > scenario->now_us)
            scenario->now_us = due_us;
        middle_tick(scenario->middle, scenario->now_us);
        if (middle_deadline(scenario->middle) <= due_us && scenario->now_us++ >= until_us)
            break;
    }
    scenario->now_us = until_us;
}

void scenario_forget(struct scenario *scenario)
{
    for (int to = 0; to < 2; to++) {
        for (; scenario->out[to].count > 0; scenario->out[to].count--) {
            free(scenario->out[to].frames[scenario->out[to].first].buffer);
            scenario->out[to].first = (scenario->out[to].first + 1) % SCENARIO_QUEUE_FRAMES;
        }
    }
}

void scenario_end(struct scenario *scenario)
{
    scenario_expect_nothing(scenario, __FILE__, __LINE__);
    middle_free(scenario->middle);
    free(scenario);
}

const struct counters *scenario_counters(struct scenario *scenario)
{
    return middle_counters(scenario->middle);
}
