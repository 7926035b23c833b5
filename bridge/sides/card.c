/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * card.c - see card.h.
 *
 * A frame that is larger than the MTU of the end where it comes out is dropped there: the hidden
 * end takes whatever the card can send. The host neither hears nor says anything at it.
 */
#include "bridge/sides/card.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/netns.h"
#include "bridge/sides/link.h"
#include "bridge/sides/port.h"

#define HIDDEN_NAME    "synwardc%07x"
#define HIDDEN_MTU     65535u
#define SUPER_BYTES    65536u /* what a TAP's reader has room for */
#define ALTNAME_BYTES  128u   /* the kernel's ALTIFNAMSIZ */
#define MESSAGE_BYTES  4096u
#define FNV_BASIS      2166136261u
#define FNV_PRIME      16777619u
#define HIDDEN_NUMBERS 0xfffffffu

/* --- names ----------------------------------------------------------------------------------- */

static uint32_t hash_text(uint32_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * FNV_PRIME;
    return hash;
}

/* By the text, as the card may be called otherwise by now. */
void card_hidden(const struct side_spec *side, struct side_spec *hidden)
{
    const uint32_t number = hash_text(FNV_BASIS, side->text);

    *hidden = (struct side_spec){.text = side->text, .port = true, .card = true};
    snprintf(hidden->device, sizeof(hidden->device), HIDDEN_NAME,
             (number ^ number >> 28) & HIDDEN_NUMBERS);
}

/* --- what is there --------------------------------------------------------------------------- */

struct pair {
    bool has_hidden, has_card; /* of those names */
    bool joined;               /* to each other */
    struct link_state hidden, card;
};

static bool is_veth(const struct link_state *state)
{
    return strcmp(state->kind, "veth") == 0;
}

/* Each says that it leads to the other. */
static bool are_joined(const struct link_state *hidden, const struct link_state *card)
{
    return is_veth(hidden) && is_veth(card) && hidden->leads_to == card->index &&
           card->leads_to == hidden->index;
}

static void look_at(const struct link *inside, const struct link *outside, struct pair *pair)
{
    struct link_state renamed;

    pair->has_hidden = link_look(outside, &pair->hidden, NULL);
    pair->has_card = link_look(inside, &pair->card, NULL);
    if (pair->has_hidden && !(pair->has_card && are_joined(&pair->hidden, &pair->card)) &&
        link_look_at(inside, pair->hidden.leads_to, &renamed) &&
        are_joined(&pair->hidden, &renamed)) {
        pair->has_card = true;
        pair->card = renamed;
    }
    pair->joined = pair->has_hidden && pair->has_card && are_joined(&pair->hidden, &pair->card);
}

/* A hidden end whose namespace was deleted goes a moment after it: it gets until `until_us`. */
static bool look(const struct side_spec *side, const struct side_spec *hidden, uint64_t until_us,
                 struct pair *pair, struct error *error)
{
    struct link *inside = link_open(side, error);
    struct link *outside = inside ? link_open(hidden, error) : NULL;
    const bool done = outside;

    *pair = (struct pair){0};
    if (outside)
        do
            look_at(inside, outside, pair);
        while (pair->has_hidden && !pair->joined && link_wait(link_events(outside), until_us));
    link_close(outside);
    link_close(inside);
    return done;
}

static enum card_found judge(struct side_spec *side, const struct pair *pair)
{
    if (pair->joined) {
        memcpy(side->device, pair->card.name, sizeof(side->device));
        return CARD_KEPT;
    }
    if (!pair->has_card)
        return CARD_FREE;
    return strcmp(pair->card.kind, "tun") == 0 ? CARD_IS_TAP : CARD_TAKEN;
}

enum card_found card_look(struct side_spec *side)
{
    struct side_spec hidden;
    struct pair pair;

    card_hidden(side, &hidden);
    return look(side, &hidden, 0, &pair, NULL) ? judge(side, &pair) : CARD_FREE;
}

/* --- making ---------------------------------------------------------------------------------- */

/* In our own namespace. 0, or an errno. */
static int order(struct nlmsghdr *message)
{
    uint8_t answer[MESSAGE_BYTES];
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    int reason = errno;

    if (!socket)
        return reason;
    message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    reason = 0;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0 ||
        mnl_socket_sendto(socket, message, message->nlmsg_len) < 0) {
        reason = errno;
    } else {
        const ssize_t bytes = mnl_socket_recvfrom(socket, answer, sizeof(answer));

        if (bytes < 0 || mnl_cb_run(answer, (size_t)bytes, 0, 0, NULL, NULL) < 0)
            reason = errno;
    }
    mnl_socket_close(socket);
    return reason;
}

