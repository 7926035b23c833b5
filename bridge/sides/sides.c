/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sides.c - see sides.h.
 *
 * One MTU for both sides: a bridge that takes a frame on one side must be able to send it on the
 * other. Our own TAPs follow; an interface of somebody else's keeps what it has, and the log says
 * so where the two differ.
 */
#include "bridge/sides/sides.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/bpf/bypassing.h"
#include "bridge/bpf/carrying.h"
#include "bridge/bpf/steering.h"
#include "bridge/sides/card.h"
#include "bridge/sides/inline.h"
#include "bridge/sides/rejoin.h"
#include "bridge/sides/sides_check.h"
#include "bridge/sides/sides_parts.h"

/*
 * Of each queue of a TAP that we made. It must hold what comes while a worker is not on a core: the
 * 1,000 of a new TAP are 7 ms of 150,000 SYNs a second, which could be answered with ease, and less
 * than the scheduler lets others run; what finds no room there comes again after 1 s at the
 * soonest. A TAP that somebody else made keeps the length that it has.
 */
#define QUEUE_FRAMES 8192u

struct sides *sides_read(const char *client, const char *server, struct error *error)
{
    struct sides *sides = calloc(1, sizeof(*sides));
    struct side_spec *specs[2];

    if (!sides) {
        error_set(error, EXIT_FAILED, "out of memory for the sides");
        return NULL;
    }
    sides->steering_fd = -1;
    for (int side = 0; side < 2; side++)
        specs[side] = &sides->ends[side].spec;
    if (side_parse(client, specs[SIDE_CLIENT], error) &&
        side_parse(server, specs[SIDE_SERVER], error) &&
        side_pair(specs[SIDE_CLIENT], specs[SIDE_SERVER], error))
        return sides;
    free(sides);
    return NULL;
}

/* --- what workers and operators see ---------------------------------------------------------- */

uint32_t sides_workers(const struct sides *sides)
{
    return sides->workers;
}

const struct error *sides_one_queue(const struct sides *sides)
{
    return &sides->one_queue;
}

bool sides_nowait_writes(const struct sides *sides)
{
    return sides->ends[SIDE_CLIENT].tap.nowait_writes && sides->ends[SIDE_SERVER].tap.nowait_writes;
}

void sides_queues(const struct sides *sides, uint32_t worker, int fds[2], int syn_fds[2])
{
    const uint32_t first = worker * STEER_QUEUES;

    for (int side = 0; side < 2; side++) {
        const struct tap *tap = &sides->ends[side].tap;

        fds[side] = tap->fds[first + STEER_FLOWS];
        syn_fds[side] = first + STEER_SYNS < tap->queues ? tap->fds[first + STEER_SYNS] : -1;
    }
}

const struct side_spec *sides_spec(const struct sides *sides, enum side side)
{
    return &sides->ends[side].spec;
}

void sides_note_cut(struct sides *sides, enum side side, const char *why)
{
    snprintf(sides->ends[side].cut, sizeof(sides->ends[side].cut), "%s", why);
}

const char *sides_cut(const struct sides *sides, enum side side)
{
    return sides->ends[side].cut;
}

void sides_note_carrier(struct sides *sides, enum side side, const struct carrier_news *news)
{
    sides->ends[side].carrier = *news;
}

const struct carrier_news *sides_carrier(const struct sides *sides, enum side side)
{
    return &sides->ends[side].carrier;
}

bool end_has_card(const struct end *end)
{
    return end->hidden.card;
}

const char *sides_hidden_end(const struct sides *sides, enum side side)
{
    return end_has_card(&sides->ends[side]) ? sides->ends[side].hidden.device : NULL;
}

bool sides_card_vanishes(const struct sides *sides, enum side side)
{
    const struct end *end = &sides->ends[side];

    return !end->join && !end->spec.host && !end->tap.persistent;
}

uint32_t sides_mtu(const struct sides *sides, enum side side)
{
    uint32_t mtu = sides->ends[side].mtu;

    link_mtu(sides->ends[side].link, &mtu, NULL);
    return mtu;
}

