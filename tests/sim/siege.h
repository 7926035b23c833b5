/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siege.h - many clients of a few kinds against the servers of fixture_all(), under SETTING_AUTO.
 *
 * Neither clients nor servers keep anything: what a client does is told by its address
 * (10.KIND.x.y), so that a million of them cost nothing. A frame takes `rtt_us` / 2 from a client
 * to the bridge and back; the server answers at once. What the main thread does is done here too:
 * 30 s after a trigger has fired last its server returns to normal.
 */
#ifndef SYNWARD_TESTS_SIM_SIEGE_H
#define SYNWARD_TESTS_SIM_SIEGE_H

#include "tests/sim/fixture.h"

#define SECOND_US       1000000ull
#define SIEGE_QUEUE     65536u
#define SIEGE_PORTS     65536u
#define SIEGE_FRAME_MAX 400u
#define SIEGE_QUIET_US  (30 * SECOND_US)
#define SIEGE_BACKLOG   64u
#define SIEGE_HOLDS_US  (63 * SECOND_US) /* a place in the backlog: Linux, after five SYN-ACKs */

enum siege_kind {
    KIND_HONEST,  /* asks, is answered, resets */
    KIND_SPOOFED, /* answers nothing */
    KIND_SILENT,  /* completes the handshake and says nothing */
    KIND_WRONG,   /* asks for what the server does not have */
    KIND_REFUSED, /* asks, and the server resets it */
    KINDS
};

struct siege_frame {
    uint64_t due_us;
    enum side from;
    uint32_t bytes;
    uint8_t data[SIEGE_FRAME_MAX];
};

/* A place in a backlog. */
struct siege_place {
    struct ip_addr client; /* with its port and ISN; a time of 0: free */
    uint16_t client_port;
    uint32_t isn;
    uint64_t since_us;
};

struct siege {
    struct middle *middle;
    uint64_t now_us, rtt_us;
    bool refuses;     /* the server resets every request */
    bool mute;        /* the server's answers take another way */
    bool down;        /* it hears nothing */
    uint32_t backlog; /* half-open connections that it takes; 0: any number */
    struct siege_place places[SIEGE_BACKLOG];
    uint32_t repeats;            /* wrong requests are said so many times more */
    const char *requests[KINDS]; /* what they ask; NULL: GET, or BitTorrent for the wrong ones */
    uint32_t next[KINDS];
    /* What came about, by kind. */
    uint32_t begun[KINDS], syns_at_server[KINDS], accepted[KINDS], served[KINDS], reset[KINDS];
    uint64_t fired_us[SIEGE_PORTS], attack_us[SIEGE_PORTS]; /* by port; 0: never, or not now */
    uint32_t switches, returns, asides;
    struct observed_trigger trigger; /* of the last switch */
    struct observed_source aside;
    struct siege_frame *queue;
    uint32_t first, count;
};

struct siege *siege_new(void (*change)(struct engine_config *config));
void siege_end(struct siege *siege);
/* A server must have answered somebody before it counts as one. */
void siege_known(struct siege *siege, uint16_t port);
/* One more client of this kind: at an address of its own, or at that of all of its kind. */
void siege_client(struct siege *siege, enum siege_kind kind, bool own_address, uint16_t port);
/* So many a second, of this kind, for so long. */
void siege_flood(struct siege *siege, enum siege_kind kind, bool own_address, uint16_t port,
                 uint32_t per_second, uint64_t us);
void siege_wait(struct siege *siege, uint64_t us);
enum mode siege_mode(struct siege *siege, uint16_t port);
struct server_policy *siege_policy(struct siege *siege, uint16_t port);

#endif
