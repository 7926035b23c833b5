/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.c - see attach.h. What the daemon would refuse is said in its own words: port_open() only
 * looks.
 */
#include "bridge/doctor/attach.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/netns.h"
#include "bridge/sides/card.h"
#include "bridge/sides/inline.h"
#include "bridge/sides/link.h"
#include "bridge/sides/port.h"
#include "bridge/sides/redirect.h"

#define SHORT_QUEUE_FRAMES 1000u /* what the kernel gives a TAP */

#define KEEP_THE_WAY                                                                               \
    "reach the host by another interface, or let it go on using this one, by inline: as the "      \
    "other side (doc/operate/attach.md)"
#define DEPENDENTS_MAX 256u

/* What the host would lose with the port: also what stands on it (VLANs, macvlans), and what it is
 * a member of. */
struct losses {
    int dependents[DEPENDENTS_MAX]; /* interfaces, by index; the port's own first */
    uint32_t count;
    bool default_route;
    uint32_t addresses;
    char ssh_server[64]; /* "" without */
    bool ssh;
};

struct patient {
    struct findings *findings;
    struct side_spec side;
    struct link *link;
    struct link_state state;
    uint32_t mtu;               /* bytes; 0: no interface yet */
    char inside[NAME_MAX + 5];  /* "-n NAME " for commands; "" */
    char prefix[NAME_MAX + 21]; /* "ip netns exec NAME "; "" */
    const char *ssh_connection;
    struct losses losses;
};

/* --- a port ---------------------------------------------------------------------------------- */

/* A port that a start would take. */
static void tell_of_free(const struct patient *patient, bool left_behind, uint32_t note)
{
    if (!left_behind) {
        findings_add(patient->findings, FINDING_OK, "port", "it is free, nothing else holds it");
        return;
    }
    findings_add(patient->findings, FINDING_NOTE, "port", "%s",
                 note & REDIRECT_PROMISCUOUS
                     ? "what a killed synward left behind passes frames on (--when-dead), until a "
                       "start takes it over"
                     : "cut by what a killed synward left behind; a start undoes it");
    findings_remedy(patient->findings, "synward detach %s", patient->side.text);
}

static void check_owner(const struct patient *patient)
{
    enum redirect_owner owner = REDIRECT_NONE;
    const char *device = patient->side.device;
    const bool is_member = patient->state.master != 0 && !patient->side.in_use;
    struct error error = {0};
    uint32_t note = 0;
    struct port *port = port_open(&patient->side, patient->link, &error);
    const int code = redirect_look(link_socket(patient->link), patient->state.index, &owner, &note);

    if (port) {
        tell_of_free(patient, code == 0 && owner == REDIRECT_DEAD, note);
        port_free(port);
        return;
    }
    findings_add(patient->findings, FINDING_WRONG, "port", "%s", error.text);
    if (is_member && (patient->losses.ssh || patient->losses.default_route))
        findings_remedy(patient->findings, "%s", KEEP_THE_WAY);
    else if (is_member)
        findings_remedy(patient->findings, "ip %slink set %s nomaster", patient->inside, device);
    else if (code == 0 && owner == REDIRECT_FOREIGN)
        findings_remedy(patient->findings, "tc %sqdisc del dev %s clsact", patient->inside, device);
    else if (code == 0 && owner == REDIRECT_ALIVE)
        findings_remedy(patient->findings, "stop the other synward first");
}

static void check_lro(const struct patient *patient)
{
    struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
    struct ifreq request = {.ifr_data = (void *)&value};
    struct netns_return back;
    struct error error = {0};
    bool on;
    int fd;

    if (!netns_enter(patient->side.netns, &back, &error))
        return;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(request.ifr_name, patient->side.device, sizeof(request.ifr_name));
    on = fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0 && (value.data & ETH_FLAG_LRO);
    if (fd >= 0)
        close(fd);
    netns_leave(&back);
    if (!on) {
        findings_add(patient->findings, FINDING_OK, "lro", "large receive offload is off");
        return;
    }
    findings_add(patient->findings, FINDING_WRONG, "lro",
                 "large receive offload merges segments that are not the host's: they cannot be "
                 "taken apart again");
    findings_remedy(patient->findings, "%sethtool -K %s lro off", patient->prefix,
                    patient->side.device);
}

