/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chaos.h - worlds made of one seed: hosts, links, dialogues and manners at random, and what
 * happens to them meanwhile.
 *
 * Every world has two or three clients and one server of each family, tags (none, VLAN, QinQ), a
 * beginning of time (some just before the end of a cookie's epoch), and eight connections. A recipe
 * adds more:
 *
 *      ROUGH     loss, duplication, reordering, corruption on all links; a link is cut for up to 4
 *                s
 *      SWITCHES  normal and attack mode change places
 *      ENDS      clients and servers that abort, clients that vanish, servers that refuse, or crash
 *                and come back; wrong requests, silent clients
 *      AGAIN     ports used again a moment after their last connection ended
 *      SLOW      minutes of thinking, before the first request too: cookies live over an epoch, and
 *                expire
 *      DRIFT     servers that change settings and greetings, at once known to the policy or later;
 *                profiles disarmed, forgotten
 *      BLIND     spoofed segments on the tuples of running connections, with numbers that no host
 *                takes
 *      TIGHT     pools of one or two openings and slots
 *      FORMS     greetings that change, keywords, hidden forms, several protocols at one server
 *                (forms.h); not with DRIFT
 *      FLOOD     SYNs of nobody to all servers, in bursts; under attack also on tuples that are
 *                used soon
 *      LATE      every second segment of a client comes again within 50 s; meanwhile the engine has
 *                forgotten the closed connections
 *
 *      PARTS     requests in parts, with pauses over which epochs roll; with ENDS some are cut off
 *                by a FIN (parts.h)
 *      COPIES    parts of what clients have said come again, in any order and with any borders; of
 *                what was acknowledged also with other bytes, which count for nothing (parts.h)
 *      SMALL     servers with small windows and MSS
 *      DROPS     the servers get four of five frames only
 *
 *      PATH      the kernel path stands before the engine: it carries, and gives prepared requests
 *                to servers (path.h)
 *
 * Whatever happens, both hosts must end every connection and the judges (app.h, line.h, inside.h)
 * must have nothing to say; what was acknowledged to a client has reached its server, or both were
 * reset (parts.h). A session that nothing happened to must also be done: all said, all
 * heard. Which of them are excused is decided where it happens.
 */
#ifndef SYNWARD_TESTS_SIM_CHAOS_H
#define SYNWARD_TESTS_SIM_CHAOS_H

#include "engine/engine.h"

enum chaos {
    CHAOS_ROUGH = 1 << 0,
    CHAOS_SWITCHES = 1 << 1,
    CHAOS_ENDS = 1 << 2,
    CHAOS_AGAIN = 1 << 3,
    CHAOS_SLOW = 1 << 4,
    CHAOS_DRIFT = 1 << 5,
    CHAOS_BLIND = 1 << 6,
    CHAOS_TIGHT = 1 << 7,
    CHAOS_LATE = 1 << 8,
    CHAOS_FORMS = 1 << 9,
    CHAOS_FLOOD = 1 << 10,
    CHAOS_PARTS = 1 << 11,
    CHAOS_COPIES = 1 << 12,
    CHAOS_SMALL = 1 << 13,
    CHAOS_DROPS = 1 << 14,
    CHAOS_PATH = 1 << 15,
};

/* Runs one world; returns how many connections it had. SETTING_INHERIT: a bare wire. `name`: of the
 * test. */
uint32_t chaos_run(const char *name, uint64_t seed, enum mode_setting setting, uint32_t recipe);

#endif
