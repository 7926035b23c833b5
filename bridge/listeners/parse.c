/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parse.c - see parse.h; the messages are those of sock_diag(7) and rtnetlink(7). */
#include "bridge/listeners/parse.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

/* TCP_LISTEN of the kernel, which no header for programs names without a clash */
#define LISTEN_STATE 10

/* mnl_attr_for_each() does not compile with the warnings that we want. */
static const struct nlattr *whole_attribute(const void *attribute, const void *end)
{
    const ptrdiff_t left = (const uint8_t *)end - (const uint8_t *)attribute;

    return mnl_attr_ok(attribute, (int)left) ? attribute : NULL;
}

static const struct nlattr *first_attribute(const struct nlmsghdr *message, size_t header_bytes)
{
    return whole_attribute(mnl_nlmsg_get_payload_offset(message, header_bytes),
                           mnl_nlmsg_get_payload_tail(message));
}

static const struct nlattr *next_attribute(const struct nlattr *attribute, const void *end)
{
    return whole_attribute(mnl_attr_next(attribute), end);
}

/* False for a family that is no IP. */
static bool read_addr(unsigned family, const void *bytes, struct ip_addr *addr)
{
    if (family == AF_INET)
        *addr = addr_from_v4(bytes);
    else if (family == AF_INET6)
        *addr = addr_from_v6(bytes);
    return family == AF_INET || family == AF_INET6;
}

static bool is_any(const struct ip_addr *addr)
{
    static const struct ip_addr any6, any4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

    return memcmp(addr, &any6, sizeof(any6)) == 0 || memcmp(addr, &any4, sizeof(any4)) == 0;
}

static void read_listener(const struct nlmsghdr *message, const struct stack_sink *sink)
{
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
    struct stack_listener listener = {0};
    const struct nlattr *attribute;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(*socket) ||
        socket->idiag_state != LISTEN_STATE ||
        !read_addr(socket->idiag_family, socket->id.idiag_src, &listener.addr))
        return;
    listener.any = is_any(&listener.addr);
    listener.port = ntohs(socket->id.idiag_sport);
    listener.device = socket->id.idiag_if;
    listener.inode = socket->idiag_inode;
    listener.used = socket->idiag_rqueue;
    listener.limit = socket->idiag_wqueue;
    for (attribute = first_attribute(message, sizeof(*socket)); attribute;
         attribute = next_attribute(attribute, mnl_nlmsg_get_payload_tail(message))) {
        if (mnl_attr_get_type(attribute) == INET_DIAG_SKV6ONLY &&
            mnl_attr_get_payload_len(attribute) >= 1)
            listener.v6only = mnl_attr_get_u8(attribute) != 0;
    }
    if (listener.port != 0)
        sink->listener(sink->context, &listener);
}

static void read_address(const struct nlmsghdr *message, const struct stack_sink *sink)
{
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    struct stack_address address = {0};
    bool found = false;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
        return;
    for (attribute = first_attribute(message, sizeof(*header)); attribute;
         attribute = next_attribute(attribute, mnl_nlmsg_get_payload_tail(message))) {
        /* Of a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL, where there is one, is
         * ours. */
        const bool local = mnl_attr_get_type(attribute) == IFA_LOCAL;
        const size_t wanted = header->ifa_family == AF_INET ? 4 : 16;

        if ((local || (mnl_attr_get_type(attribute) == IFA_ADDRESS && !found)) &&
            mnl_attr_get_payload_len(attribute) == wanted)
            found = read_addr(header->ifa_family, mnl_attr_get_payload(attribute), &address.addr);
    }
    address.device = header->ifa_index;
    address.global = header->ifa_scope < RT_SCOPE_LINK;
    if (found)
        sink->address(sink->context, &address);
}

static bool is_vlan(const struct nlattr *information)
{
    const struct nlattr *attribute;

    const uint8_t *end = (const uint8_t *)information + information->nla_len;

    for (attribute = whole_attribute(mnl_attr_get_payload(information), end); attribute;
         attribute = next_attribute(attribute, end)) {
        if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND &&
            mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
            return strcmp(mnl_attr_get_str(attribute), "vlan") == 0;
    }
    return false;
}

static void read_interface(const struct nlmsghdr *message, const struct stack_sink *sink)
{
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    struct stack_interface interface = {0};
    const struct nlattr *attribute;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(*header) || header->ifi_index <= 0)
        return;
    interface.device = (uint32_t)header->ifi_index;
    for (attribute = first_attribute(message, sizeof(*header)); attribute;
         attribute = next_attribute(attribute, mnl_nlmsg_get_payload_tail(message))) {
        if (mnl_attr_get_type(attribute) == IFLA_IFNAME &&
            mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
            strncpy(interface.name, mnl_attr_get_str(attribute), sizeof(interface.name) - 1);
        else if (mnl_attr_get_type(attribute) == IFLA_LINKINFO)
            interface.vlan = is_vlan(attribute);
    }
    sink->interface(sink->context, &interface);
}

static void read_message(enum stack_subject subject, const struct nlmsghdr *message,
                         const struct stack_sink *sink)
{
    if (subject == STACK_SOCKETS && message->nlmsg_type == SOCK_DIAG_BY_FAMILY)
        read_listener(message, sink);
    else if (subject == STACK_ROUTES && message->nlmsg_type == RTM_NEWADDR)
        read_address(message, sink);
    else if (subject == STACK_ROUTES && message->nlmsg_type == RTM_NEWLINK)
        read_interface(message, sink);
}

enum stack_parsed stack_parse(enum stack_subject subject, const void *datagram, size_t bytes,
                              uint32_t sequence, const struct stack_sink *sink)
{
    const struct nlmsghdr *message = datagram;
    int left = (int)bytes;

    /* The second condition: libmnl takes a length of more than 2 GiB for a negative one. */
    for (; mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left;
         message = mnl_nlmsg_next(message, &left)) {
        if (message->nlmsg_seq != sequence)
            continue;
        if (message->nlmsg_type == NLMSG_ERROR || (message->nlmsg_flags & NLM_F_DUMP_INTR))
            return STACK_FAILED;
        if (message->nlmsg_type == NLMSG_DONE)
            return STACK_DONE;
        read_message(subject, message, sink);
    }
    return STACK_MORE;
}

bool stack_listener_covers(const struct stack_listener *listener, const struct ip_addr *addr,
                           uint16_t port)
{
    if (listener->port != port)
        return false;
    if (!listener->any)
        return memcmp(&listener->addr, addr, sizeof(*addr)) == 0;
    if (addr_is_v4(&listener->addr))
        return addr_is_v4(addr);
    return !addr_is_v4(addr) || !listener->v6only;
}