static void check_carrier(const struct patient *patient)
{
    if (!patient->state.up) {
        findings_add(patient->findings, FINDING_OK, "carrier", "it is down: %s",
                     patient->side.in_use
                         ? "synward leaves it so"
                         : "synward brings it up, and takes it down again at its end");
    } else if (patient->state.carrier) {
        findings_add(patient->findings, FINDING_OK, "carrier", "there is one");
    } else {
        findings_add(patient->findings, FINDING_NOTE, "carrier",
                     "no carrier: the way in is tried when there is one");
        findings_remedy(patient->findings, "start what is at the other end, or plug in the cable");
    }
}

/* --- what the host would lose ---------------------------------------------------------------- */

static bool depends(const struct losses *losses, int index)
{
    for (uint32_t i = 0; i < losses->count; i++)
        if (losses->dependents[i] == index)
            return true;
    return false;
}

/* A veth end's link is its peer, which stands beside it, not below. */
static bool stands_on(struct rtnl_link *link, const struct losses *losses)
{
    const char *kind = rtnl_link_get_type(link);

    return rtnl_link_get_link(link) > 0 && !(kind && strcmp(kind, "veth") == 0) &&
           depends(losses, rtnl_link_get_link(link));
}

static void note_dependent(struct nl_object *object, void *context)
{
    struct rtnl_link *link = (struct rtnl_link *)object;
    struct losses *losses = context;
    const int index = rtnl_link_get_ifindex(link);

    if (losses->count < DEPENDENTS_MAX && !depends(losses, index) && stands_on(link, losses))
        losses->dependents[losses->count++] = index;
}

/* Once more for each that was found: a VLAN of a VLAN. */
static void find_dependents(struct nl_sock *socket, struct losses *losses)
{
    struct nl_cache *links = NULL;
    uint32_t before;

    if (rtnl_link_alloc_cache(socket, AF_UNSPEC, &links) != 0)
        return;
    do {
        before = losses->count;
        nl_cache_foreach(links, note_dependent, losses);
    } while (losses->count > before);
    nl_cache_free(links);
}

static void note_nexthop(struct rtnl_nexthop *hop, void *context)
{
    struct losses *losses = context;

    losses->default_route |= depends(losses, rtnl_route_nh_get_ifindex(hop));
}

static void note_route(struct nl_object *object, void *context)
{
    struct rtnl_route *route = (struct rtnl_route *)object;
    struct nl_addr *to = rtnl_route_get_dst(route);

    if (rtnl_route_get_table(route) == RT_TABLE_MAIN && rtnl_route_get_type(route) == RTN_UNICAST &&
        to && nl_addr_get_prefixlen(to) == 0)
        rtnl_route_foreach_nexthop(route, note_nexthop, context);
}

static void note_address(struct nl_object *object, void *context)
{
    struct rtnl_addr *address = (struct rtnl_addr *)object;
    struct losses *losses = context;
    char text[64];

    if (!depends(losses, rtnl_addr_get_ifindex(address)))
        return;
    nl_addr2str(rtnl_addr_get_local(address), text, sizeof(text));
    text[strcspn(text, "/")] = '\0';
    losses->ssh |= strcmp(text, losses->ssh_server) == 0;
    losses->addresses += rtnl_addr_get_scope(address) != RT_SCOPE_LINK;
}

static void look_at_losses(struct patient *patient)
{
    struct nl_sock *socket = link_socket(patient->link);
    struct losses *losses = &patient->losses;
    struct nl_cache *cache = NULL;

    losses->dependents[losses->count++] = patient->state.index;
    if (patient->state.master != 0)
        losses->dependents[losses->count++] = patient->state.master;
    if (patient->ssh_connection)
        (void)sscanf(patient->ssh_connection, "%*63s %*63s %63[^% ]", losses->ssh_server);
    find_dependents(socket, losses);
    if (rtnl_route_alloc_cache(socket, AF_UNSPEC, 0, &cache) == 0) {
        nl_cache_foreach(cache, note_route, losses);
        nl_cache_free(cache);
    }
    cache = NULL;
    if (rtnl_addr_alloc_cache(socket, &cache) == 0) {
        nl_cache_foreach(cache, note_address, losses);
        nl_cache_free(cache);
    }
}

