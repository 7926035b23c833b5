/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - the listening TCP sockets of a network namespace of this machine, asked of its kernel.
 *
 *      stack_probe_begin()   links, addresses, IPv4 listeners, IPv6 listeners: one request after
 *                            the other
 *      stack_probe_turn()    reads a bounded piece of the answers, never waits     until
 *                            STACK_ROUND_DONE
 *      stack_probe_view()    what the last whole round has found
 *
 * The sockets (NETLINK_SOCK_DIAG, NETLINK_ROUTE) are opened inside the namespace and stay there. A
 * round that fails leaves the view before it in place. At most STACK_LISTENERS_MAX listeners and
 * STACK_ADDRESSES_MAX addresses; where there are more, the view is not `complete`, and says nothing
 * about what it does not hold. Main thread only.
 */
#ifndef SYNWARD_BRIDGE_LISTENERS_PROBE_H
#define SYNWARD_BRIDGE_LISTENERS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/keeper.h"
#include "bridge/listeners/parse.h"
#include "profiles/error.h"

#define STACK_LISTENERS_MAX 65536u
#define STACK_ADDRESSES_MAX 1024u

struct stack_view {
    struct stack_listener *listeners;
    uint32_t count;
    struct stack_address *addresses; /* of the namespace, but for the loopback's own */
    uint32_t address_count;
    bool complete;
    bool changed; /* since the round before: listeners come, gone or in another order, or addresses
                   */
};

struct stack_probe;

/* `netns` as `ip netns` knows it; "": our own. */
struct stack_probe *stack_probe_open(const char *netns, struct error *error);
void stack_probe_close(struct stack_probe *probe);
/* From here on the keeper opens the sockets anew for us; it lends them by stack_probe_lend(). */
void stack_probe_by(struct stack_probe *probe, struct keeper *keeper);
bool stack_probe_lend(struct stack_probe *probe, int files[2], struct error *error);
/* The inode by which the namespace is known in /proc. */
uint64_t stack_probe_netns(const struct stack_probe *probe);

enum stack_round { STACK_ROUND_GOES_ON, STACK_ROUND_DONE, STACK_ROUND_FAILED };

/* Begins a round; what is left of one that failed is thrown away. */
void stack_probe_begin(struct stack_probe *probe);
enum stack_round stack_probe_turn(struct stack_probe *probe, struct error *error);
/* Names found for its listeners may be written into it; they are carried over from round to round.
 */
struct stack_view *stack_probe_view(struct stack_probe *probe);

/*
 * True where servers at this address can be clients' aim through `device`: an address of it that is
 * not tagged, and not only for the link. `device` "": any but the loopback.
 */
bool stack_probe_serves(const struct stack_probe *probe, const struct stack_address *address,
                        const char *device);

#endif
