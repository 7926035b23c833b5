/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peers.h - what `synward sync` has told the daemon of the other bridges, and whether it still
 * does.
 *
 * What was told stays when it falls silent: only the attacks of others end by themselves. Main
 * thread only.
 */
#ifndef SYNWARD_BRIDGE_CLUSTER_PEERS_H
#define SYNWARD_BRIDGE_CLUSTER_PEERS_H

#include <stdbool.h>
#include <stdint.h>

/* So long after its last word it is taken for gone. It speaks twice a second. */
#define PEERS_SILENT_US  (10ull * 1000 * 1000)
#define PEERS_WHY_BYTES  160
#define PEERS_NAME_BYTES 64
#define PEERS_MOST       64u

enum peers_state {
    PEERS_UNKNOWN, /* it has not spoken since the start */
    PEERS_JOINED,
    PEERS_AWAY,    /* the store does not answer, or sync itself is gone */
    PEERS_REFUSED, /* this bridge may not join: another key file, a wrong clock */
};

struct cluster_peers {
    enum peers_state state;
    uint64_t heard_us;
    uint32_t
        bridges; /* that live, this one too; 1 until it is told, and what was told last after */
    char name[PEERS_NAME_BYTES]; /* of this bridge */
    char why[PEERS_WHY_BYTES];   /* it is away or refused; "" */
};

void cluster_peers_begin(struct cluster_peers *peers);
/* What sync says of itself. True: the state has changed. */
bool cluster_peers_told(struct cluster_peers *peers, const struct cluster_peers *said,
                        uint64_t now_us);
/* About once a second. True: it has fallen silent. */
bool cluster_peers_turn(struct cluster_peers *peers, uint64_t now_us);
/* A bridge by its name: not 0. */
uint64_t peers_id(const char *name);
const char *peers_state_name(enum peers_state state);

#endif
