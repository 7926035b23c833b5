/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.c - see link.h. Every question asks the kernel anew: nothing is cached, so that what others
 * change is seen. */
#include "bridge/sides/link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>
#include <netlink/socket.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/netns.h"

struct link {
    const struct side_spec *side;
    struct nl_sock *socket;
    int events;
    bool beside; /* the socket is another link's */
};

int link_listen(void)
{
    const struct sockaddr_nl group = {.nl_family = AF_NETLINK,
                                      .nl_groups = RTMGRP_LINK | RTMGRP_TC};
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&group, sizeof(group)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void link_heard(int listener)
{
    uint8_t news[8192];

    /* ENOBUFS says that news were lost: others follow, and none is read anyway. */
    while (recv(listener, news, sizeof(news), 0) > 0 || errno == ENOBUFS)
        continue;
}

bool link_wait(int listener, uint64_t until_us)
{
    const uint64_t now_us = clock_now_us();
    struct pollfd changed = {.fd = listener, .events = POLLIN};

    if (listener < 0 || now_us >= until_us ||
        poll(&changed, 1, (int)((until_us - now_us + 999) / 1000)) != 1)
        return false;
    link_heard(listener);
    return true;
}

static bool link_error(const struct link *link, const char *what, int code, struct error *error)
{
    char place[SIDE_PLACE_BYTES];

    return error_set(error, EXIT_FAILED, "%s %s%s: %s", what, link->side->device,
                     side_place(link->side, place),
                     code == -NLE_PERM ? "needs CAP_NET_ADMIN, run as root" : nl_geterror(code));
}

static struct link *link_new(const struct side_spec *side, struct error *error)
{
    struct link *link = calloc(1, sizeof(*link));

    if (!link) {
        error_set(error, EXIT_FAILED, "out of memory for the link of side %s", side->text);
        return NULL;
    }
    link->side = side;
    link->events = -1;
    return link;
}

struct link *link_beside(const struct link *other, const struct side_spec *side,
                         struct error *error)
{
    struct link *link = link_new(side, error);

    if (!link)
        return NULL;
    link->socket = other->socket;
    link->beside = true;
    return link;
}

/* In the interface's namespace. */
static bool connect_inside(struct link *link, struct error *error)
{
    struct netns_return back;
    int code;

    link->socket = nl_socket_alloc();
    if (!link->socket)
        return error_set(error, EXIT_FAILED, "out of memory for the link of side %s",
                         link->side->text);
    if (!netns_enter(link->side->netns, &back, error))
        return false;
    code = nl_connect(link->socket, NETLINK_ROUTE);
    if (code == 0)
        link->events = link_listen();
    netns_leave(&back);
    return code == 0 || link_error(link, "no netlink for", code, error);
}

struct link *link_open(const struct side_spec *side, struct error *error)
{
    struct link *link = link_new(side, error);

    if (!link || connect_inside(link, error))
        return link;
    link_close(link);
    return NULL;
}

bool link_renew(struct link *link, struct error *error)
{
    nl_socket_free(link->socket);
    if (link->events >= 0)
        close(link->events);
    link->events = -1;
    return connect_inside(link, error);
}

void link_renew_beside(struct link *link, const struct link *other)
{
    link->socket = other->socket;
}

void link_close(struct link *link)
{
    if (!link)
        return;
    if (link->events >= 0)
        close(link->events);
    if (!link->beside)
        nl_socket_free(link->socket);
    free(link);
}

int link_events(const struct link *link)
{
    return link->events;
}

struct nl_sock *link_socket(const struct link *link)
{
    return link->socket;
}

static bool is_gone(int code)
{
    return code == -NLE_NODEV || code == -NLE_OBJ_NOTFOUND;
}

/* The caller gives it back with rtnl_link_put(). */
static struct rtnl_link *fetch(const struct link *link, struct error *error)
{
    struct rtnl_link *found = NULL;
    const int code = rtnl_link_get_kernel(link->socket, 0, link->side->device, &found);
    char place[SIDE_PLACE_BYTES];

    if (code == 0)
        return found;
    if (is_gone(code))
        error_set(
            error, EXIT_FAILED, "side %s: no interface %s%s: `ip %s%s%slink` shows those there are",
            link->side->text, link->side->device, side_place(link->side, place),
            link->side->netns[0] ? "-n " : "", link->side->netns, link->side->netns[0] ? " " : "");
    else
        link_error(link, "cannot look up interface", code, error);
    return NULL;
}

/* And gives it back. */
static void read_state(struct rtnl_link *found, struct link_state *state)
{
    const unsigned flags = rtnl_link_get_flags(found);
    const char *kind = rtnl_link_get_type(found);
    struct nl_addr *mac = rtnl_link_get_addr(found);

    *state = (struct link_state){.index = rtnl_link_get_ifindex(found),
                                 .master = rtnl_link_get_master(found),
                                 .ethernet = rtnl_link_get_arptype(found) == ARPHRD_ETHER,
                                 .up = (flags & IFF_UP) != 0,
                                 .carrier = rtnl_link_get_carrier(found) != 0,
                                 .promiscuous = (flags & IFF_PROMISC) != 0};
    if (mac && nl_addr_get_len(mac) == sizeof(state->mac))
        memcpy(state->mac, nl_addr_get_binary_addr(mac), sizeof(state->mac));
    snprintf(state->kind, sizeof(state->kind), "%s", kind ? kind : "");
    snprintf(state->name, sizeof(state->name), "%s", rtnl_link_get_name(found));
    state->leads_to = rtnl_link_get_link(found);
    rtnl_link_put(found);
}

bool link_look(const struct link *link, struct link_state *state, struct error *error)
{
    struct rtnl_link *found = fetch(link, error);

    if (found)
        read_state(found, state);
    return found;
}

bool link_look_at(const struct link *link, int index, struct link_state *state)
{
    struct rtnl_link *found = NULL;

    if (rtnl_link_get_kernel(link->socket, index, NULL, &found) != 0)
        return false;
    read_state(found, state);
    return true;
}

static bool is_of_the_link_alone(struct nl_addr *address)
{
    return address && nl_addr_get_family(address) == AF_INET6 &&
           IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)nl_addr_get_binary_addr(address));
}