static void check_host(const struct patient *patient)
{
    const struct losses *losses = &patient->losses;
    const bool cut_off = losses->ssh || losses->default_route;

    if (!cut_off && losses->addresses == 0) {
        findings_add(patient->findings, FINDING_OK, "host",
                     "the host has no address of its own there");
        return;
    }
    findings_add(patient->findings, cut_off ? FINDING_WRONG : FINDING_NOTE, "host",
                 "%s while synward runs, the host itself neither hears nor says anything there",
                 losses->ssh             ? "this SSH session comes in here:"
                 : losses->default_route ? "the default route leads out here:"
                                         : "it has addresses of the host:");
    findings_remedy(patient->findings, "%s",
                    cut_off ? KEEP_THE_WAY : "nothing, where nobody needs them meanwhile");
}

/* Of an interface that the host goes on using: nothing is lost, but what is behind it may be meant
 * otherwise. */
static void check_direction(const struct patient *patient, bool servers)
{
    const struct side_spec *side = &patient->side;
    const char *at = side->netns[0] ? "@" : "";
    struct error error = {0};

    if (!inline_check(patient->link, side, servers, &error)) {
        findings_add(patient->findings, FINDING_WRONG, "inline", "%s", error.text);
        findings_remedy(patient->findings, "ip %slink show type bridge_slave", patient->inside);
    } else if (servers && patient->state.kind[0] == '\0') {
        findings_add(patient->findings, FINDING_NOTE, "inline",
                     "it is a network card: protected is what is behind its cable, not this "
                     "machine and its bridge");
        findings_remedy(patient->findings,
                        "to protect those: --client port:%s%s%s --server inline:%s%s%s",
                        side->device, at, side->netns, side->device, at, side->netns);
    } else {
        findings_add(patient->findings, FINDING_OK, "inline",
                     "it stays where it is, and the host goes on using it");
    }
}

static void check_port(struct patient *patient, bool server)
{
    struct error error = {0};

    if (!link_look(patient->link, &patient->state, &error)) {
        findings_add(patient->findings, FINDING_WRONG, "port", "%s", error.text);
        findings_remedy(patient->findings, "ip %slink show", patient->inside);
        return;
    }
    (void)link_mtu(patient->link, &patient->mtu, &error);
    look_at_losses(patient);
    check_owner(patient);
    check_lro(patient);
    check_carrier(patient);
    if (patient->side.in_use)
        check_direction(patient, server);
    else
        check_host(patient);
}

/* --- a card, or a TAP --------------------------------------------------------------------- */

static void check_queue(const struct patient *patient, struct rtnl_link *tap)
{
    const uint32_t frames = rtnl_link_get_txqlen(tap);

    if (frames >= SHORT_QUEUE_FRAMES) {
        findings_add(patient->findings, FINDING_OK, "queue", "%u frames", frames);
        return;
    }
    findings_add(patient->findings, FINDING_NOTE, "queue",
                 "its queue holds %u frames, fewer than a burst brings: the rest is lost", frames);
    findings_remedy(patient->findings, "ip %slink set %s txqueuelen 8192", patient->inside,
                    patient->side.device);
}

/* False: it is none. */
static bool check_kept_card(struct patient *patient)
{
    struct side_spec hidden;

    if (patient->side.netns[0] == '\0' || card_look(&patient->side) != CARD_KEPT)
        return false;
    card_hidden(&patient->side, &hidden);
    (void)link_mtu(patient->link, &patient->mtu, NULL);
    findings_add(patient->findings, FINDING_OK, "name",
                 "%s is the card that synward has made there: it is used again (its other end is "
                 "%s)",
                 patient->side.device, hidden.device);
    return true;
}

