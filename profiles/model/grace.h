/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grace.h - how long to wait for a client that may speak without being greeted, as measured in
 * normal mode.
 *
 *      client's ACK crosses the bridge ---- gap ----> its first data does, and acknowledges nothing
 *      of the server's
 *
 * Both cross the bridge on the same way, so the gap is the client's own doing and does not depend
 * on the round trip: it is what a greeted client must be given, whether it is 1 ms away or 300 ms.
 * In attack mode nothing is known of a client but its handshake, whose TSecr is as coarse as 64 ms:
 * so the gap is learned for each server, from its clients.
 *
 * A short gap lowers the estimate slowly, a long one raises it at once by half the difference: it
 * follows the slower of the usual clients. Where few of them speak without being greeted nobody is
 * made to wait.
 *
 * Limits: a gap beyond 100 ms is a repetition, or a person, and does not count for the length.
 */
#ifndef SYNWARD_PROFILES_MODEL_GRACE_H
#define SYNWARD_PROFILES_MODEL_GRACE_H

#include <stdint.h>

#define GRACE_CLIENTS_MIN 8
#define GRACE_LEAST_US    1000u
#define GRACE_MOST_US     50000u

struct grace {
    uint32_t early;  /* clients that spoke without having got anything of the server's */
    uint32_t waited; /* that had */
    uint32_t gap_us; /* of the slower ones among the early */
};

void grace_early(struct grace *grace, uint64_t gap_us);
void grace_waited(struct grace *grace);
/* `otherwise_us`: while fewer than GRACE_CLIENTS_MIN clients have been seen. */
uint32_t grace_us(const struct grace *grace, uint32_t otherwise_us);

#endif
