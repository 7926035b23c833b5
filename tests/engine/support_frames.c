/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_frames.c - writes frames from words and says frames in words. See support_frames.h.
 */
#include "tests/engine/support_frames.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"

static const struct {
    char letter;
    uint8_t flag;
} flag_letters[] = {
    {'S', TCP_SYN}, {'F', TCP_FIN}, {'R', TCP_RST}, {'P', TCP_PSH},
    {'.', TCP_ACK}, {'U', TCP_URG}, {'E', TCP_ECE}, {'W', TCP_CWR},
};

#define FLAG_LETTERS (sizeof(flag_letters) / sizeof(flag_letters[0]))

static _Noreturn void wrong_words(const char *what, const char *text)
{
    fprintf(stderr, "support_frames: %s: '%s'\n", what, text);
    abort();
}

void endpoint_read(const char *text, struct ip_addr *addr, uint16_t *port)
{
    char copy[64], *colon, *host = copy;

    if (strlen(text) >= sizeof(copy))
        wrong_words("endpoint too long", text);
    strcpy(copy, text);
    colon = strrchr(copy, ':');
    if (colon == NULL)
        wrong_words("endpoint without port", text);
    *colon = 0;
    if (*host == '[' && colon[-1] == ']') {
        colon[-1] = 0;
        host++;
    }
    if (!addr_from_text(host, addr))
        wrong_words("not an address", text);
    *port = (uint16_t)strtoul(colon + 1, NULL, 10);
}

struct flow_key flow_of(const char *client, const char *server)
{
    struct flow_key key = {0};

    endpoint_read(client, &key.client, &key.client_port);
    endpoint_read(server, &key.server, &key.server_port);
    return key;
}

/* "A" (AE) is not among the eight flags and is put in by frame_write(). */
static uint8_t flags_read(const char *text)
{
    uint8_t flags = 0;

    for (; text != NULL && *text != 0; text++) {
        size_t i = 0;

        while (i < FLAG_LETTERS && flag_letters[i].letter != *text)
            i++;
        if (i < FLAG_LETTERS)
            flags |= flag_letters[i].flag;
        else if (*text != 'A')
            wrong_words("unknown flag", text);
    }
    return flags;
}

static size_t put_hex(const char *text, uint8_t *out)
{
    size_t count = 0;
    unsigned byte;

    for (; sscanf(text, "%2x", &byte) == 1; text += 2)
        out[count++] = (uint8_t)byte;
    return count;
}

static size_t put_blocks(const char *text, uint8_t *out)
{
    size_t count = 2;
    char *end = NULL;

    for (;; text = end + 1) {
        store_be32(out + count, (uint32_t)strtoul(text, &end, 10));
        if (*end != '-')
            wrong_words("block without end", text);
        store_be32(out + count + 4, (uint32_t)strtoul(end + 1, &end, 10));
        count += 8;
        if (*end != ',')
            break;
    }
    out[0] = TCP_OPT_SACK;
    out[1] = (uint8_t)count;
    return count;
}

static size_t put_timestamps(const char *text, uint8_t *out)
{
    char *end = NULL;

    out[0] = TCP_OPT_TIMESTAMPS;
    out[1] = 10;
    store_be32(out + 2, (uint32_t)strtoul(text, &end, 10));
    if (*end != '/')
        wrong_words("timestamps without TSecr", text);
    store_be32(out + 6, (uint32_t)strtoul(end + 1, NULL, 10));
    return 10;
}