bool sides_overflow(const struct sides *sides, uint64_t overflow[2], struct error *error)
{
    for (int side = 0; side < 2; side++) {
        const struct end *end = &sides->ends[side];

        if (!link_overflow(end->tap_link, &overflow[side], error))
            return false;
        overflow[side] -= end->overflow_before;
    }
    return true;
}

/* --- opening --------------------------------------------------------------------------------- */

/* An interface of somebody else's keeps the MTU that it has; our TAPs follow. */
static bool mtu_fixed(const struct end *end)
{
    return (end->join && !end_has_card(end)) || end->spec.host;
}

bool end_give_mtu(struct end *end, uint32_t mtu, struct error *error)
{
    if (end->mtu == mtu)
        return true;
    if (mtu_fixed(end))
        return error_set(
            error, EXIT_FAILED,
            "%s keeps its MTU %u: frames larger than the smaller MTU are lost; make them equal",
            end->spec.text, end->mtu);
    if (!link_set_mtu(end->link, mtu, error))
        return false;
    end->mtu = mtu;
    end_tell_mtu(end);
    return true;
}

void end_tell_mtu(const struct end *end)
{
    if (end->tap_link != end->link)
        link_set_mtu(end->tap_link, end->mtu, NULL);
}

/* Where nothing stands in its way, and the kernel takes what the pair is for. */
static bool card_may_be_veth(struct end *end)
{
    const enum card_found found = card_look(&end->spec);
    struct bypassing *tried = found == CARD_FREE ? bypassing_open(BYPASS_OPEN, NULL) : NULL;

    bypassing_close(tried);
    return found == CARD_KEPT || tried;
}

static bool open_card(struct end *end, enum card_setting setting, struct error *error)
{
    const bool netns = !end->spec.port && !end->spec.host && end->spec.netns[0] != '\0';

    if (!netns || (setting == CARD_AUTO && !card_may_be_veth(end)))
        return true;
    if (setting == CARD_TAP)
        return card_look(&end->spec) != CARD_KEPT ||
               error_set(error, EXIT_FAILED,
                         "side %s: its card is a veth end that is kept from --card veth: `synward "
                         "detach %s` removes it",
                         end->spec.text, end->spec.text);
    if (!card_open(&end->spec, &end->hidden, &end->card_made, error))
        return false;
    end->port_link = link_open(&end->hidden, error);
    return end->port_link;
}

static const struct side_spec *port_of(const struct end *end)
{
    return end_has_card(end) ? &end->hidden : &end->spec;
}

/* By one who was killed, or who has handed the wire on. */
static void tell_of_what_was_left(const struct end *end, bool handed_on)
{
    if (!port_was_left_behind(end->join))
        return;
    if (handed_on)
        log_line(LOG_LEVEL_INFO, "%s: going on with the wire", port_of(end)->text);
    else
        log_line(LOG_LEVEL_WARNING, "%s: undoing what a killed synward left behind",
                 port_of(end)->text);
}

static bool open_links(struct end *end, const struct sides_options *options, struct error *error)
{
    netns_identify(end->spec.netns, &end->netns);
    end->link = end->port_link = end->tap_link = link_open(&end->spec, error);
    if (!end->link || !open_card(end, options->card, error))
        return false;
    if (!end->spec.port && !end->spec.host && !end_has_card(end))
        return true;
    end->tap_link = NULL;
    if (end->spec.host)
        return inline_tap(end->link, &end->spec, &end->host_tap, error) &&
               (end->tap_link = link_beside(end->link, &end->host_tap, error));
    end->join = port_open(port_of(end), end->port_link, error);
    if (!end->join)
        return false;
    end->tap_link = link_beside(end->port_link, port_tap(end->join), error);
    return end->tap_link;
}

static const struct side_spec *tap_of(const struct end *end)
{
    if (end->spec.host)
        return &end->host_tap;
    return end->join ? port_tap(end->join) : &end->spec;
}

