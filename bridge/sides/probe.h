/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - proves that a TAP of ours and a port are one wire: a frame of our own makes the way.
 *
 *      out:  written to the TAP's file ----------------------------> seen by a packet socket as it
 *            leaves the port
 *      in:   written to the TAP's file --> comes in at the port (a rule for the probe alone) -->
 *            read from the file
 *
 * The frame has the EtherType for local experiments (IEEE 802, 0x88B5), is sent from the port's own
 * address, and to the nearest-bridge group address, which no bridge passes on (802.1Q, 8.6.3). The
 * one that goes out is seen on the wire.
 */
#ifndef SYNWARD_BRIDGE_SIDES_PROBE_H
#define SYNWARD_BRIDGE_SIDES_PROBE_H

#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#define PROBE_ETHERTYPE 0x88B5u /* IEEE Std 802 local experimental EtherType 1 */

enum probe_result {
    PROBE_PASSED,
    PROBE_FAILED_OUT,   /* what we send does not leave the port */
    PROBE_FAILED_IN,    /* what comes in at the port does not reach us */
    PROBE_NOT_POSSIBLE, /* it could not be tried; errno says why */
};

struct probe {
    struct nl_sock *socket; /* of the namespace that both are in */
    int port, tap;          /* interface indices */
    int tap_fd;             /* nobody else reads it where `both_ways` is set */
    uint8_t mac[6];         /* the port's */
    bool both_ways;
};

/* The calling thread is in the namespace of both. Takes a few hundred milliseconds at most. */
enum probe_result probe_run(const struct probe *probe);

#endif
