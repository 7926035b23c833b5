/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcapng.h - the frames of a pcapng file (draft-ietf-opsawg-pcapng), each with the link type of its
 * own interface.
 *
 * libpcap reads such a file only while all its interfaces have one link type and one snap length,
 * which a capture of several interfaces (`dumpcap -i eth0 -i tun0`) does not have.
 */
#ifndef SYNWARD_PROFILES_CAPTURE_PCAPNG_H
#define SYNWARD_PROFILES_CAPTURE_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

enum pcapng_result {
    PCAPNG_FRAME,
    PCAPNG_END, /* of the file, between two blocks */
    PCAPNG_CUT, /* the file ends in the middle of a block */
    PCAPNG_BAD, /* pcapng_reason() says why; nothing more can be read */
};

struct pcapng_frame {
    int link_type;    /* a LINKTYPE_ of tcpdump.org */
    uint64_t wall_us; /* since 1970; of a block that names no time, that of the frame before it */
    uint32_t bytes;   /* in the file */
    uint32_t wire_bytes;    /* never less */
    const uint8_t *content; /* until the next call */
};

struct pcapng;

/* Reads from where `file` stands, which stays the caller's. NULL: out of memory. */
struct pcapng *pcapng_new(FILE *file);
void pcapng_free(struct pcapng *pcapng);
enum pcapng_result pcapng_next(struct pcapng *pcapng, struct pcapng_frame *frame);
const char *pcapng_reason(const struct pcapng *pcapng);

#endif
