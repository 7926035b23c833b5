/* SPDX-License-Identifier: GPL-2.0-or-later */
/* port_follow.c - a port that is joined comes and goes, and others take away what joins it
 * (port.h). */
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/netns.h"
#include "bridge/sides/inline.h"
#include "bridge/sides/port_parts.h"

/* What is tried and undone is a change too, of which we are told. */
#define RETRY_US (900ull * 1000)

/* --- coming and going ------------------------------------------------------------------------ */

/* Said once, however often it is tried. */
static void say_cut(struct port *port, int index, const struct error *why)
{
    if (port->refused != index)
        log_line(LOG_LEVEL_ERROR, "%s is there, but cannot be joined: %s", port->side->device,
                 why->text);
    port->refused = index;
    port->cut = *why;
    /* Of a port that is in use the host's frames, and the wire's, take the old way. */
    if (port->host)
        error_set(&port->cut, EXIT_FAILED, "unprotected, frames pass by: %.150s", why->text);
    port->retry_us = clock_now_us() + RETRY_US;
}

static void say_whole(struct port *port)
{
    port->refused = 0;
    port->cut = (struct error){0};
    port->retry_us = 0;
}

/* The worker reads the TAP by now: only the way out can be probed. */
static bool join_again(struct port *port, int index)
{
    struct error error = {0};

    if (port_join_inside(port, false, &error)) {
        say_whole(port);
        return true;
    }
    say_cut(port, index, &error);
    return false;
}

/* The frame that could not be sent when it was joined. */
static void prove_late(struct port *port)
{
    struct link_state state;
    struct netns_return back;
    struct error error = {0};
    bool ok;

    if (!link_look(port->link, &state, NULL) || state.index != port->index || !state.carrier ||
        !netns_enter(port->side->netns, &back, NULL))
        return;
    ok = port_prove(port, &state, false, &error);
    netns_leave(&back);
    if (ok)
        log_line(LOG_LEVEL_INFO, "%s: carrier, and a probe passed", port->side->text);
    else
        log_line(LOG_LEVEL_WARNING, "%s", error.text);
}

/* --- what others take away ------------------------------------------------------------------- */

/* A question that fails is no answer; without a TAP there is nothing to mend. */
static bool is_whole(const struct port *port)
{
    struct nl_sock *socket = link_socket(port->link);
    struct inline_ends ends = {.port = port->index};
    bool out = true, in = true, beside = true;
    struct link_state tap, host;

    if (!link_look(port->tap, &tap, NULL) ||
        redirect_whole(socket, port->index, tap.index, &out) != 0 ||
        redirect_whole(socket, tap.index, port->index, &in) != 0)
        return true;
    if (port->host && link_look(port->host, &host, NULL)) {
        ends.wire = tap.index;
        ends.host = host.index;
        if (inline_whole(socket, &ends, &beside) != 0)
            return true;
    }
    return out && in && beside;
}

/* What is left of ours goes; what is somebody else's stays, and we stay away. */
static bool mend(struct port *port, struct error *error)
{
    struct nl_sock *socket = link_socket(port->link);
    enum redirect_owner owner = REDIRECT_NONE;
    struct link_state tap;
    uint32_t note;
    int code = redirect_look(socket, port->index, &owner, &note);

    if (code != 0)
        return port_error(port, "cannot read its tc filters", code, error);
    if (owner == REDIRECT_FOREIGN)
        return port_check_owner(port, owner, error);
    if (!link_look(port->tap, &tap, error))
        return false;
    port->renewed = false;
    redirect_remove(socket, port->index);
    if (!port_redirect(port, port->index, tap.index, error))
        return false;
    if (port->held)
        redirect_mark(socket, port->index, REDIRECT_HELD, true);
    if (port->bypassed)
        redirect_mark(socket, port->index, REDIRECT_PROMISCUOUS, true);
    return port_prove_if_possible(port, false, error);
}

static enum port_change follow_joined(struct port *port)
{
    const bool was_cut = port->cut.code != EXIT_DONE;
    struct netns_return back;
    struct error error = {0};
    bool ok;

    if (port->host)
        inline_carry_mac(port->link, port->host, NULL);
    if (is_whole(port)) {
        if (!port->proved)
            prove_late(port);
        say_whole(port);
        return was_cut ? PORT_BACK : PORT_AS_BEFORE;
    }
    if (clock_now_us() < port->retry_us || !netns_enter(port->side->netns, &back, NULL))
        return PORT_AS_BEFORE;
    ok = mend(port, &error);
    netns_leave(&back);
    if (!ok) {
        say_cut(port, port->index, &error);
        return was_cut ? PORT_AS_BEFORE : PORT_CUT;
    }
    say_whole(port);
    log_line(LOG_LEVEL_WARNING, "%s: its tc filters were taken away", port->side->text);
    return PORT_BACK;
}

/* The mark stands as long as it may be down by us. */
bool port_hold(struct port *port, bool held, struct error *error)
{
    struct nl_sock *socket = link_socket(port->link);
    int code;

    if (port->index == 0)
        return error_set(error, EXIT_FAILED, "%s has vanished", port->side->device);
    code = held ? redirect_mark(socket, port->index, REDIRECT_HELD, true) : 0;
    if (code != 0)
        return port_error(port, "cannot note that it is held down", code, error);
    if (!held && !link_set_up(port->link, error))
        return false; /* it is tried again, by the end at the latest */
    port->held = held;
    if (held && link_set_down(port->link, error))
        return true;
    port->held = false;
    redirect_mark(socket, port->index, REDIRECT_HELD, false);
    return !held;
}

const char *port_cut(const struct port *port)
{
    return port->cut.code == EXIT_DONE ? NULL : port->cut.text;
}

enum port_change port_follow(struct port *port)
{
    struct link_state state;
    enum port_change change = PORT_AS_BEFORE;

    if (port->index != 0 && link_index_exists(port->link, port->index))
        return follow_joined(port);
    if (port->index != 0) {
        change = PORT_LOST;
        port->index = 0;
        port_unjoin(port, false);
        error_set(&port->cut, EXIT_FAILED, "%s has vanished", port->side->device);
    }
    if (link_look(port->link, &state, NULL) &&
        (state.index != port->refused || clock_now_us() >= port->retry_us) &&
        join_again(port, state.index))
        change = PORT_BACK;
    return change;
}
