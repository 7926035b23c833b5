/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.h - offline learning: a pcap or pcapng file through the engine in normal mode into the
 * learner.
 */
#ifndef SYNWARD_PROFILES_CAPTURE_CAPTURE_H
#define SYNWARD_PROFILES_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "profiles/error.h"
#include "profiles/store/store.h"

struct policy;
struct rehearsal;

/*
 * Why frames taught nothing: X(member, words for one, words for more). A bad checksum is no reason:
 * captures made on a sending host have them unfinished.
 */
#define CAPTURE_PASSED_OVER(X)                                                                     \
    X(link_type, "of a link type that is not known", "of link types that are not known")           \
    X(link, "cut in its link header", "cut in their link headers")                                 \
    X(not_ip, "not IP", "not IP")                                                                  \
    X(not_tcp, "of IP but not TCP", "of IP but not TCP")                                           \
    X(fragments, "a fragment", "fragments")                                                        \
    X(malformed, "malformed", "malformed")

struct capture_passed_over {
#define MEMBER(member, one, more) uint64_t member;
    CAPTURE_PASSED_OVER(MEMBER)
#undef MEMBER
};

struct capture_summary {
    uint64_t frames, tcp_frames;
    uint64_t frames_passed_over; /* all that are not in tcp_frames: the sum of passed_over */
    struct capture_passed_over passed_over;
    /* Among tcp_frames: of connections whose handshake the capture does not show. They teach
     * nothing. */
    uint64_t without_handshake;
    /* Among tcp_frames, and taken none the less. */
    uint64_t bad_checksums, cut_short;
    uint64_t flows, handshakes, requests; /* SYN-ACKs seen; completed; accepted by the server */
    uint64_t requests_refused;
    uint64_t flows_given_up; /* for want of room: ended before their time */
    bool truncated;          /* the file ends in mid-packet; what came before was learned */
};

/* Learns from the capture at `path` into `store`. False: the file cannot be read as a capture. */
bool capture_learn(const char *path, struct store *store, struct capture_summary *summary,
                   struct error *error);
/* The same from a file of capture_file_find(), which it closes; `path` names it in errors. */
bool capture_learn_from(FILE *from, const char *path, struct store *store,
                        struct capture_summary *summary, struct error *error);

/* What attack mode would refuse of the capture's first requests (learn/rehearsal.h). */
struct capture_rehearsal {
    struct rehearsal *rehearsal;
    struct policy *policy; /* the same for the whole capture; read only */
};
/* As capture_learn_from(), which tells whether a server accepted a request by what it has learned
 * into `store`. `rehearsal`: NULL for none. */
bool capture_rehearse_from(FILE *from, const char *path, struct store *store,
                           const struct capture_rehearsal *rehearsal,
                           struct capture_summary *summary, struct error *error);

#endif