/* Writes one option; `value` is what stands behind '='. `out` has room for the largest. */
static size_t put_option(const char *name, const char *value, uint8_t *out)
{
    static const uint8_t md5[18] = {TCP_OPT_MD5, 18}, fast_open[2] = {TCP_OPT_FAST_OPEN, 2};

    if (strcmp(name, "mss") == 0) {
        memcpy(out, (uint8_t[]){TCP_OPT_MSS, 4}, 2);
        store_be16(out + 2, (uint16_t)strtoul(value, NULL, 10));
        return 4;
    }
    if (strcmp(name, "ws") == 0) {
        memcpy(out, (uint8_t[]){TCP_OPT_WSCALE, 3, (uint8_t)strtoul(value, NULL, 10)}, 3);
        return 3;
    }
    if (strcmp(name, "sack") == 0) {
        memcpy(out, (uint8_t[]){TCP_OPT_SACK_PERMITTED, 2}, 2);
        return 2;
    }
    if (strcmp(name, "nop") == 0 || strcmp(name, "eol") == 0) {
        out[0] = name[0] == 'n' ? TCP_OPT_NOP : TCP_OPT_EOL;
        return 1;
    }
    if (strcmp(name, "ts") == 0)
        return put_timestamps(value, out);
    if (strcmp(name, "blocks") == 0)
        return put_blocks(value, out);
    if (strcmp(name, "hex") == 0)
        return put_hex(value, out);
    if (strcmp(name, "md5") == 0) {
        memcpy(out, md5, sizeof(md5));
        return sizeof(md5);
    }
    if (strcmp(name, "fastopen") == 0) {
        memcpy(out, fast_open, sizeof(fast_open));
        return sizeof(fast_open);
    }
    wrong_words("unknown option", name);
}

uint8_t options_write(const char *text, uint8_t out[TCP_OPTIONS_MAX])
{
    uint8_t room[8 * TCP_OPTIONS_MAX];
    char copy[200], *save = NULL;
    size_t used = 0;

    if (text == NULL)
        return 0;
    if (strlen(text) >= sizeof(copy))
        wrong_words("options too long", text);
    strcpy(copy, text);
    for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');

        if (value != NULL)
            *value++ = 0;
        used += put_option(word, value != NULL ? value : "", room + used);
        if (used > TCP_OPTIONS_MAX)
            wrong_words("more than 40 bytes of options", text);
    }
    while (used % 4 != 0)
        room[used++] = TCP_OPT_EOL;
    memcpy(out, room, used);
    return (uint8_t)used;
}

static void put_mac(uint8_t *mac, const struct ip_addr *addr)
{
    mac[0] = 0x02;
    mac[1] = 0x00;
    memcpy(mac + 2, addr->bytes + 12, 4);
}

static void put_link(struct link_header *link, const struct segment *segment,
                     const uint16_t vlan[2])
{
    uint8_t at = 12;
    unsigned tags = vlan[0] == 0 ? 0 : vlan[1] == 0 ? 1 : 2;

    put_mac(link->bytes, &segment->dst);
    put_mac(link->bytes + 6, &segment->src);
    for (unsigned i = 0; i < tags; i++, at += 4) {
        store_be16(link->bytes + at, tags == 2 && i == 0 ? 0x88a8 : 0x8100);
        store_be16(link->bytes + at + 2, vlan[i]);
    }
    store_be16(link->bytes + at, addr_is_v4(&segment->dst) ? 0x0800 : 0x86dd);
    link->length = (uint8_t)(at + 2);
}

/* Sets the AE bit beside the data offset, and takes it from the checksum (that of a word with bit 8
 * changed). */
