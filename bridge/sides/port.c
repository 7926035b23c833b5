/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port.c - see port.h. What becomes of a port that is joined is port_follow.c.
 *
 * The order is one in which nothing leaks: both redirects stand, and with them the host is mute,
 * before an interface is brought up. A port that was down is taken down again at the end; so that a
 * killed process's successor knows, this is noted with the redirect.
 */
#include "bridge/sides/port_parts.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <netlink/errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/netns.h"
#include "bridge/bpf/tcx.h"
#include "bridge/sides/inline.h"
#include "bridge/sides/probe.h"
#include "bridge/sides/redirect.h"
#include "bridge/sides/veth.h"

enum port_note { NOTE_WAS_UP = 1, NOTE_WAS_DOWN = 2 };

bool port_error(const struct port *port, const char *what, int code, struct error *error)
{
    return error_set(error, EXIT_FAILED, "side %s: %s: %s", port->side->text, what,
                     code == -NLE_PERM ? "needs CAP_NET_ADMIN, run as root" : nl_geterror(code));
}

/* --- what may be a port ---------------------------------------------------------------------- */

static bool check_kind(const struct port *port, const struct link_state *state, struct error *error)
{
    const char *text = port->side->text, *device = port->side->device;

    if (!state->ethernet)
        return error_set(
            error, EXIT_FAILED,
            "side %s: %s is not an Ethernet interface; give one whose frames have MAC addresses",
            text, device);
    if (state->master != 0 && !port->side->in_use)
        return error_set(
            error, EXIT_FAILED,
            "side %s: %s is a member of another interface (bridge, bond); take it out first: `ip "
            "link set %s nomaster`, or take its place there: --inline %s",
            text, device, device, device);
    return true;
}

/* Waits until the TAP of a process that has just been killed is gone. */
static int look_when_released(const struct port *port, int index, enum redirect_owner *owner,
                              uint32_t *note)
{
    const uint64_t until_us = clock_now_us() + LINK_RELEASE_US;
    const int events = link_events(port->link);
    int code;

    do
        code = redirect_look(link_socket(port->link), index, owner, note);
    while (code == 0 && *owner == REDIRECT_ALIVE && link_wait(events, until_us));
    return code;
}

bool port_check_owner(const struct port *port, enum redirect_owner owner, struct error *error)
{
    const char *text = port->side->text, *device = port->side->device;
    char place[SIDE_PLACE_BYTES];

    side_place(port->side, place);
    if (owner == REDIRECT_ALIVE)
        return error_set(
            error, EXIT_FAILED,
            "side %s: %s%s is in use by another synward (`ip link` shows its TAP); stop that first",
            text, device, place);
    if (owner == REDIRECT_FOREIGN)
        return error_set(
            error, EXIT_FAILED,
            "side %s: %s%s has an ingress or clsact qdisc already, which is left alone; if nothing "
            "needs it: `tc qdisc del dev %s ingress`, or clsact",
            text, device, place, device);
    return true;
}

struct examined {
    struct link_state state;
    enum redirect_owner owner; /* REDIRECT_NONE or REDIRECT_DEAD */
    uint32_t note;             /* REDIRECT_DEAD: what was noted; else 0 */
};

/* False where the interface is no port for us. */
static bool examine(const struct port *port, struct examined *found, struct error *error)
{
    int code;

    if (!link_look(port->link, &found->state, error) || !check_kind(port, &found->state, error))
        return false;
    code = look_when_released(port, found->state.index, &found->owner, &found->note);
    if (code != 0)
        return port_error(port, "cannot read its tc filters", code, error);
    return port_check_owner(port, found->owner, error);
}

/* Of a wire that runs its TAPs are no fault, and nothing is waited for. */
bool port_check(const struct side_spec *side, struct link *link, bool running, struct error *error)
{
    const struct port port = {.side = side, .link = link};
    struct examined found;
    int code;

    if (!running)
        return examine(&port, &found, error);
    if (!link_look(link, &found.state, error) || !check_kind(&port, &found.state, error))
        return false;
    code = redirect_look(link_socket(link), found.state.index, &found.owner, &found.note);
    if (code != 0)
        return port_error(&port, "cannot read its tc filters", code, error);
    return found.owner == REDIRECT_ALIVE || port_check_owner(&port, found.owner, error);
}

static enum port_note noted(uint32_t note)
{
    return (enum port_note)(note & REDIRECT_NOTE_MAX);
}

