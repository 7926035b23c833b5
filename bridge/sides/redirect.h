/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redirect.h - what comes in at one interface goes out of another, and nothing else does: tc,
 * through netlink.
 *
 *      from: clsact --- ingress: u32, matches every frame; mirred redirects it to the egress of
 *      `to`
 *                  \--- egress:  bpf, passes what was redirected from `to`, drops what our own host
 *                                would send
 *
 * Two of them, one each way, join two interfaces as a wire does. The host keeps its addresses on
 * them, but hears nothing on that wire and says nothing there. (Frames of a packet socket with
 * PACKET_QDISC_BYPASS pass the egress hook by: whoever uses that option is heard.)
 *
 * All there is lives in the clsact qdisc: it goes with it, and with the interface. Filters of ours
 * are known by their priority, so that what a killed process left behind can be told from what
 * others have put there.
 */
#ifndef SYNWARD_BRIDGE_SIDES_REDIRECT_H
#define SYNWARD_BRIDGE_SIDES_REDIRECT_H

#include <linux/bpf.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdint.h>

enum redirect_owner {
    REDIRECT_NONE,    /* the interface is free */
    REDIRECT_ALIVE,   /* ours, and where it leads to exists: another process uses it */
    REDIRECT_DEAD,    /* ours, left behind: where it led to is gone */
    REDIRECT_FOREIGN, /* somebody else's ingress or clsact qdisc */
};

/*
 * Looks at `interface`. `*note` is what redirect_add() was given, where it is ours, and
 * its marks. Returns 0, or libnl's error code as all here do.
 */
int redirect_look(struct nl_sock *socket, int interface, enum redirect_owner *owner,
                  uint32_t *note);

/* Whether all that redirect_add() has put onto `from` is there. */
int redirect_whole(struct nl_sock *socket, int from, int to, bool *whole);

/* It leads to another interface that exists: what is ours there is another process's. False
 * also where the kernel does not say. */
bool redirect_is_anothers(struct nl_sock *socket, int from, int to);

/*
 * `from` must be free: -NLE_EXIST where it is not. `note` (1 to REDIRECT_NOTE_MAX) is kept with it
 * in the kernel. On failure nothing is left behind.
 */
#define REDIRECT_NOTE_MAX 0xfffu
int redirect_add(struct nl_sock *socket, int from, int to, uint32_t note);
/*
 * The same where one that was left behind with this `note` is there: it leads to `to` from one
 * frame to the next, and what leads past it, and was left behind with it, stays until
 * redirect_remove_past() (but for what has been put into its place). False: it has to be removed
 * and added.
 */
bool redirect_renew(struct nl_sock *socket, int from, int to, uint32_t note);
void redirect_remove_past(struct nl_sock *socket, int interface, bool shortened, bool bypassed);
/*
 * The same in two steps, for programs of redirect_add_first() that are to be there before it is.
 * Inwards: to the ingress of `to`, as if its wire had brought the frame, and without a gate.
 */
int redirect_begin(struct nl_sock *socket, int from);
int redirect_end(struct nl_sock *socket, int from, int to, uint32_t note);
int redirect_end_inwards(struct nl_sock *socket, int from, int to, uint32_t note);
/* Marks that are kept with it, or go; one may be there, or not, already. */
#define REDIRECT_HELD        0x1000u
#define REDIRECT_PROMISCUOUS 0x2000u
#define REDIRECT_LEFT        0x4000u /* by redirect_leave() */
int redirect_mark(struct nl_sock *socket, int interface, uint32_t mark, bool marked);
int redirect_remove(struct nl_sock *socket, int interface);
/* In its place: what leads past `to` goes, and nothing passes once that is gone. */
int redirect_leave(struct nl_sock *socket, int interface);
/*
 * Of what is ours beside somebody else's: `*owner` is REDIRECT_NONE (nothing), REDIRECT_ALIVE (left
 * alone) or REDIRECT_DEAD (removed; what is theirs stays).
 */
int redirect_remove_beside(struct nl_sock *socket, int interface, uint16_t probe_ethertype,
                           enum redirect_owner *owner);

/*
 * While it stands, frames of this EtherType that come in at `from` come in at `to` as well, as if
 * its wire had brought them, instead of going out there.
 */
int redirect_add_probe(struct nl_sock *socket, int from, int to, uint16_t ethertype);
/*
 * Of an interface that has a redirect: what a program at `other` sends, and one here answers, may
 * go out, and this program sees first what comes in. They go with the redirect; what is there
 * already, also of one who was killed, gives way from one frame to the next.
 */
int redirect_add_short_gate(struct nl_sock *socket, int interface, int other);
int redirect_add_short(struct nl_sock *socket, int interface, int program_fd);
/*
 * Of an interface whose redirect is there or begun: one more program each way, which is asked
 * first. They go with the redirect. `*whole`: both are there, and the redirect.
 */
enum redirect_way { REDIRECT_IN, REDIRECT_OUT };
int redirect_add_first(struct nl_sock *socket, int interface, enum redirect_way way,
                       const struct bpf_insn *code, uint32_t instructions);
int redirect_firsts_whole(struct nl_sock *socket, int from, int to, bool *whole);
/* The same behind that one, for while nobody is alive. */
int redirect_add_bypass_gate(struct nl_sock *socket, int interface, int other);
int redirect_add_bypass(struct nl_sock *socket, int interface, int program_fd);
int redirect_remove_probe(struct nl_sock *socket, int from, uint16_t ethertype);
/* There is a clsact, and neither of its hooks has a filter, ours or anybody's. */
bool redirect_is_empty(struct nl_sock *socket, int interface);

#endif