static void check_name(struct patient *patient)
{
    const char *device = patient->side.device;
    struct rtnl_link *found = NULL;
    const char *kind;

    if (check_kept_card(patient))
        return;
    if (rtnl_link_get_kernel(link_socket(patient->link), 0, device, &found) != 0) {
        findings_add(patient->findings, FINDING_OK, "name", "%s is free, synward makes it", device);
        return;
    }
    kind = rtnl_link_get_type(found);
    patient->mtu = rtnl_link_get_mtu(found);
    if (kind && strcmp(kind, "tun") == 0) {
        findings_add(patient->findings, FINDING_OK, "name", "%s is a TAP that is there: it is used",
                     device);
        check_queue(patient, found);
    } else {
        findings_add(patient->findings, FINDING_WRONG, "name",
                     "the name %s is taken by an interface that is no TAP", device);
        findings_remedy(patient->findings, "choose another name, or port:%s for that interface",
                        device);
    }
    rtnl_link_put(found);
}

/* --- both ------------------------------------------------------------------------------------ */

/* `in_use`: it is a port, and the other side is the host's end of it. */
static void check_side(struct patient *patient, const char *text, bool server, bool in_use)
{
    struct error error = {0};
    struct side_spec side;

    patient->findings->subject = text;
    if (!side_parse(text, &side, &error)) {
        findings_add(patient->findings, FINDING_WRONG, "side", "%s", error.text);
        if (!strchr(text, ':'))
            findings_remedy(patient->findings, "for an interface that is there: port:%.200s", text);
        return;
    }
    if (side.netns[0]) {
        snprintf(patient->inside, sizeof(patient->inside), "-n %s ", side.netns);
        snprintf(patient->prefix, sizeof(patient->prefix), "ip netns exec %s ", side.netns);
    }
    side.in_use = in_use;
    patient->side = side;
    patient->link = link_open(&patient->side, &error);
    if (!patient->link) {
        findings_add(patient->findings, FINDING_WRONG, "side", "%s", error.text);
        return;
    }
    if (patient->side.port)
        check_port(patient, server);
    else if (!patient->side.host)
        check_name(patient);
    link_close(patient->link);
}

static void check_mtu(struct findings *findings, const struct patient patients[2])
{
    const struct patient *small = &patients[patients[0].mtu > patients[1].mtu];

    if (patients[0].mtu == 0 || patients[1].mtu == 0 || patients[0].mtu == patients[1].mtu)
        return;
    findings->subject = small->side.text;
    findings_add(findings, FINDING_NOTE, "mtu",
                 "the sides' MTU differ (%u and %u bytes): what is larger is lost here",
                 patients[0].mtu, patients[1].mtu);
    findings_remedy(findings, "ip %slink set %s mtu %u", small->inside, small->side.device,
                    patients[0].mtu > patients[1].mtu ? patients[0].mtu : patients[1].mtu);
}

void doctor_sides(struct findings *findings, const char *const texts[2], const char *ssh_connection)
{
    struct patient patients[2] = {{.findings = findings, .ssh_connection = ssh_connection},
                                  {.findings = findings, .ssh_connection = ssh_connection}};

    struct side_spec sides[2];
    struct error error = {0};
    const bool both = texts[0] && texts[1] && side_parse(texts[0], &sides[0], NULL) &&
                      side_parse(texts[1], &sides[1], NULL);
    const bool pair = both && side_pair(&sides[0], &sides[1], &error);

    for (int i = 0; i < 2; i++)
        if (texts[i])
            check_side(&patients[i], texts[i], i == 1, pair && sides[i].in_use);
    check_mtu(findings, patients);
    if (both && !pair) {
        const bool same = !sides[0].host && !sides[1].host;

        findings->subject = texts[1];
        findings_add(findings, FINDING_WRONG, "side", "%s",
                     same ? "both sides are the same interface" : error.text);
        findings_remedy(findings, same ? "give two" : "--inline IFNAME");
    }
}