static enum port_note note_of(const struct port *port)
{
    return port->was_down ? NOTE_WAS_DOWN : NOTE_WAS_UP;
}

/* A port that a killed process brought up counts as down; one that it held down does not. */
static bool undo_left_over(struct port *port, const struct examined *found, struct error *error)
{
    int code;

    port->was_down = !found->state.up && !port->side->in_use && !port->side->card &&
                     !(found->note & REDIRECT_HELD);
    if (found->owner != REDIRECT_DEAD)
        return true;
    port->left_behind = !(found->note & REDIRECT_LEFT);
    port->was_down = port->was_down || noted(found->note) == NOTE_WAS_DOWN;
    port->renewed = !port->host && noted(found->note) == note_of(port);
    if (port->renewed) {
        port->bypassed = found->note & REDIRECT_PROMISCUOUS;
        return true;
    }
    if (found->note & REDIRECT_PROMISCUOUS)
        link_set_promiscuous(port->link, false, NULL);
    code = redirect_remove(link_socket(port->link), found->state.index);
    return code == 0 ||
           port_error(port, "cannot undo what a killed synward left behind", code, error);
}

struct port *port_open(const struct side_spec *side, struct link *link, struct error *error)
{
    struct port *port = calloc(1, sizeof(*port));
    struct examined found;

    if (!port) {
        error_set(error, EXIT_FAILED, "out of memory for side %s", side->text);
        return NULL;
    }
    *port = (struct port){
        .side = side, .link = link, .tap_fd = -1, .promiscuous = -1, .tap_side = *side};
    if (!examine(port, &found, error)) {
        port_free(port);
        return NULL;
    }
    snprintf(port->tap_side.device, sizeof(port->tap_side.device), "synward%d", found.state.index);
    return port;
}

const struct side_spec *port_tap(const struct port *port)
{
    return &port->tap_side;
}

/* --- joining --------------------------------------------------------------------------------- */

/* The membership ends with the socket, so that no crash leaves a card promiscuous. In the port's
 * namespace. */
static bool set_promiscuous(struct port *port, int index, struct error *error)
{
    const struct packet_mreq every = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
    const struct packet_mreq groups = {.mr_ifindex = index, .mr_type = PACKET_MR_ALLMULTI};

    port->promiscuous = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (port->promiscuous >= 0 &&
        setsockopt(port->promiscuous, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &every, sizeof(every)) ==
            0 &&
        setsockopt(port->promiscuous, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &groups, sizeof(groups)) ==
            0)
        return true;
    return error_set(error, EXIT_FAILED, "side %s: cannot make %s promiscuous: %s",
                     port->side->text, port->side->device, strerror(errno));
}

static bool probe_error(const struct port *port, enum probe_result result, int reason,
                        struct error *error)
{
    if (result == PROBE_NOT_POSSIBLE)
        return error_set(error, EXIT_FAILED, "side %s: cannot send a probe: %s", port->side->text,
                         strerror(reason));
    return error_set(
        error, EXIT_FAILED,
        "side %s: a probe frame was lost %s %s; does something else filter it (XDP, tc, nftables)?",
        port->side->text, result == PROBE_FAILED_OUT ? "on its way out of" : "on its way in from",
        port->side->device);
}

/* A port without carrier (a VM's tap before the VM, an unplugged cable) takes no frame: it is
 * proved when it has. */
bool port_prove(struct port *port, const struct link_state *state, bool both_ways,
                struct error *error)
{
    struct link_state tap;
    struct probe probe;
    enum probe_result result;

    if (!link_look(port->tap, &tap, error))
        return false;
    probe = (struct probe){.socket = link_socket(port->link),
                           .port = state->index,
                           .tap = tap.index,
                           .tap_fd = port->tap_fd,
                           .both_ways = both_ways};
    memcpy(probe.mac, state->mac, sizeof(probe.mac));
    result = probe_run(&probe);
    port->proved = true;
    return result == PROBE_PASSED || probe_error(port, result, errno, error);
}

bool port_prove_if_possible(struct port *port, bool both_ways, struct error *error)
{
    struct link_state state;

    port->proved = false;
    if (!link_look(port->link, &state, error))
        return false;
    if (state.carrier)
        return port_prove(port, &state, both_ways, error);
    log_line(LOG_LEVEL_INFO, "%s: no carrier yet, joined without a probe", port->side->text);
    return true;
}

