/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.c - see probe.h.
 *
 * Netlink makes a dump as it is read: the first piece is there when the request was sent, the next
 * when one was taken. So nothing is ever waited for, and an answer that is not there has failed.
 */
#include "bridge/listeners/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "bridge/base/netns.h"

#define LOOPBACK_DEVICE 1 /* in every namespace */
#define LISTEN_STATES   (1u << 10)
#define TURN_DATAGRAMS  8
#define DATAGRAM_BYTES  32768
#define INTERFACES_MAX  1024u
#define REQUEST_WORDS   16 /* of 8 bytes: room for either kind */

enum stage { STAGE_IDLE, STAGE_LINKS, STAGE_ADDRESSES, STAGE_IPV4, STAGE_IPV6 };

struct stack_probe {
    char netns[NAME_MAX + 1];
    uint64_t netns_inode;
    struct keeper *keeper; /* who opens sockets; NULL: we do */
    struct mnl_socket *diag, *route;
    enum stage stage;
    uint32_t sequence;
    bool failed; /* the round before: its sockets may hold what is left of it */
    struct stack_view now, next;
    uint32_t room; /* in next.listeners */
    uint32_t interface_count;
    struct stack_interface interfaces[INTERFACES_MAX];
    uint64_t datagram[DATAGRAM_BYTES / sizeof(uint64_t)];
};

/* --- sockets --------------------------------------------------------------------------------- */

static struct mnl_socket *open_socket(int bus)
{
    struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0)
        return socket;
    if (socket)
        mnl_socket_close(socket);
    return NULL;
}

static void close_sockets(struct stack_probe *probe)
{
    if (probe->diag)
        mnl_socket_close(probe->diag);
    if (probe->route)
        mnl_socket_close(probe->route);
    probe->diag = probe->route = NULL;
}

static bool open_sockets(struct stack_probe *probe, struct error *error)
{
    struct netns_return back;
    struct stat status = {0};
    int reason;

    if (!netns_enter(probe->netns, &back, error))
        return false;
    probe->diag = open_socket(NETLINK_SOCK_DIAG);
    probe->route = open_socket(NETLINK_ROUTE);
    reason = errno;
    if (stat("/proc/thread-self/ns/net", &status) == 0)
        probe->netns_inode = status.st_ino;
    netns_leave(&back);
    return (probe->diag && probe->route) ||
           error_set(error, EXIT_FAILED, "no netlink socket for the listening sockets: %s",
                     strerror(reason));
}

static bool fetch_sockets(struct stack_probe *probe, struct error *error)
{
    struct keeper_answer answer;
    int files[KEEPER_FILES_MAX];

    if (!keeper_ask_files(probe->keeper, KEEPER_LISTENERS, 0, &answer, files, error))
        return false;
    if (answer.files != 2)
        return error_set(error, EXIT_FAILED, "the keeper has handed over no sockets");
    probe->diag = mnl_socket_fdopen(files[0]);
    probe->route = mnl_socket_fdopen(files[1]);
    return (probe->diag && probe->route) ||
           error_set(error, EXIT_FAILED, "out of memory for the listening sockets");
}

void stack_probe_by(struct stack_probe *probe, struct keeper *keeper)
{
    probe->keeper = keeper;
}

bool stack_probe_lend(struct stack_probe *probe, int files[2], struct error *error)
{
    close_sockets(probe);
    if (!open_sockets(probe, error))
        return false;
    files[0] = fcntl(mnl_socket_get_fd(probe->diag), F_DUPFD_CLOEXEC, 0);
    files[1] = fcntl(mnl_socket_get_fd(probe->route), F_DUPFD_CLOEXEC, 0);
    close_sockets(probe);
    if (files[0] >= 0 && files[1] >= 0)
        return true;
    for (int i = 0; i < 2; i++)
        if (files[i] >= 0)
            close(files[i]);
    return error_set(error, EXIT_FAILED, "cannot hand over a netlink socket: %s", strerror(errno));
}

struct stack_probe *stack_probe_open(const char *netns, struct error *error)
{
    struct stack_probe *probe = calloc(1, sizeof(*probe));

    if (!probe) {
        error_set(error, EXIT_FAILED, "out of memory for the listening sockets");
        return NULL;
    }
    snprintf(probe->netns, sizeof(probe->netns), "%s", netns);
    probe->next.addresses = calloc(STACK_ADDRESSES_MAX, sizeof(*probe->next.addresses));
    probe->now.addresses = calloc(STACK_ADDRESSES_MAX, sizeof(*probe->now.addresses));
    if (!probe->next.addresses || !probe->now.addresses)
        error_set(error, EXIT_FAILED, "out of memory for the listening sockets");
    else if (open_sockets(probe, error))
        return probe;
    stack_probe_close(probe);
    return NULL;
}