static uint32_t queues_wanted(const struct sides *sides)
{
    return sides->steering_fd < 0 ? 1 : sides->workers * STEER_QUEUES;
}

static struct link *host_of(struct sides *sides, const struct end *end)
{
    if (!end->spec.in_use)
        return NULL;
    return sides->ends[end == &sides->ends[SIDE_CLIENT] ? SIDE_SERVER : SIDE_CLIENT].tap_link;
}

static bool open_end(struct sides *sides, struct end *end, struct error *error)
{
    struct link_state tap;

    if (!tap_open(&end->tap, tap_of(end), queues_wanted(sides), sides->steering_fd, error) ||
        !link_mtu(end->link, &end->mtu, error))
        return false;
    if (!end->tap.persistent)
        link_set_queues(end->tap_link, QUEUE_FRAMES);
    if (end->spec.host)
        link_set_mute(end->tap_link);
    end_tell_mtu(end);
    if (link_look(end->tap_link, &tap, NULL))
        end->index = tap.index;
    if (end->spec.host)
        return link_set_up(end->tap_link, error);
    if (end->join) {
        if (!port_join(end->join, end->tap_link, end->tap.fds[0], host_of(sides, end), error))
            return false;
        tell_of_what_was_left(end, sides->handed_on);
    }
    return !end->tap.persistent || link_overflow(end->tap_link, &end->overflow_before, error);
}

/* The host's end is there before the port leads to it. */
static bool open_ends(struct sides *sides, const struct sides_options *options, struct error *error)
{
    struct end *client = &sides->ends[SIDE_CLIENT], *server = &sides->ends[SIDE_SERVER];
    struct end *first = server->spec.host ? server : client;

    if (!open_links(client, options, error) || !open_links(server, options, error))
        return false;
    for (int side = 0; side < 2; side++)
        if (sides->ends[side].spec.in_use &&
            !inline_check(sides->ends[side].link, &sides->ends[side].spec, side == SIDE_SERVER,
                          error))
            return false;
    return open_end(sides, first, error) &&
           open_end(sides, first == client ? server : client, error);
}

/* By its user, who was there before us. */
static bool mtu_is_wanted(const struct end *end)
{
    return end->tap.persistent || mtu_fixed(end) || (end_has_card(end) && !end->card_made);
}

/*
 * Both sides get one MTU. A card that was there before, or a port, has the MTU that its user wants,
 * so that a new one follows it; of two that were there the smaller wins.
 */
static bool agree_mtu(struct sides *sides, struct error *error)
{
    struct end *client = &sides->ends[SIDE_CLIENT], *server = &sides->ends[SIDE_SERVER];
    const bool client_leads = mtu_is_wanted(client), server_leads = mtu_is_wanted(server);
    uint32_t mtu = client->mtu < server->mtu ? client->mtu : server->mtu;

    if (client_leads != server_leads)
        mtu = client_leads ? client->mtu : server->mtu;
    for (int side = 0; side < 2; side++) {
        struct end *end = &sides->ends[side];
        struct error unequal = {0};

        if (end_give_mtu(end, mtu, &unequal))
            continue;
        if (!mtu_fixed(end))
            return error_set(error, unequal.code, "%s", unequal.text);
        log_line(LOG_LEVEL_WARNING, "MTU %u on the other side: %s", mtu, unequal.text);
    }
    return true;
}

/* Without the program nothing can be told apart before it is read: one queue, one worker. */
static void load_steering(struct sides *sides, const struct sides_options *options)
{
    if (!options->single_queue)
        sides->steering_fd = steering_load(sides->workers, options->steer_seed, &sides->one_queue);
    if (sides->steering_fd < 0)
        sides->workers = 1;
}

/*
 * Workers need queues of their own on both sides. Where a TAP has but one, a single worker reads
 * it; the other TAP may still have its queue of SYNs (bpf/steer.bpf.c: what was said for many
 * workers is right for one).
 */