static int redirect_port(struct port *port, int index, int tap_index)
{
    struct nl_sock *socket = link_socket(port->link);
    struct inline_ends ends = {.port = index, .wire = tap_index};
    struct link_state host;

    if (port->renewed && redirect_renew(socket, index, tap_index, note_of(port)))
        return 0;
    if (port->renewed)
        redirect_remove(socket, index);
    port->renewed = false;
    if (!port->host)
        return redirect_add(socket, index, tap_index, note_of(port));
    if (!link_look(port->host, &host, NULL))
        return -NLE_NODEV;
    ends.host = host.index;
    return inline_add(socket, &ends, NOTE_WAS_UP);
}

bool port_redirect(struct port *port, int index, int tap_index, struct error *error)
{
    struct nl_sock *socket = link_socket(port->link);
    int code;

    /* A join before this one led to an interface that is gone. */
    redirect_remove(socket, tap_index);
    code = redirect_add(socket, tap_index, index, NOTE_WAS_UP);
    if (code == 0)
        code = redirect_port(port, index, tap_index);
    if (code == 0) {
        port->index = index;
        port->tap_index = tap_index;
        return true;
    }
    if (code == -NLE_EXIST)
        return port_check_owner(port, REDIRECT_FOREIGN, error);
    return port_error(port,
                      "cannot redirect by tc (needs clsact, u32, mirred and bpf in the kernel)",
                      code, error);
}

static bool prepare_in_use(const struct port *port, struct error *error)
{
    return inline_carry_mac(port->link, port->host, error) && link_set_up(port->tap, error);
}

/* Of a port that nobody else uses. */
static bool wake(struct port *port, const struct link_state *state, struct error *error)
{
    return set_promiscuous(port, state->index, error) && link_set_up(port->tap, error) &&
           (state->up || link_set_up(port->link, error));
}

/* What is made here is unmade by port_unjoin(). In the port's namespace. */
static bool join(struct port *port, const struct link_state *state, bool both_ways,
                 struct error *error)
{
    struct link_state tap;

    return link_look(port->tap, &tap, error) && (!port->host || prepare_in_use(port, error)) &&
           port_redirect(port, state->index, tap.index, error) &&
           (port->host || wake(port, state, error)) &&
           port_prove_if_possible(port, both_ways && !port->renewed, error);
}

/* Whose TAPs were taken away while he stood still may wake up beside his successor. */
static bool is_anothers(const struct port *port)
{
    return port->index != 0 &&
           redirect_is_anothers(link_socket(port->link), port->index, port->tap_index);
}

void port_unjoin(struct port *port, bool left)
{
    const bool anothers = is_anothers(port);
    struct link_state state;

    /* By its name: another may have that by now. */
    if (!anothers && (port->held || port->was_down || port->bypassed) &&
        link_look(port->link, &state, NULL) && state.index == port->index) {
        if (port->bypassed)
            link_set_promiscuous(port->link, false, NULL);
        if (port->was_down)
            link_set_down(port->link, NULL);
        else if (port->held)
            link_set_up(port->link, NULL);
    }
    port->held = port->bypassed = port->renewed = port->shortened = port->bypasses = false;
    if (!anothers && port->index != 0 &&
        (!left || redirect_leave(link_socket(port->link), port->index) != 0))
        redirect_remove(link_socket(port->link), port->index);
    if (port->promiscuous >= 0)
        close(port->promiscuous);
    port->promiscuous = -1;
    port->index = 0;
}

/* A card of ours keeps its carrier, and with it what its namespace knows of its neighbours. */
void port_leave(struct port *port)
{
    port_unjoin(port, port->side->card);
}

bool port_join_inside(struct port *port, bool both_ways, struct error *error)
{
    struct examined found;
    struct netns_return back;
    bool ok;

    if (!examine(port, &found, error) || !undo_left_over(port, &found, error) ||
        !netns_enter(port->side->netns, &back, error))
        return false;
    ok = join(port, &found.state, both_ways, error);
    netns_leave(&back);
    if (!ok)
        port_unjoin(port, false);
    return ok;
}

bool port_join(struct port *port, struct link *tap, int tap_fd, struct link *host,
               struct error *error)
{
    port->tap = tap;
    port->host = host;
    port->tap_fd = tap_fd;
    link_set_mute(tap);
    return port_join_inside(port, true, error);
}

/* As above, where somebody else has filters there, too. */
static int remove_when_released(const struct port *port, int index, enum redirect_owner *owner)
{
    const uint64_t until_us = clock_now_us() + LINK_RELEASE_US;
    const int events = link_events(port->link);
    int code;

    do
        code = redirect_remove_beside(link_socket(port->link), index, PROBE_ETHERTYPE, owner);
    while (code == 0 && *owner == REDIRECT_ALIVE && link_wait(events, until_us));
    return code;
}

