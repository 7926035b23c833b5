/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link.h - one interface seen through netlink: up and down, MTU, drop counts.
 *
 * The netlink socket is opened inside the interface's namespace and stays there. Main thread only.
 */
#ifndef SYNWARD_BRIDGE_SIDES_LINK_H
#define SYNWARD_BRIDGE_SIDES_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/sides/side.h"
#include "profiles/error.h"

struct link;

/*
 * A socket that becomes readable when an interface, or what tc has put onto one, changes in the
 * namespace that the thread is in;
 * -1, with errno: there is none. What it says is not read: link_heard() empties it, and who wants
 * to know asks the kernel.
 */
int link_listen(void);
void link_heard(int listener);
/* Waits for the next change, until `until_us` on the monotonic clock. False: there was none. */
bool link_wait(int listener, uint64_t until_us);
/*
 * When a daemon was killed the kernel takes its ring apart a moment after the process is gone, and
 * its TAP with it. On a busy machine that was over half a second: so long is waited for it.
 */
#define LINK_RELEASE_US (3000ull * 1000)

/* The interface need not exist yet. `side` must outlive the link. */
struct link *link_open(const struct side_spec *side, struct error *error);
/* One more interface in the namespace of `other`, by whose socket it is asked, and which must
 * outlive it. */
struct link *link_beside(const struct link *other, const struct side_spec *side,
                         struct error *error);
void link_close(struct link *link);
/*
 * For a process that shares the socket with the one that it was forked from: one of its own. What
 * was made by link_beside() is given it by link_renew_beside().
 */
bool link_renew(struct link *link, struct error *error);
void link_renew_beside(struct link *link, const struct link *other);
/* link_listen() in the interface's namespace; -1: none. The link's. */
int link_events(const struct link *link);
/* For who has more to ask in that namespace. The link's. */
struct nl_sock *link_socket(const struct link *link);

struct link_state {
    int index;
    int master;    /* of what it is a member (bridge, bond); 0: of nothing */
    bool ethernet; /* frames begin with an Ethernet header */
    bool up;
    bool carrier;
    bool promiscuous;    /* by its flag: others may have made it so without */
    uint8_t mac[6];      /* where it is Ethernet */
    char kind[IFNAMSIZ]; /* veth, tun, macvlan ...; empty: of hardware */
    char name[IFNAMSIZ];
    int leads_to; /* of a veth end: the other one, in whichever namespace */
};
bool link_look(const struct link *link, struct link_state *state, struct error *error);
/* The same of the interface of this index, whatever its name is now. False: it is not there. */
bool link_look_at(const struct link *link, int index, struct link_state *state);
/* Whether the host has an address on it, other than those that IPv6 makes for the link alone. */
bool link_has_address(const struct link *link, int index);
/* Whether this interface is still there, whatever its name is now. */
bool link_index_exists(const struct link *link, int index);

bool link_set_up(struct link *link, struct error *error);
bool link_set_mac(struct link *link, const uint8_t mac[6], struct error *error);
bool link_set_down(struct link *link, struct error *error);
/* As long as that flag stands, whoever is there. */
bool link_set_promiscuous(struct link *link, bool promiscuous, struct error *error);
/* An interface that only carries what is not its own: no ARP, no IPv6 address by itself. Before it
 * is brought up. */
void link_set_mute(struct link *link);
/*
 * For a TAP of our own, before it is brought up: its queues hold so many frames, and there is no
 * queueing discipline in front of them, which would only pass on what a TAP never refuses. Where
 * the kernel says no it stays as it is.
 */
void link_set_queues(struct link *link, uint32_t frames);
bool link_mtu(const struct link *link, uint32_t *mtu, struct error *error);
bool link_set_mtu(struct link *link, uint32_t mtu, struct error *error);
/*
 * Frames that the kernel could not queue towards us since the interface was made: for a TAP, those
 * its queue had no room for.
 */
bool link_overflow(const struct link *link, uint64_t *frames, struct error *error);
/* Removes the interface, if it is there: it is gone on return, even where a file still refers to
 * it. */
void link_remove(struct link *link);

#endif
