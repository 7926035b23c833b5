/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_frames.h - frames in words, for tests and for the simulator.
 *
 *      struct test_frame frame;
 *      frame_write(&frame, &(struct frame_words){.from = "192.0.2.7:1000", .to = "192.0.2.1:80",
 *      .flags = "P.",
 *                                                .seq = 1, .ack = 2, .options = "nop nop ts=10/20",
 *                                                .payload = "GET"});
 *
 * What is left out gets a usual value. frame_to_words() says a frame in the same words, as a line
 * to compare or to print. The writer under it is segment_write(); what that never writes (VLAN
 * tags, extension headers, odd bits) is put in afterwards. A mistake in the words aborts: it is the
 * test's own.
 */
#ifndef SYNWARD_TESTS_ENGINE_SUPPORT_FRAMES_H
#define SYNWARD_TESTS_ENGINE_SUPPORT_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/tcp/frame.h"
#include "engine/tcp/segment.h"
#include "engine/tcp/options.h"

#define TEST_FRAME_BYTES 68000
#define WORDS_BYTES      400

struct frame_words {
    const char *from, *to; /* "192.0.2.1:80" or "[2001:db8::1]:80" */
    const char *flags;     /* S F R P U, "." for ACK, E for ECE, W for CWR, A for AE */
    uint32_t seq, ack;     /* ack is written only with "." */
    uint16_t window;       /* 0: 64240 */
    bool window_closed;    /* the window is 0 */
    const char *options;   /* see options_write(); NULL: none */
    const void *payload;   /* text where payload_bytes is 0 */
    uint32_t payload_bytes;
    uint16_t gso_bytes; /* a super-frame of segments of this size, with a partial checksum */
    uint16_t vlan[2]; /* tag control information, outer tag first; 0: no tag. An outer one of two is
                         802.1ad */
    uint8_t ttl;      /* 0: 64 */
    uint8_t tos;
    bool may_fragment; /* DF is clear */
    uint16_t ip_id;
    uint32_t flow_label;
};

struct test_frame {
    uint32_t bytes; /* offload header and frame */
    struct frame view;
    uint8_t buffer[TEST_FRAME_BYTES]; /* offload header first */
};

/* Writes the frame and reads it back into frame->view. The MAC addresses are made of the IP
 * addresses. */
void frame_write(struct test_frame *frame, const struct frame_words *words);
/* Reads the buffer into the view again, after it has been changed. */
enum frame_kind frame_read(struct test_frame *frame);
/* A copy of a frame that came from elsewhere; `buffer` begins with the offload header. */
void frame_copy(struct test_frame *frame, const uint8_t *buffer, uint32_t bytes);

static inline uint8_t *frame_data(struct test_frame *frame)
{
    return frame->buffer + OFFLOAD_BYTES;
}

/*
 * Words separated by spaces: mss=1460 sack ts=TSVAL/TSECR nop ws=7 eol blocks=1-5,9-12 (selective
 * acknowledgements) fastopen md5 hex=0a0b.... Padded with EOL to a multiple of four. Returns the
 * bytes written.
 */
uint8_t options_write(const char *text, uint8_t out[TCP_OPTIONS_MAX]);

/* "192.0.2.7:1000" and the like into address and port. */
void endpoint_read(const char *text, struct ip_addr *addr, uint16_t *port);
/* The key of the connection from `client` to `server`, both as above; without VLAN tags. */
struct flow_key flow_of(const char *client, const char *server);

/*
 * The frame as one line: "192.0.2.7:1000 > 192.0.2.1:80 [P.] seq 1 ack 2 win 64240 <nop,nop,ts
 * 10/20> len 3". Other kinds than FRAME_TCP as their name. Returns `text`.
 */
char *frame_to_words(const struct frame *frame, char text[WORDS_BYTES]);

/* Puts bytes in at an offset from the Ethernet header and moves what is behind; no header is
 * changed. */
void frame_insert(struct test_frame *frame, uint32_t at, const void *bytes, uint32_t count);
/* Puts IPv4 options (a multiple of 4) behind the IPv4 header, with length and checksum put right,
 * and reads again. */
void frame_insert_ip_options(struct test_frame *frame, const void *options, uint32_t count);
/* Puts an extension header of type `kind` behind the IPv6 header, its first byte overwritten with
 * what followed; reads again. */
void frame_insert_extension(struct test_frame *frame, uint8_t kind, const void *header,
                            uint32_t count);
/* Says of a TCP segment that its checksum is partial, as a card would; it is not made so. */
void frame_checksum_partial(struct test_frame *frame);
/* Makes the IPv4 header checksum right. */
void frame_fix_ip_checksum(struct test_frame *frame);

/*
 * True where IPv4 header and TCP checksum are right, summed byte by byte apart from the engine's
 * own code. A partial one must hold the sum of the pseudo header.
 */
bool frame_checksum_right(const struct frame *frame);

#endif