void stack_probe_close(struct stack_probe *probe)
{
    if (!probe)
        return;
    close_sockets(probe);
    free(probe->now.listeners);
    free(probe->now.addresses);
    free(probe->next.listeners);
    free(probe->next.addresses);
    free(probe);
}

uint64_t stack_probe_netns(const struct stack_probe *probe)
{
    return probe->netns_inode;
}

/* --- what comes in --------------------------------------------------------------------------- */

static void take_listener(void *context, const struct stack_listener *listener)
{
    struct stack_probe *probe = context;
    struct stack_view *next = &probe->next;

    if (next->count == probe->room) {
        const uint32_t room = probe->room ? 2 * probe->room : 64;
        struct stack_listener *grown =
            room <= STACK_LISTENERS_MAX ? realloc(next->listeners, room * sizeof(*grown)) : NULL;

        if (!grown) {
            next->complete = false;
            return;
        }
        next->listeners = grown;
        probe->room = room;
    }
    next->listeners[next->count++] = *listener;
}

static bool is_loopback(const struct ip_addr *addr)
{
    static const struct ip_addr loopback6 = {{[15] = 1}};

    return (addr_is_v4(addr) && addr->bytes[12] == 127) ||
           memcmp(addr, &loopback6, sizeof(loopback6)) == 0;
}

static void take_address(void *context, const struct stack_address *address)
{
    struct stack_view *next = &((struct stack_probe *)context)->next;

    if (is_loopback(&address->addr))
        return;
    if (next->address_count == STACK_ADDRESSES_MAX)
        next->complete = false;
    else
        next->addresses[next->address_count++] = *address;
}

static void take_interface(void *context, const struct stack_interface *interface)
{
    struct stack_probe *probe = context;

    if (probe->interface_count < INTERFACES_MAX)
        probe->interfaces[probe->interface_count++] = *interface;
}

/* --- asking ---------------------------------------------------------------------------------- */

static bool ask_route(struct stack_probe *probe, uint16_t type)
{
    uint64_t request[REQUEST_WORDS] = {0};
    struct nlmsghdr *header = mnl_nlmsg_put_header(request);

    /* A family of 0, all, begins both kinds of request; ifaddrmsg is the shorter one. */
    mnl_nlmsg_put_extra_header(header, type == RTM_GETADDR ? sizeof(struct ifaddrmsg)
                                                           : sizeof(struct ifinfomsg));
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = ++probe->sequence;
    return mnl_socket_sendto(probe->route, header, header->nlmsg_len) >= 0;
}

static bool ask_diag(struct stack_probe *probe, uint8_t family)
{
    uint64_t request[REQUEST_WORDS] = {0};
    struct nlmsghdr *header = mnl_nlmsg_put_header(request);
    struct inet_diag_req_v2 *wanted = mnl_nlmsg_put_extra_header(header, sizeof(*wanted));

    wanted->sdiag_family = family;
    wanted->sdiag_protocol = IPPROTO_TCP;
    wanted->idiag_states = LISTEN_STATES;
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = ++probe->sequence;
    return mnl_socket_sendto(probe->diag, header, header->nlmsg_len) >= 0;
}

static bool ask(struct stack_probe *probe)
{
    switch (probe->stage) {
    case STAGE_LINKS:
        return ask_route(probe, RTM_GETLINK);
    case STAGE_ADDRESSES:
        return ask_route(probe, RTM_GETADDR);
    case STAGE_IPV4:
        return ask_diag(probe, AF_INET);
    case STAGE_IPV6:
        return ask_diag(probe, AF_INET6);
    case STAGE_IDLE:
        break;
    }
    return true;
}

void stack_probe_begin(struct stack_probe *probe)
{
    probe->next.count = probe->next.address_count = probe->interface_count = 0;
    probe->next.complete = true;
    probe->stage = STAGE_IDLE;
}

/* --- the end of a round ---------------------------------------------------------------------- */

static bool same_listener(const struct stack_listener *a, const struct stack_listener *b)
{
    return a->inode == b->inode && a->port == b->port && a->device == b->device &&
           a->v6only == b->v6only && memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0;
}

static bool same_addresses(const struct stack_view *now, const struct stack_view *next)
{
    if (now->address_count != next->address_count)
        return false;
    for (uint32_t i = 0; i < next->address_count; i++) {
        const struct stack_address *a = &now->addresses[i], *b = &next->addresses[i];

        if (a->device != b->device || a->global != b->global ||
            memcmp(&a->addr, &b->addr, sizeof(a->addr)) != 0)
            return false;
    }
    return true;
}

static int compare_inodes(const void *left, const void *right)
{
    const struct stack_listener *a = left, *b = right;

    return (a->inode > b->inode) - (a->inode < b->inode);
}