static void put_accurate_ecn(struct test_frame *frame)
{
    uint8_t *tcp = frame_data(frame) + frame->view.l4;
    uint32_t sum = (uint32_t)(uint16_t)~load_be16(tcp + 16) + 0x100;

    tcp[12] |= 1;
    if (frame->view.offload->flags & OFFLOAD_NEEDS_CHECKSUM)
        return;
    store_be16(tcp + 16, (uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

void frame_write(struct test_frame *frame, const struct frame_words *words)
{
    uint8_t options[TCP_OPTIONS_MAX];
    struct link_header link;
    struct segment segment = {
        .seq = words->seq,
        .ack = words->ack,
        .flags = flags_read(words->flags),
        .window = words->window_closed ? 0
                  : words->window != 0 ? words->window
                                       : 64240,
        .ttl = words->ttl != 0 ? words->ttl : 64,
        .tos = words->tos,
        .df = !words->may_fragment,
        .ip_id = words->ip_id,
        .flow_label = words->flow_label,
        .options = options,
        .options_bytes = options_write(words->options, options),
        .payload = words->payload,
        .payload_bytes = words->payload_bytes,
        .gso_bytes = words->gso_bytes,
    };

    if (words->payload != NULL && words->payload_bytes == 0)
        segment.payload_bytes = (uint32_t)strlen(words->payload);
    endpoint_read(words->from, &segment.src, &segment.src_port);
    endpoint_read(words->to, &segment.dst, &segment.dst_port);
    put_link(&link, &segment, words->vlan);
    frame->bytes = segment_write(frame->buffer, sizeof(frame->buffer), &link, &segment);
    if (frame->bytes == 0)
        wrong_words("does not fit into a frame", words->from);
    frame_read(frame);
    if (words->flags != NULL && strchr(words->flags, 'A') != NULL) {
        put_accurate_ecn(frame);
        frame_read(frame);
    }
}

enum frame_kind frame_read(struct test_frame *frame)
{
    uint32_t bytes = frame->bytes - OFFLOAD_BYTES;

    return frame_parse(&frame->view, (struct offload *)frame->buffer, frame_data(frame), bytes,
                       bytes, sizeof(frame->buffer) - OFFLOAD_BYTES);
}

void frame_copy(struct test_frame *frame, const uint8_t *buffer, uint32_t bytes)
{
    if (bytes < OFFLOAD_BYTES || bytes > sizeof(frame->buffer))
        wrong_words("frame too long or too short", "frame_copy");
    memcpy(frame->buffer, buffer, bytes);
    frame->bytes = bytes;
    frame_read(frame);
}

/* A line that is being written; what does not fit is cut. */
struct line {
    char *text;
    size_t used, room;
};

static void __attribute__((format(printf, 2, 3))) add(struct line *line, const char *format, ...)
{
    va_list arguments;
    int wrote;

    va_start(arguments, format);
    wrote = vsnprintf(line->text + line->used, line->room - line->used, format, arguments);
    va_end(arguments);
    line->used += (size_t)wrote;
    if (line->used >= line->room)
        line->used = line->room - 1;
}

static void add_endpoint(struct line *line, const struct ip_addr *addr, uint16_t port)
{
    char text[ADDR_TEXT_BYTES];

    add(line, addr_is_v4(addr) ? "%s:%u" : "[%s]:%u", addr_to_text(addr, text), port);
}

static void add_flags(struct line *line, const struct frame *frame)
{
    add(line, " [");
    for (size_t i = 0; i < FLAG_LETTERS; i++) {
        if (frame->flags & flag_letters[i].flag)
            add(line, "%c", flag_letters[i].letter);
    }
    add(line, frame_accurate_ecn(frame) ? "A]" : "]");
}

static void add_blocks(struct line *line, const uint8_t *option, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        add(line, "%s%u-%u", i == 0 ? "blocks " : " ", load_be32(option + 2 + 8 * i),
            load_be32(option + 6 + 8 * i));
}

static void add_option(struct line *line, uint8_t kind, const struct frame *frame,
                       const struct tcp_options *options)
{
    if (kind == TCP_OPT_MSS)
        add(line, "mss %u", options->mss);
    else if (kind == TCP_OPT_WSCALE)
        add(line, "ws %u", options->wscale);
    else if (kind == TCP_OPT_TIMESTAMPS)
        add(line, "ts %u/%u", options->tsval, options->tsecr);
    else if (kind == TCP_OPT_SACK)
        add_blocks(line, frame_options(frame) + options->sack_at, options->sack_blocks);
    else if (tcp_option_name(kind) != NULL)
        add(line, "%s", tcp_option_name(kind));
    else
        add(line, "kind %u", kind);
}

static void add_options(struct line *line, const struct frame *frame)
{
    struct tcp_options options;
    enum options_result result =
        tcp_options_parse(frame_options(frame), frame->options_bytes, &options);
    uint8_t layout[TCP_OPTIONS_MAX];
    uint8_t count = tcp_options_layout(frame_options(frame), frame->options_bytes, layout);

    for (unsigned i = 0; i < count; i++) {
        add(line, i == 0 ? " <" : ",");
        add_option(line, layout[i], frame, &options);
    }
    if (count > 0)
        add(line, ">");
    if (result == OPTIONS_BAD)
        add(line, " bad options");
}

char *frame_to_words(const struct frame *frame, char text[WORDS_BYTES])
{
    static const char *const kinds[] = {"other",      "tcp",       "tcp fragment",
                                        "icmp error", "malformed", "unreadable"};
    struct line line = {text, 0, WORDS_BYTES};
    struct ip_addr src, dst;

    if (frame->kind != FRAME_TCP) {
        add(&line, "%s", kinds[frame->kind]);
        return text;
    }
    src = frame_src(frame);
    dst = frame_dst(frame);
    add_endpoint(&line, &src, frame_src_port(frame));
    add(&line, " > ");
    add_endpoint(&line, &dst, frame_dst_port(frame));
    add_flags(&line, frame);
    add(&line, " seq %u", frame->seq);
    if (frame->flags & TCP_ACK)
        add(&line, " ack %u", frame->ack);
    add(&line, " win %u", frame->window);
    add_options(&line, frame);
    add(&line, " len %u", frame->payload_bytes);
    return text;
}

void frame_insert(struct test_frame *frame, uint32_t at, const void *bytes, uint32_t count)
{
    uint8_t *to = frame_data(frame) + at;

    if (frame->bytes + count > sizeof(frame->buffer) || at > frame->bytes - OFFLOAD_BYTES)
        wrong_words("no room", "frame_insert");
    memmove(to + count, to, frame->bytes - OFFLOAD_BYTES - at);
    memcpy(to, bytes, count);
    frame->bytes += count;
}

/* The sum of RFC 1071, byte by byte; kept apart from engine/base/checksum.c, which it judges. */
static uint32_t slow_sum(uint32_t sum, const uint8_t *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        sum += (uint32_t)at[i] << (i % 2 == 0 ? 8 : 0);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

void frame_fix_ip_checksum(struct test_frame *frame)
{
    uint8_t *ip = frame_data(frame) + frame->view.l3;

    store_be16(ip + 10, 0);
    store_be16(ip + 10, (uint16_t)~slow_sum(0, ip, (size_t)(ip[0] & 15) * 4));
}

void frame_checksum_partial(struct test_frame *frame)
{
    struct offload *offload = (struct offload *)(void *)frame->buffer;

    frame_read(frame);
    offload->flags = OFFLOAD_NEEDS_CHECKSUM;
    offload->checksum_start = frame->view.l4;
    offload->checksum_offset = TCP_CHECKSUM_AT;
}

void frame_insert_ip_options(struct test_frame *frame, const void *options, uint32_t count)
{
    uint8_t *ip = frame_data(frame) + frame->view.l3;
    uint32_t header_bytes = (uint32_t)(ip[0] & 15) * 4;

    frame_insert(frame, frame->view.l3 + header_bytes, options, count);
    ip[0] = (uint8_t)(0x40 | (header_bytes + count) / 4);
    store_be16(ip + 2, (uint16_t)(load_be16(ip + 2) + count));
    frame_fix_ip_checksum(frame);
    frame_read(frame);
}

void frame_insert_extension(struct test_frame *frame, uint8_t kind, const void *header,
                            uint32_t count)
{
    uint8_t *ip = frame_data(frame) + frame->view.l3;

    frame_insert(frame, frame->view.l3 + 40u, header, count);
    ip[40] = ip[6];
    ip[6] = kind;
    store_be16(ip + 4, (uint16_t)(load_be16(ip + 4) + count));
    frame_read(frame);
}

static uint32_t pseudo_sum(const struct frame *frame, uint32_t l4_bytes)
{
    uint8_t tail[8] = {0};
    size_t skip = frame->ip_version == 4 ? 12 : 0;
    struct ip_addr src = frame_src(frame), dst = frame_dst(frame);
    uint32_t sum = slow_sum(0, src.bytes + skip, 16 - skip);

    store_be32(tail, l4_bytes);
    tail[7] = 6;
    sum = slow_sum(sum, dst.bytes + skip, 16 - skip);
    return slow_sum(sum, tail, sizeof(tail));
}

bool frame_checksum_right(const struct frame *frame)
{
    const uint8_t *ip = frame->data + frame->l3;
    uint32_t l4_bytes = frame->payload_bytes + frame->payload - frame->l4;
    uint32_t sum = pseudo_sum(frame, l4_bytes);

    if (frame->ip_version == 4 && slow_sum(0, ip, (size_t)(ip[0] & 15) * 4) != 0xffff)
        return false;
    if (frame->offload != NULL && (frame->offload->flags & OFFLOAD_NEEDS_CHECKSUM))
        return load_be16(frame_tcp(frame) + 16) == sum;
    return slow_sum(sum, frame_tcp(frame), l4_bytes) == 0xffff;
}