/* Both at once, so that no half of it is ever there. 0, or an errno. */
static int add_pair(const struct side_spec *side, const struct side_spec *hidden, int netns)
{
    uint8_t buffer[MESSAGE_BYTES] = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nlattr *info, *data, *peer;

    message->nlmsg_type = RTM_NEWLINK;
    message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
    mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, hidden->device);
    mnl_attr_put_u32(message, IFLA_MTU, HIDDEN_MTU);
    mnl_attr_put_u32(message, IFLA_GSO_MAX_SIZE, SUPER_BYTES);
    info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
    data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, side->device);
    mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)netns);
    mnl_attr_put_u32(message, IFLA_MTU, ETH_DATA_LEN);
    mnl_attr_put_u32(message, IFLA_GSO_MAX_SIZE, SUPER_BYTES);
    mnl_attr_nest_end(message, peer);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    return order(message);
}

/* `ip link` tells whose it is; a kernel without such names goes without. */
static void tell_whose(const struct side_spec *side, const struct side_spec *hidden, int index)
{
    uint8_t buffer[MESSAGE_BYTES] = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    char name[ALTNAME_BYTES];
    struct ifinfomsg *head;
    struct nlattr *list;

    snprintf(name, sizeof(name), "synward:%.100s", side->text + strlen("netns:"));
    message->nlmsg_type = RTM_NEWLINKPROP;
    message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND;
    head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
    head->ifi_index = index;
    mnl_attr_put_strz(message, IFLA_IFNAME, hidden->device);
    list = mnl_attr_nest_start(message, IFLA_PROP_LIST);
    mnl_attr_put_strz(message, IFLA_ALT_IFNAME, name);
    mnl_attr_nest_end(message, list);
    (void)order(message);
}

/* Where /proc may not be written to, what link_set_mute() does has to be enough. */
static void turn_ipv6_off(const char *device)
{
    char path[64 + IFNAMSIZ];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", device);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, "1", 1);
    close(fd);
}

static void mute(const struct side_spec *side, const struct side_spec *hidden)
{
    struct link *link = link_open(hidden, NULL);
    struct link_state state;

    if (link && link_look(link, &state, NULL)) {
        tell_whose(side, hidden, state.index);
        link_set_mute(link);
        turn_ipv6_off(hidden->device);
    }
    link_close(link);
}

static bool bring_up(const struct side_spec *side, struct error *error)
{
    struct link *link = link_open(side, error);
    const bool done = link && link_set_up(link, error);

    link_close(link);
    return done;
}

static bool make(const struct side_spec *side, const struct side_spec *hidden, struct error *error)
{
    const int netns = netns_file(side->netns, error);
    char place[SIDE_PLACE_BYTES];
    int reason;

    if (netns < 0)
        return false;
    reason = add_pair(side, hidden, netns);
    close(netns);
    if (reason != 0)
        return error_set(error, EXIT_FAILED, "cannot make the veth pair of %s%s: %s", side->device,
                         side_place(side, place),
                         reason == EPERM        ? "needs CAP_NET_ADMIN, run as root"
                         : reason == EOPNOTSUPP ? "load the module (`modprobe veth`)"
                                                : strerror(reason));
    mute(side, hidden);
    return bring_up(side, error);
}

bool card_refuse(const struct side_spec *side, enum card_found found, struct error *error)
{
    char place[SIDE_PLACE_BYTES];

    return error_set(error, EXIT_FAILED, "the name %s%s is taken by %s", side->device,
                     side_place(side, place),
                     found == CARD_IS_TAP ? "a TAP; --card tap uses one that is there"
                                          : "an interface that is not ours; choose another name");
}

bool card_open(struct side_spec *side, struct side_spec *hidden, bool *made, struct error *error)
{
    enum card_found found;
    struct pair pair;

    *made = false;
    card_hidden(side, hidden);
    if (!look(side, hidden, clock_now_us() + LINK_RELEASE_US, &pair, error))
        return false;
    found = judge(side, &pair);
    if (found == CARD_KEPT)
        return true;
    if (pair.has_hidden)
        return error_set(error, EXIT_FAILED,
                         "side %s: %s is there, but its card is not in that namespace: move it "
                         "back, or `synward detach %s`",
                         side->text, hidden->device, side->text);
    if (found != CARD_FREE)
        return card_refuse(side, found, error);
    *made = true;
    return make(side, hidden, error);
}

bool card_detach(const struct side_spec *side, bool *found, struct error *error)
{
    struct side_spec hidden;
    struct link_state state;
    struct link *link;
    bool filters, done;

    card_hidden(side, &hidden);
    link = link_open(&hidden, error);
    if (!link)
        return false;
    *found = link_look(link, &state, NULL) && is_veth(&state);
    done = !*found || port_detach(&hidden, &filters, error);
    if (*found && done)
        link_remove(link);
    link_close(link);
    return done;
}