static void carry_over(struct stack_listener *to, const struct stack_listener *from)
{
    memcpy(to->program, from->program, sizeof(to->program));
    to->looked_for = from->looked_for;
}

/* Names are carried over by inode: the kernel's order has changed, or what there is. `now` is
 * sorted and thrown away. */
static void carry_over_moved(struct stack_probe *probe)
{
    struct stack_view *now = &probe->now, *next = &probe->next;

    if (now->count > 0)
        qsort(now->listeners, now->count, sizeof(*now->listeners), compare_inodes);
    for (uint32_t i = 0; i < next->count && now->count > 0; i++) {
        const struct stack_listener *before =
            bsearch(&next->listeners[i], now->listeners, now->count, sizeof(*now->listeners),
                    compare_inodes);

        if (before && before->inode != 0)
            carry_over(&next->listeners[i], before);
    }
}

static bool same_listeners(const struct stack_view *now, struct stack_view *next)
{
    if (now->count != next->count)
        return false;
    for (uint32_t i = 0; i < next->count; i++) {
        if (!same_listener(&now->listeners[i], &next->listeners[i]))
            return false;
        carry_over(&next->listeners[i], &now->listeners[i]);
    }
    return true;
}

static void end_round(struct stack_probe *probe)
{
    struct stack_view *now = &probe->now, *next = &probe->next;
    const bool addresses = same_addresses(now, next);
    const bool listeners = same_listeners(now, next);
    struct stack_view spare;

    if (!listeners)
        carry_over_moved(probe);
    next->changed = !addresses || !listeners || now->complete != next->complete;
    spare = *now;
    *now = *next;
    *next = spare;
    probe->room = next->count; /* at least; the array may be longer */
    probe->stage = STAGE_IDLE;
}

static enum stack_round fail(struct stack_probe *probe, const char *what, int reason,
                             struct error *error)
{
    probe->failed = true;
    probe->stage = STAGE_IDLE;
    error_set(error, EXIT_FAILED, "%s: %s", what,
              reason == 0 ? "the answer was cut" : strerror(reason));
    return STACK_ROUND_FAILED;
}

static enum stack_round next_stage(struct stack_probe *probe, struct error *error)
{
    if (probe->stage == STAGE_IPV6) {
        end_round(probe);
        return STACK_ROUND_DONE;
    }
    probe->stage++;
    return ask(probe) ? STACK_ROUND_GOES_ON : fail(probe, "netlink request", errno, error);
}

/* One datagram of the answer that is awaited. */
static enum stack_round read_datagram(struct stack_probe *probe, struct error *error)
{
    const struct stack_sink sink = {take_listener, take_address, take_interface, probe};
    const enum stack_subject subject =
        probe->stage <= STAGE_ADDRESSES ? STACK_ROUTES : STACK_SOCKETS;
    const struct mnl_socket *socket = subject == STACK_ROUTES ? probe->route : probe->diag;
    const ssize_t bytes = recv(mnl_socket_get_fd(socket), probe->datagram, sizeof(probe->datagram),
                               MSG_DONTWAIT | MSG_TRUNC);

    if (bytes < 0)
        return fail(probe, "netlink answer", errno, error);
    if ((size_t)bytes > sizeof(probe->datagram))
        return fail(probe, "netlink answer", EMSGSIZE, error);
    switch (stack_parse(subject, probe->datagram, (size_t)bytes, probe->sequence, &sink)) {
    case STACK_MORE:
        return STACK_ROUND_GOES_ON;
    case STACK_DONE:
        return next_stage(probe, error);
    case STACK_FAILED:
        break;
    }
    return fail(probe, "netlink answer", 0, error);
}

enum stack_round stack_probe_turn(struct stack_probe *probe, struct error *error)
{
    enum stack_round round = STACK_ROUND_GOES_ON;

    if (probe->failed) {
        close_sockets(probe);
        if (!(probe->keeper ? fetch_sockets(probe, error) : open_sockets(probe, error)))
            return STACK_ROUND_FAILED;
        probe->failed = false;
    }
    if (probe->stage == STAGE_IDLE)
        round = next_stage(probe, error);
    for (int i = 0; i < TURN_DATAGRAMS && round == STACK_ROUND_GOES_ON; i++)
        round = read_datagram(probe, error);
    return round;
}

struct stack_view *stack_probe_view(struct stack_probe *probe)
{
    return &probe->now;
}

bool stack_probe_serves(const struct stack_probe *probe, const struct stack_address *address,
                        const char *device)
{
    if (!address->global || address->device == LOOPBACK_DEVICE)
        return false;
    for (uint32_t i = 0; i < probe->interface_count; i++) {
        const struct stack_interface *interface = &probe->interfaces[i];

        if (interface->device == address->device)
            return !interface->vlan && (device[0] == '\0' || strcmp(device, interface->name) == 0);
    }
    return false;
}
