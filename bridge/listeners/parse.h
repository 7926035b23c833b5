/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse.h - what the kernel answers when it is asked for listening sockets, addresses and
 * interfaces.
 *
 * One netlink datagram holds many messages; each is checked before it is read, and one that is cut
 * or absurd is left out. Nothing here asks the kernel: the bytes come in (probe.c), plain data goes
 * out.
 */
#ifndef SYNWARD_BRIDGE_LISTENERS_PARSE_H
#define SYNWARD_BRIDGE_LISTENERS_PARSE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"

#define PROGRAM_NAME_BYTES 16 /* as in /proc/PID/comm, with the zero */

struct stack_listener {
    struct ip_addr addr; /* all zero where `any`, but for an IPv4 one its mapped form */
    bool any; /* every address: of IPv6, and unless `v6only`, or of IPv4 alone, also of IPv4 */
    bool v6only;
    uint16_t port;        /* host byte order */
    uint32_t device;      /* bound to this interface; 0: to none */
    uint32_t inode;       /* of its socket; 0: it has none any more, or not yet */
    uint32_t used, limit; /* accept queue: connections in it, and listen()'s backlog */
    /* Not filled in here. */
    char program[PROGRAM_NAME_BYTES]; /* "": not known */
    bool looked_for;                  /* its program, once */
};

struct stack_address {
    struct ip_addr addr;
    uint32_t device;
    bool global; /* not only of this link, or of this host */
};

struct stack_interface {
    uint32_t device;
    bool vlan; /* what it sends is tagged */
    char name[IFNAMSIZ];
};

struct stack_sink {
    void (*listener)(void *context, const struct stack_listener *listener);
    void (*address)(void *context, const struct stack_address *address);
    void (*interface)(void *context, const struct stack_interface *interface);
    void *context;
};

/* Of whom it was asked: the numbers of their messages overlap. */
enum stack_subject { STACK_SOCKETS, STACK_ROUTES };

enum stack_parsed {
    STACK_MORE,   /* the answer goes on in another datagram */
    STACK_DONE,   /* this was its end */
    STACK_FAILED, /* the kernel refused, or gave up in the middle */
};

/* Reads one datagram of the answer to request `sequence`; other messages in it are passed over. */
enum stack_parsed stack_parse(enum stack_subject subject, const void *datagram, size_t bytes,
                              uint32_t sequence, const struct stack_sink *sink);

/* Does a connection to this address and port come to this socket? */
bool stack_listener_covers(const struct stack_listener *listener, const struct ip_addr *addr,
                           uint16_t port);

#endif