static void settle_workers(struct sides *sides)
{
    const uint32_t wanted = queues_wanted(sides);

    for (int side = 0; side < 2; side++) {
        const struct end *end = &sides->ends[side];

        if (end->tap.queues == wanted)
            continue;
        error_set(&sides->one_queue, EXIT_FAILED,
                  "%s has one queue: was it made without multi_queue?", end->spec.text);
        sides->workers = 1;
    }
    for (int side = 0; side < 2; side++)
        tap_shrink(&sides->ends[side].tap, queues_wanted(sides));
}

bool sides_open(struct sides *sides, const struct sides_options *options, struct error *error)
{
    struct end *client = &sides->ends[SIDE_CLIENT], *server = &sides->ends[SIDE_SERVER];

    sides->workers = options->workers;
    sides->handed_on = options->handed_on;
    load_steering(sides, options);
    if (!open_ends(sides, options, error))
        return false;
    settle_workers(sides);
    if (!agree_mtu(sides, error) || !link_set_up(client->tap_link, error) ||
        !link_set_up(server->tap_link, error))
        return false;
    carrier_init(&sides->carrier, clock_now_us());
    return true;
}

void sides_started(struct sides *sides)
{
    sides->started = true;
}

/* --- the short way --------------------------------------------------------------------------- */

bool sides_are_ports(const struct sides *sides)
{
    return sides->ends[SIDE_CLIENT].join && sides->ends[SIDE_SERVER].join;
}

bool sides_both_ports(const struct sides *sides, struct error *why)
{
    const struct end *client = &sides->ends[SIDE_CLIENT], *server = &sides->ends[SIDE_SERVER];

    if (!sides_are_ports(sides))
        return error_set(why, EXIT_FAILED, SIDES_NO_PORTS);
    if (strcmp(port_of(client)->netns, port_of(server)->netns) != 0)
        return error_set(why, EXIT_FAILED, SIDES_NOT_TOGETHER);
    return true;
}

static bool both_there(const struct sides *sides, struct error *error)
{
    for (int side = 0; side < 2; side++)
        if (port_index(sides->ends[side].join) == 0)
            return error_set(error, EXIT_FAILED, "%s has vanished", sides->ends[side].spec.device);
    return true;
}

bool sides_may_carry(const struct sides *sides, struct error *why)
{
    return sides_both_ports(sides, why) && both_there(sides, why) &&
           port_may_shorten(sides->ends[SIDE_CLIENT].join, why) &&
           port_may_shorten(sides->ends[SIDE_SERVER].join, why);
}

static bool let_out(const struct sides *sides, struct error *error)
{
    struct port *const client = sides->ends[SIDE_CLIENT].join;
    struct port *const server = sides->ends[SIDE_SERVER].join;

    return port_let_out(client, server, error) && port_let_out(server, client, error);
}

static bool shorten(const struct sides *sides, struct error *error)
{
    for (int side = 0; side < 2; side++)
        if (!port_shorten(sides->ends[side].join,
                          carrying_program(sides->carrying, (enum side)side), error))
            return false;
    return true;
}

void sides_follow_peer(struct sides *sides)
{
    uint8_t mac[6];

    if (sides->carrying)
        carrying_set_peer(sides->carrying,
                          port_peer_mac(sides->ends[SIDE_CLIENT].join, mac) ? mac : NULL);
}

/* Gates first, then where to, and programs last: nothing is lost on the way, nor where they take
 * the place of those of one who was killed. */
bool sides_carry_again(struct sides *sides, struct error *error)
{
    carrying_lead(sides->carrying, 0, 0);
    if (!sides_may_carry(sides, error) || !let_out(sides, error))
        return false;
    carrying_lead(sides->carrying, (uint32_t)port_index(sides->ends[SIDE_CLIENT].join),
                  (uint32_t)port_index(sides->ends[SIDE_SERVER].join));
    if (shorten(sides, error)) {
        sides_follow_peer(sides);
        return true;
    }
    carrying_lead(sides->carrying, 0, 0);
    return false;
}

