/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcapng.c - see pcapng.h.
 *
 *      section header   its magic number tells the byte order; the interfaces are numbered anew
 *      interface        link type, snap length, resolution and offset of its times
 *      packet           enhanced, simple, or of the obsolete form
 *      all else         names, statistics, secrets, comments: passed over, by their length
 *
 * Each block: type (4 bytes), length of the whole block (4), body, length again (4).
 *
 * Limits: 1,024 interfaces in a section, blocks of 16 MiB (libpcap's limit). Of a block larger than
 * a frame can be the beginning alone is looked at. Times are kept within those of a classic
 * capture: 1970 to 2106.
 */
#include "profiles/capture/pcapng.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECTION         0x0a0d0d0au /* the same in both byte orders */
#define BLOCK_INTERFACE       1u
#define BLOCK_PACKET_OBSOLETE 2u
#define BLOCK_PACKET_SIMPLE   3u
#define BLOCK_PACKET          6u
#define SECTION_MAGIC         0x1a2b3c4du
#define OPTION_RESOLUTION     9u
#define OPTION_OFFSET         14u
#define BLOCK_FRAME_BYTES     12u /* type and both lengths */
#define BLOCK_BYTES_MAX       (16u * 1024 * 1024)
/* Libpcap's limit for a snapshot, and what stands before it */
#define BODY_BYTES_MAX   (256u * 1024 + 20u)
#define INTERFACES_MAX   1024u
#define WALL_SECONDS_MAX UINT32_MAX

struct interface {
    uint16_t link_type;
    uint32_t snap_bytes; /* 0: no limit */
    uint8_t resolution;  /* 10^-n seconds, with the top bit set 2^-n */
    uint64_t offset_s;
};

struct pcapng {
    FILE *file;
    bool in_section, other_order; /* not that of this machine */
    uint32_t interfaces_count;
    struct interface interfaces[INTERFACES_MAX];
    uint64_t wall_us;
    const char *reason;
    uint8_t body[BODY_BYTES_MAX];
};

struct block {
    uint32_t type;
    uint32_t bytes; /* of the body */
    uint32_t there; /* of them in pcapng->body */
};

struct pcapng *pcapng_new(FILE *file)
{
    struct pcapng *pcapng = calloc(1, sizeof(*pcapng));

    if (pcapng)
        pcapng->file = file;
    return pcapng;
}

void pcapng_free(struct pcapng *pcapng)
{
    free(pcapng);
}

const char *pcapng_reason(const struct pcapng *pcapng)
{
    return pcapng->reason;
}

static enum pcapng_result bad(struct pcapng *pcapng, const char *reason)
{
    pcapng->reason = reason;
    return PCAPNG_BAD;
}

/* --- numbers --------------------------------------------------------------------------------- */

static uint32_t load32(const struct pcapng *pcapng, const void *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return pcapng->other_order ? __builtin_bswap32(value) : value;
}

static uint16_t load16(const struct pcapng *pcapng, const void *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return pcapng->other_order ? __builtin_bswap16(value) : value;
}

/* Splits a time into seconds and microseconds beneath them. */
static uint64_t seconds_of(uint64_t time, uint8_t resolution, uint32_t *us)
{
    const unsigned digits = resolution & 0x7f;
    const unsigned over = digits > 43 ? digits - 43 : 0; /* a million has 20 bits */
    uint64_t unit = 1;
    uint64_t rest;

    *us = 0;
    if (resolution & 0x80) {
        if (digits > 63)
            return 0;
        rest = time & ((UINT64_C(1) << digits) - 1);
        *us = (uint32_t)((rest >> over) * 1000000 >> (digits - over));
        return time >> digits;
    }
    if (digits > 19)
        return 0;
    for (unsigned i = 0; i < digits; i++)
        unit *= 10;
    rest = time % unit;
    *us = (uint32_t)(unit >= 1000000 ? rest / (unit / 1000000) : rest * (1000000 / unit));
    return time / unit;
}

static uint64_t wall_us(const struct interface *interface, uint64_t time)
{
    uint32_t us;
    uint64_t seconds = seconds_of(time, interface->resolution, &us) + interface->offset_s;

    if (seconds > WALL_SECONDS_MAX)
        seconds = (int64_t)seconds < 0 ? 0 : WALL_SECONDS_MAX;
    return seconds * 1000000 + us;
}

/* --- blocks ---------------------------------------------------------------------------------- */

static enum pcapng_result ends_early(struct pcapng *pcapng)
{
    return ferror(pcapng->file) ? bad(pcapng, "it cannot be read to its end") : PCAPNG_CUT;
}

static enum pcapng_result read_bytes(struct pcapng *pcapng, void *out, uint32_t bytes)
{
    return fread(out, 1, bytes, pcapng->file) == bytes ? PCAPNG_FRAME : ends_early(pcapng);
}

/* Not by fseek(): the file may be a pipe. */
static enum pcapng_result skip_bytes(struct pcapng *pcapng, uint32_t bytes)
{
    uint8_t waste[4096];
    enum pcapng_result result = PCAPNG_FRAME;

    for (uint32_t step; result == PCAPNG_FRAME && bytes > 0; bytes -= step) {
        step = bytes < sizeof(waste) ? bytes : (uint32_t)sizeof(waste);
        result = read_bytes(pcapng, waste, step);
    }
    return result;
}

/* The magic number of a section says in which order its length is to be read. */
static enum pcapng_result read_order(struct pcapng *pcapng)
{
    uint32_t magic;
    const enum pcapng_result result = read_bytes(pcapng, &magic, sizeof(magic));

    if (result != PCAPNG_FRAME)
        return result;
    memcpy(pcapng->body, &magic, sizeof(magic));
    pcapng->other_order = magic == __builtin_bswap32(SECTION_MAGIC);
    return magic == SECTION_MAGIC || pcapng->other_order ? PCAPNG_FRAME
                                                         : bad(pcapng, "it is no pcapng file");
}

static enum pcapng_result read_rest(struct pcapng *pcapng, struct block *block,
                                    const uint8_t length[4], uint32_t before)
{
    const uint32_t bytes = load32(pcapng, length);
    uint8_t again[4];
    enum pcapng_result result;

    if (bytes < BLOCK_FRAME_BYTES + before || bytes % 4 != 0 || bytes > BLOCK_BYTES_MAX)
        return bad(pcapng, "a block has an impossible length");
    block->bytes = bytes - BLOCK_FRAME_BYTES;
    block->there = block->bytes < BODY_BYTES_MAX ? block->bytes : BODY_BYTES_MAX;
    if ((result = read_bytes(pcapng, pcapng->body + before, block->there - before)) !=
            PCAPNG_FRAME ||
        (result = skip_bytes(pcapng, block->bytes - block->there)) != PCAPNG_FRAME ||
        (result = read_bytes(pcapng, again, sizeof(again))) != PCAPNG_FRAME)
        return result;
    return load32(pcapng, again) == bytes ? PCAPNG_FRAME
                                          : bad(pcapng, "the lengths of a block differ");
}

static enum pcapng_result read_block(struct pcapng *pcapng, struct block *block)
{
    uint8_t head[8];
    uint32_t before = 0;
    const size_t got = fread(head, 1, sizeof(head), pcapng->file);

    if (got == 0 && feof(pcapng->file))
        return PCAPNG_END;
    if (got < sizeof(head))
        return ends_early(pcapng);
    block->type = load32(pcapng, head);
    if (block->type == BLOCK_SECTION) {
        const enum pcapng_result result = read_order(pcapng);

        if (result != PCAPNG_FRAME)
            return result;
        before = sizeof(uint32_t);
    } else if (!pcapng->in_section) {
        return bad(pcapng, "it is no pcapng file");
    }
    return read_rest(pcapng, block, head + 4, before);
}

/* --- what they say --------------------------------------------------------------------------- */

static enum pcapng_result begin_section(struct pcapng *pcapng, const struct block *block)
{
    if (block->there < 16 || load16(pcapng, pcapng->body + 4) != 1)
        return bad(pcapng, "a section is of a version that is not known");
    pcapng->in_section = true;
    pcapng->interfaces_count = 0;
    return PCAPNG_FRAME;
}

/* Options: code (2 bytes), length (2), value, padding to 4 bytes. */
static void read_options(const struct pcapng *pcapng, const struct block *block,
                         struct interface *interface)
{
    uint32_t at = 8;

    while (at + 4 <= block->there) {
        const uint16_t code = load16(pcapng, pcapng->body + at),
                       bytes = load16(pcapng, pcapng->body + at + 2);
        const uint8_t *value = pcapng->body + at + 4;

        if (code == 0 || bytes > block->there - at - 4)
            return;
        if (code == OPTION_RESOLUTION && bytes == 1)
            interface->resolution = value[0];
        if (code == OPTION_OFFSET && bytes == 8) {
            const uint64_t first = load32(pcapng, value), second = load32(pcapng, value + 4);
            const bool low_first =
                (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) != pcapng->other_order;

            interface->offset_s = low_first ? second << 32 | first : first << 32 | second;
        }
        at += 4 + ((bytes + 3u) & ~3u);
    }
}

static enum pcapng_result add_interface(struct pcapng *pcapng, const struct block *block)
{
    struct interface *interface;

    if (block->there < 8)
        return bad(pcapng, "an interface is described too shortly");
    if (pcapng->interfaces_count == INTERFACES_MAX)
        return bad(pcapng, "it has more than 1024 interfaces");
    interface = &pcapng->interfaces[pcapng->interfaces_count++];
    *interface = (struct interface){.link_type = load16(pcapng, pcapng->body),
                                    .snap_bytes = load32(pcapng, pcapng->body + 4),
                                    .resolution = 6};
    read_options(pcapng, block, interface);
    return PCAPNG_FRAME;
}

static enum pcapng_result set_frame(struct pcapng *pcapng, struct pcapng_frame *frame,
                                    const struct interface *interface, uint32_t at)
{
    frame->link_type = interface->link_type;
    frame->wall_us = pcapng->wall_us;
    frame->content = pcapng->body + at;
    if (frame->wire_bytes < frame->bytes)
        frame->wire_bytes = frame->bytes;
    return PCAPNG_FRAME;
}

/* Enhanced: interface (4), time, high half first (8), bytes here (4), on the wire (4). The obsolete
 * one has 2 bytes of interface, 2 of drops. */
static enum pcapng_result take_packet(struct pcapng *pcapng, const struct block *block,
                                      struct pcapng_frame *frame)
{
    const uint8_t *body = pcapng->body;
    uint32_t number;

    if (block->there < 20)
        return bad(pcapng, "a packet's block is too short");
    number = block->type == BLOCK_PACKET_OBSOLETE ? load16(pcapng, body) : load32(pcapng, body);
    if (number >= pcapng->interfaces_count)
        return bad(pcapng, "a packet is of an interface that is not described");
    frame->bytes = load32(pcapng, body + 12);
    frame->wire_bytes = load32(pcapng, body + 16);
    if (frame->bytes > block->there - 20)
        return bad(pcapng, "a packet is larger than its block, or than 256 KiB");
    pcapng->wall_us = wall_us(&pcapng->interfaces[number],
                              (uint64_t)load32(pcapng, body + 4) << 32 | load32(pcapng, body + 8));
    return set_frame(pcapng, frame, &pcapng->interfaces[number], 20);
}

/* Of the first interface: bytes on the wire (4), and as many as its snap length and the block have
 * room for. */
static enum pcapng_result take_simple(struct pcapng *pcapng, const struct block *block,
                                      struct pcapng_frame *frame)
{
    const struct interface *interface = pcapng->interfaces;

    if (block->there < 4 || pcapng->interfaces_count == 0)
        return bad(pcapng, "a packet is of an interface that is not described");
    frame->wire_bytes = load32(pcapng, pcapng->body);
    frame->bytes = frame->wire_bytes;
    if (interface->snap_bytes > 0 && frame->bytes > interface->snap_bytes)
        frame->bytes = interface->snap_bytes;
    if (frame->bytes > block->there - 4)
        frame->bytes = block->there - 4;
    return set_frame(pcapng, frame, interface, 4);
}

enum pcapng_result pcapng_next(struct pcapng *pcapng, struct pcapng_frame *frame)
{
    for (;;) {
        struct block block;
        enum pcapng_result result = read_block(pcapng, &block);

        if (result != PCAPNG_FRAME)
            return result;
        if (block.type == BLOCK_PACKET || block.type == BLOCK_PACKET_OBSOLETE)
            return take_packet(pcapng, &block, frame);
        if (block.type == BLOCK_PACKET_SIMPLE)
            return take_simple(pcapng, &block, frame);
        if (block.type == BLOCK_SECTION)
            result = begin_section(pcapng, &block);
        else if (block.type == BLOCK_INTERFACE)
            result = add_interface(pcapng, &block);
        if (result != PCAPNG_FRAME)
            return result;
    }
}
