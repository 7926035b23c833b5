/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_capture.h - small capture files, written byte by byte: classic ones and pcapng, in either
 * byte order, with any link header, over IPv4 or IPv6.
 */
#ifndef SYNWARD_TESTS_PROFILES_SUPPORT_CAPTURE_H
#define SYNWARD_TESTS_PROFILES_SUPPORT_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "profiles/capture/capture.h"

#define MAKER_FIRST_S  1767225600u
#define MAKER_SNAPSHOT 65535u

struct maker {
    /* Set before begin_capture(). */
    bool pcapng, nanoseconds, other_order;
    uint32_t link_type, snap_bytes;
    /* May be changed between frames. */
    bool ipv6, simple, obsolete; /* the latter two: forms of pcapng's packets */
    const uint8_t *link;
    uint32_t link_bytes, interface;
    uint32_t later_s, fraction; /* of a classic file: added to each time; what stands beneath s */
    /* Kept by the maker. */
    char path[64];
    FILE *file;
    uint32_t frames;
};

struct tcp_segment {
    bool from_server;
    uint16_t client_port, server_port;
    uint32_t seq, ack;
    uint8_t flags;
    const char *payload;
};

/* A temporary file with its header; of a pcapng file, with one interface. */
void begin_capture(struct maker *maker);
void add_block(struct maker *maker, uint32_t type, const void *body, uint32_t bytes);
/* A further interface; `resolution` and `offset_s` 0: not named. It is used by maker->interface. */
void add_interface(struct maker *maker, uint16_t link_type, uint32_t snap_bytes, uint8_t resolution,
                   int64_t offset_s);
/* One frame as it is given, of which `cut` bytes were on the wire but are not in the file. */
void add_raw(struct maker *maker, const uint8_t *frame, uint32_t bytes, uint32_t cut);
/* Both ends have the same address, as on a loopback interface; checksums are left at 0, as offload
 * leaves them. */
void add_segment(struct maker *maker, const struct tcp_segment *segment);
/* A whole HTTP fetch from `client_port` to `server_port`, in 8 frames. */
void add_fetch(struct maker *maker, uint16_t client_port, uint16_t server_port);
/* Closes the file, learns from it and removes it. */
struct store *learn_made(struct maker *maker, struct capture_summary *summary);
/* The same of a file that must be refused; returns the error's text. */
const char *learn_refused(struct maker *maker);
/* One fetch, and nothing else, was learned of this server on the loopback address. */
void check_fetch(const struct store *store, uint16_t port, bool ipv6);

#endif