bool sides_carry(struct sides *sides, struct carrying *carrying, struct error *error)
{
    sides->carrying = carrying;
    if (carrying && !sides_carry_again(sides, error))
        sides->carrying = NULL;
    return sides->carrying;
}

static bool bypass(const struct sides *sides, struct error *error)
{
    for (int side = 0; side < 2; side++)
        if (!port_bypass(sides->ends[side].join, sides->ends[!side].join,
                         bypassing_program(sides->bypassing, (enum side)side), error))
            return false;
    return true;
}

/* Where to first: what goes by the programs of one who was killed goes on by ours. */
bool sides_bypass_again(struct sides *sides, struct error *error)
{
    const uint32_t nowhere[2] = {0, 0};
    const bool there = both_there(sides, error);
    uint32_t to[2], tap[2];
    bool left_behind = false;

    for (int side = 0; there && side < 2; side++) {
        const struct end *end = &sides->ends[side];

        to[side] = (uint32_t)port_index(end->join);
        tap[side] = (uint32_t)end->index;
        left_behind |= port_was_left_behind(end->join);
    }
    if (there && left_behind)
        bypassing_begin(sides->bypassing, sides->handed_on, clock_now_us());
    if (there)
        bypassing_lead(sides->bypassing, to, tap);
    if (there && bypass(sides, error))
        return true;
    bypassing_lead(sides->bypassing, nowhere, nowhere);
    return false;
}

bool sides_bypass(struct sides *sides, struct bypassing *bypassing, struct error *error)
{
    sides->bypassing = bypassing;
    if (!sides_bypass_again(sides, error))
        sides->bypassing = NULL;
    return sides->bypassing;
}

void sides_settle(struct sides *sides)
{
    for (int side = 0; side < 2; side++)
        if (sides->ends[side].join)
            port_settle(sides->ends[side].join);
}

/* --- following ------------------------------------------------------------------------------- */

int sides_events(const struct sides *sides, enum side side, bool hidden)
{
    const struct end *end = &sides->ends[side];

    if (hidden)
        return end->port_link != end->link ? link_events(end->port_link) : -1;
    return link_events(end->link);
}

bool sides_heard(const struct sides *sides, int fd, enum side *side)
{
    for (int i = 0; i < 2; i++)
        if (fd == sides_events(sides, (enum side)i, false) ||
            fd == sides_events(sides, (enum side)i, true)) {
            link_heard(fd);
            *side = (enum side)i;
            return true;
        }
    return false;
}

/* --- another process ------------------------------------------------------------------------- */

void sides_kept_elsewhere(struct sides *sides)
{
    sides->elsewhere = true;
}

/* Of each TAP one queue stays, unread: a port is probed by it, and a program taken off. */
bool sides_keep(struct sides *sides, struct error *error)
{
    for (int side = 0; side < 2; side++) {
        struct end *end = &sides->ends[side];

        if (!link_renew(end->link, error) ||
            (end->port_link != end->link && !link_renew(end->port_link, error)))
            return false;
        if (end->tap_link != end->link)
            link_renew_beside(end->tap_link, end->port_link);
        tap_shrink(&end->tap, 1);
    }
    return true;
}

/* --- closing --------------------------------------------------------------------------------- */

static void close_end(struct end *end)
{
    tap_close(&end->tap);
    if (end->tap_link != end->link)
        link_close(end->tap_link);
    port_free(end->join);
    if (end->port_link != end->link)
        link_close(end->port_link);
    link_close(end->link);
}

void sides_close(struct sides *sides)
{
    if (!sides)
        return;
    if (!sides->elsewhere)
        rejoin_leave(sides);
    close_end(&sides->ends[SIDE_SERVER]);
    close_end(&sides->ends[SIDE_CLIENT]);
    if (sides->steering_fd >= 0)
        close(sides->steering_fd);
    free(sides);
}
