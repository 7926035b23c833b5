/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peers.c - see peers.h. */
#include "bridge/cluster/peers.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {[PEERS_UNKNOWN] = "unknown",
                                    [PEERS_JOINED] = "joined",
                                    [PEERS_AWAY] = "away",
                                    [PEERS_REFUSED] = "refused"};

void cluster_peers_begin(struct cluster_peers *peers)
{
    *peers = (struct cluster_peers){.bridges = 1};
}

/* A store that is away says nothing of who lives: what was known stays. */
bool cluster_peers_told(struct cluster_peers *peers, const struct cluster_peers *said,
                        uint64_t now_us)
{
    const bool changed = peers->state != said->state || strcmp(peers->why, said->why) != 0;
    const uint32_t bridges = said->state == PEERS_JOINED ? said->bridges : peers->bridges;

    *peers = *said;
    peers->bridges = bridges;
    peers->heard_us = now_us;
    return changed;
}

bool cluster_peers_turn(struct cluster_peers *peers, uint64_t now_us)
{
    if (peers->state == PEERS_UNKNOWN || now_us < peers->heard_us + PEERS_SILENT_US)
        return false;
    peers->heard_us = now_us;
    if (peers->state == PEERS_AWAY && strcmp(peers->why, "synward sync does not run") == 0)
        return false;
    peers->state = PEERS_AWAY;
    snprintf(peers->why, sizeof(peers->why), "synward sync does not run");
    return true;
}

/* FNV-1a */
uint64_t peers_id(const char *name)
{
    uint64_t id = 0xcbf29ce484222325u;

    for (; *name; name++)
        id = (id ^ (uint8_t)*name) * 0x100000001b3u;
    return id ? id : 1;
}

const char *peers_state_name(enum peers_state state)
{
    return names[state];
}
