/* SPDX-License-Identifier: GPL-2.0-or-later */
/* veth.c - see veth.h. libnl-route asks for no interface of another namespace: that message is
 * written here. */
#include "bridge/sides/veth.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <string.h>

/* Its index, and its namespace as this one calls it. */
struct peer {
    int index;
    int32_t netns;
};

static bool find_peer(struct nl_sock *socket, int index, struct peer *peer)
{
    struct rtnl_link *found = NULL;
    const char *kind;
    bool elsewhere;

    if (rtnl_link_get_kernel(socket, index, NULL, &found) != 0)
        return false;
    kind = rtnl_link_get_type(found);
    peer->index = rtnl_link_get_link(found);
    /* The kernel says it only of another namespace. */
    elsewhere = kind && strcmp(kind, "veth") == 0 && peer->index > 0 &&
                rtnl_link_get_link_netnsid(found, &peer->netns) == 0;
    rtnl_link_put(found);
    return elsewhere;
}

struct reply {
    struct peer asked;
    uint8_t mac[6];
    bool known;
};

/* Where the question for another namespace is not understood, it is answered for this one. */
static int read_reply(struct nl_msg *message, void *context)
{
    struct nlmsghdr *head = nlmsg_hdr(message);
    const struct ifinfomsg *link = nlmsg_data(head);
    const struct nlattr *netns = nlmsg_find_attr(head, sizeof(*link), IFLA_TARGET_NETNSID);
    const struct nlattr *mac = nlmsg_find_attr(head, sizeof(*link), IFLA_ADDRESS);
    struct reply *reply = context;

    if (head->nlmsg_type != RTM_NEWLINK || link->ifi_index != reply->asked.index || !netns ||
        nla_get_s32((struct nlattr *)netns) != reply->asked.netns || !mac ||
        nla_len(mac) != sizeof(reply->mac))
        return NL_SKIP;
    memcpy(reply->mac, nla_data(mac), sizeof(reply->mac));
    reply->known = true;
    return NL_OK;
}

static struct nl_msg *question_of(const struct peer *peer)
{
    const struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = peer->index};
    struct nl_msg *message = nlmsg_alloc_simple(RTM_GETLINK, 0);

    if (message && (nlmsg_append(message, (void *)&link, sizeof(link), NLMSG_ALIGNTO) != 0 ||
                    nla_put_s32(message, IFLA_TARGET_NETNSID, peer->netns) != 0)) {
        nlmsg_free(message);
        return NULL;
    }
    return message;
}

static bool ask(struct nl_sock *socket, struct nl_msg *message, struct nl_cb *callbacks)
{
    return nl_send_auto(socket, message) >= 0 && nl_recvmsgs(socket, callbacks) >= 0 &&
           nl_wait_for_ack(socket) >= 0;
}

bool veth_peer_mac(struct nl_sock *socket, int index, uint8_t mac[6])
{
    struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
    struct reply reply = {0};
    struct nl_msg *message = NULL;

    if (callbacks && find_peer(socket, index, &reply.asked))
        message = question_of(&reply.asked);
    if (message) {
        nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, read_reply, &reply);
        if (!ask(socket, message, callbacks))
            reply.known = false;
        nlmsg_free(message);
    }
    nl_cb_put(callbacks);
    memcpy(mac, reply.mac, sizeof(reply.mac));
    return reply.known;
}