bool link_has_address(const struct link *link, int index)
{
    struct nl_cache *addresses = NULL;
    bool found = false;

    if (rtnl_addr_alloc_cache(link->socket, &addresses) != 0)
        return true;
    for (struct nl_object *object = nl_cache_get_first(addresses); object && !found;
         object = nl_cache_get_next(object)) {
        struct rtnl_addr *address = (struct rtnl_addr *)object;

        found = rtnl_addr_get_ifindex(address) == index &&
                !is_of_the_link_alone(rtnl_addr_get_local(address));
    }
    nl_cache_free(addresses);
    return found;
}

bool link_index_exists(const struct link *link, int index)
{
    struct rtnl_link *found = NULL;
    const int code = rtnl_link_get_kernel(link->socket, index, NULL, &found);

    if (code == 0)
        rtnl_link_put(found);
    /* A question that failed for another reason is no answer. */
    return !is_gone(code);
}

/* Applies `wish` to the interface, and frees it. */
static bool change(struct link *link, struct rtnl_link *wish, const char *what, struct error *error)
{
    struct rtnl_link *found = !wish ? NULL : fetch(link, error);
    int code = 0;
    bool ok;

    if (found)
        code = rtnl_link_change(link->socket, found, wish, 0);
    ok = found && (code == 0 || link_error(link, what, code, error));
    if (found)
        rtnl_link_put(found);
    if (wish)
        rtnl_link_put(wish);
    else
        error_set(error, EXIT_FAILED, "out of memory to change interface %s", link->side->device);
    return ok;
}

bool link_set_up(struct link *link, struct error *error)
{
    struct rtnl_link *wish = rtnl_link_alloc();

    if (wish)
        rtnl_link_set_flags(wish, IFF_UP);
    return change(link, wish, "cannot bring up interface", error);
}

