/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture_file.h - the frames of a capture file, one after the other: classic pcap of every kind by
 * libpcap, pcapng by pcapng.h.
 */
#ifndef SYNWARD_PROFILES_CAPTURE_CAPTURE_FILE_H
#define SYNWARD_PROFILES_CAPTURE_CAPTURE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "profiles/error.h"

struct capture_file;

struct capture_frame {
    int link_type;       /* a DLT_ of libpcap's */
    uint64_t wall_us;    /* since 1970 */
    uint32_t bytes;      /* in the file */
    uint32_t wire_bytes; /* never less */
    const uint8_t *content;
};

enum capture_read {
    CAPTURE_FRAME,
    CAPTURE_END,
    CAPTURE_CUT,   /* the file ends in mid-packet */
    CAPTURE_ERROR, /* what came before stays valid */
};

/* `path` may be "-": the standard input. NULL: `error` says why it is no capture. */
struct capture_file *capture_file_open(const char *path, struct error *error);
/* The same in two steps: nothing is read in the first. The second takes the file over. */
FILE *capture_file_find(const char *path, struct error *error);
struct capture_file *capture_file_take(FILE *from, const char *path, struct error *error);
void capture_file_close(struct capture_file *file);
/* The DLT_ that all frames have; -1 where each frame tells its own (pcapng). */
int capture_file_link_type(const struct capture_file *file);
/* The frame's content is valid until the next call. */
enum capture_read capture_file_next(struct capture_file *file, struct capture_frame *frame);
/* Why the last call was an error. */
const char *capture_file_reason(const struct capture_file *file);

#endif
