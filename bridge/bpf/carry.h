/* SPDX-License-Identifier: GPL-2.0-or-later */
/* carry.h - what the carrying program (carry.bpf.c) and those who load it agree on. */
#ifndef SYNWARD_BRIDGE_BPF_CARRY_H
#define SYNWARD_BRIDGE_BPF_CARRY_H

#include <stdint.h>

#include "engine/base/counters.h"

/* Keys of connections; all in wire order but the VLAN's ID (vlan_ids.id[0]; 0: no tag). */
struct carry_key4 {
    uint32_t client, server;
    uint16_t client_port, server_port;
    uint32_t vlan;
};

struct carry_key6 {
    uint32_t client[4], server[4];
    uint16_t client_port, server_port;
    uint32_t vlan;
};

struct carry_value {
    uint32_t index, serial; /* of the record */
    uint32_t figures;       /* place of its server's, plus one; 0: nobody's */
};

/* Interfaces that lead to the client and to the server; 0: all goes up. `peer_mac`: of the other
 * end of the veth that leads to the client, where answers may be handed over to it, as it lies in
 * memory, two zero bytes behind it; 0: nobody's. */
struct carry_settings {
    uint32_t to[2];
    uint64_t peer_mac;
};

enum carry_count {
#define CARRY_COUNT_ENUM(group, name, text) CARRY_##name,
    SYNWARD_KERNEL_COUNTERS(CARRY_COUNT_ENUM)
#undef CARRY_COUNT_ENUM
        CARRY_COUNTS_COUNT
};

#define CARRY_FROM_CLIENT       "carry_from_client"
#define CARRY_FROM_CLIENT_ALONE "carry_from_client_alone"
#define CARRY_FROM_SERVER       "carry_from_server"
#define CARRY_FROM_SERVER_ALONE "carry_from_server_alone"

#endif