bool link_set_down(struct link *link, struct error *error)
{
    struct rtnl_link *wish = rtnl_link_alloc();

    if (wish)
        rtnl_link_unset_flags(wish, IFF_UP);
    return change(link, wish, "cannot take down interface", error);
}

bool link_set_mac(struct link *link, const uint8_t mac[6], struct error *error)
{
    struct rtnl_link *wish = rtnl_link_alloc();
    struct nl_addr *address = nl_addr_build(AF_LLC, mac, 6);

    if (wish && address)
        rtnl_link_set_addr(wish, address);
    if (address)
        nl_addr_put(address);
    return change(link, wish, "cannot set the MAC of interface", error);
}

bool link_set_promiscuous(struct link *link, bool promiscuous, struct error *error)
{
    struct rtnl_link *wish = rtnl_link_alloc();

    if (wish && promiscuous)
        rtnl_link_set_flags(wish, IFF_PROMISC);
    else if (wish)
        rtnl_link_unset_flags(wish, IFF_PROMISC);
    return change(link, wish, "cannot change the promiscuous mode of interface", error);
}

void link_set_mute(struct link *link)
{
    struct rtnl_link *arp = rtnl_link_alloc(), *address = rtnl_link_alloc();

    if (arp)
        rtnl_link_set_flags(arp, IFF_NOARP);
    /* Refused where the kernel has no IPv6: then there is nothing to silence either. */
    if (address)
        rtnl_link_inet6_set_addr_gen_mode(address, IN6_ADDR_GEN_MODE_NONE);
    change(link, arp, "cannot turn off ARP on interface", NULL);
    change(link, address, "cannot turn off IPv6 addresses of interface", NULL);
}

/* False: the interface has the discipline that it had. */
static bool set_noqueue(const struct link *link)
{
    struct rtnl_link *found = fetch(link, NULL);
    struct rtnl_qdisc *qdisc = !found ? NULL : rtnl_qdisc_alloc();
    bool ok = false;

    if (qdisc) {
        rtnl_tc_set_ifindex(TC_CAST(qdisc), rtnl_link_get_ifindex(found));
        rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_ROOT);
        ok = rtnl_tc_set_kind(TC_CAST(qdisc), "noqueue") == 0 &&
             rtnl_qdisc_add(link->socket, qdisc, NLM_F_CREATE | NLM_F_REPLACE) == 0;
        rtnl_qdisc_put(qdisc);
    }
    if (found)
        rtnl_link_put(found);
    return ok;
}

void link_set_queues(struct link *link, uint32_t frames)
{
    /* A discipline has a queue of that length for each queue that there may be: 48 MB of 256
     * pfifo_fast. */
    struct rtnl_link *wish = set_noqueue(link) ? rtnl_link_alloc() : NULL;

    if (!wish)
        return;
    rtnl_link_set_txqlen(wish, frames);
    change(link, wish, "cannot set the queue length of interface", NULL);
}

bool link_set_mtu(struct link *link, uint32_t mtu, struct error *error)
{
    struct rtnl_link *wish = rtnl_link_alloc();

    if (wish)
        rtnl_link_set_mtu(wish, mtu);
    return change(link, wish, "cannot set the MTU of interface", error);
}

bool link_mtu(const struct link *link, uint32_t *mtu, struct error *error)
{
    struct rtnl_link *found = fetch(link, error);

    if (!found)
        return false;
    *mtu = rtnl_link_get_mtu(found);
    rtnl_link_put(found);
    return true;
}

bool link_overflow(const struct link *link, uint64_t *frames, struct error *error)
{
    struct rtnl_link *found = fetch(link, error);

    if (!found)
        return false;
    *frames = rtnl_link_get_stat(found, RTNL_LINK_TX_DROPPED);
    rtnl_link_put(found);
    return true;
}

void link_remove(struct link *link)
{
    struct rtnl_link *found = fetch(link, NULL);

    if (!found)
        return;
    rtnl_link_delete(link->socket, found);
    rtnl_link_put(found);
}