/* Somebody else's filters stay. */
static bool detach(struct port *port, int index, bool *found, struct error *error)
{
    enum redirect_owner owner = REDIRECT_NONE;
    uint32_t note = 0;
    int code = look_when_released(port, index, &owner, &note);
    const bool shared = code == 0 && owner == REDIRECT_FOREIGN;

    if (shared)
        code = remove_when_released(port, index, &owner);
    if (code != 0)
        return port_error(port, "cannot read or remove its tc filters", code, error);
    if (owner == REDIRECT_ALIVE)
        return port_check_owner(port, owner, error);
    *found = owner == REDIRECT_DEAD;
    if (*found && (note & REDIRECT_PROMISCUOUS))
        link_set_promiscuous(port->link, false, NULL);
    if (*found && (note & REDIRECT_HELD) && noted(note) == NOTE_WAS_UP)
        link_set_up(port->link, NULL);
    if (!*found || shared)
        return true;
    if (noted(note) == NOTE_WAS_DOWN)
        link_set_down(port->link, NULL);
    code = redirect_remove(link_socket(port->link), index);
    return code == 0 || port_error(port, "cannot remove its tc filters", code, error);
}

bool port_detach(const struct side_spec *side, bool *found, struct error *error)
{
    struct port port = {.side = side, .tap_fd = -1, .promiscuous = -1};
    struct link_state state;
    bool done;

    *found = false;
    port.link = link_open(side, error);
    if (!port.link)
        return false;
    done = link_look(port.link, &state, error) && detach(&port, state.index, found, error);
    link_close(port.link);
    return done;
}

int port_index(const struct port *port)
{
    return port->index;
}

bool port_peer_mac(const struct port *port, uint8_t mac[6])
{
    return port->index != 0 && veth_peer_mac(link_socket(port->link), port->index, mac);
}

/* In the port's own namespace. */
static bool is_shared(const struct port *port, bool *shared, struct error *error)
{
    struct netns_return back;

    if (!netns_enter(port->side->netns, &back, error))
        return false;
    *shared = tcx_is_used(port->index);
    netns_leave(&back);
    return true;
}

bool port_may_shorten(const struct port *port, struct error *error)
{
    bool shared;

    if (!is_shared(port, &shared, error))
        return false;
    return !shared ||
           error_set(error, EXIT_FAILED, "%s: tcx programs of somebody else run first on %s",
                     port->side->text, port->side->device);
}

bool port_let_out(const struct port *port, const struct port *other, struct error *error)
{
    const int code = redirect_add_short_gate(link_socket(port->link), port->index, other->index);

    return code == 0 || port_error(port, "cannot attach the carrying program's gate", code, error);
}

bool port_shorten(struct port *port, int program_fd, struct error *error)
{
    const int code = redirect_add_short(link_socket(port->link), port->index, program_fd);

    port->shortened = code == 0;
    return code == 0 || port_error(port, "cannot attach the carrying program", code, error);
}

/* The mark is there before the flag. */
static bool stay_promiscuous(struct port *port, struct error *error)
{
    struct link_state state;
    int code;

    if (!link_look(port->link, &state, error))
        return false;
    if (port->bypassed || state.promiscuous)
        return true;
    code = redirect_mark(link_socket(port->link), port->index, REDIRECT_PROMISCUOUS, true);
    if (code != 0)
        return port_error(port, "cannot note that it stays promiscuous", code, error);
    port->bypassed = link_set_promiscuous(port->link, true, error);
    return port->bypassed;
}

bool port_bypass(struct port *port, const struct port *other, int program_fd, struct error *error)
{
    struct nl_sock *socket = link_socket(port->link);
    int code = redirect_add_bypass_gate(socket, port->index, other->index);

    if (code == 0)
        code = redirect_add_bypass(socket, port->index, program_fd);
    port->bypasses = code == 0;
    if (code != 0)
        return port_error(port, "cannot attach the bypassing program", code, error);
    return stay_promiscuous(port, error);
}

void port_settle(struct port *port)
{
    if (port->renewed)
        redirect_remove_past(link_socket(port->link), port->index, port->shortened, port->bypasses);
    port->renewed = false;
}

bool port_was_left_behind(const struct port *port)
{
    return port->left_behind;
}

void port_free(struct port *port)
{
    free(port);
}
