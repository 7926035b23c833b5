/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook.c - see hook.h. */
#include "bridge/sides/hook.h"

#include <limits.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/log.h"
#include "bridge/base/netns.h"
#include "bridge/sides/redirect.h"

#define SYNCOOKIES "/proc/sys/net/ipv4/tcp_syncookies" /* of the namespace that one is in */

struct hook {
    enum hook_setting setting;
    const struct side_spec *side;
    const char *stack; /* NULL: none was named */
    struct hooking *hooking;
    char netns[NAME_MAX + 1]; /* where the card is */
    int interface;            /* 0: it is attached to none */
    struct error hindrance;   /* EXIT_DONE: none */
};

/* --- which card ------------------------------------------------------------------------------ */

/* The index of the other end of an interface, in the namespace of that; 0: it has none. `index` 0:
 * the one of this name. */
static int other_end(const char *netns, const char *name, int *index)
{
    struct nl_sock *socket = nl_socket_alloc();
    struct rtnl_link *link = NULL;
    struct netns_return back;
    struct error error = {0};
    int other = 0;

    if (socket && netns_enter(netns, &back, &error)) {
        if (nl_connect(socket, NETLINK_ROUTE) == 0 &&
            rtnl_link_get_kernel(socket, *index, name, &link) == 0) {
            *index = rtnl_link_get_ifindex(link);
            other = rtnl_link_get_link(link);
            rtnl_link_put(link);
        }
        netns_leave(&back);
    }
    nl_socket_free(socket);
    return other;
}

/* Both ends must name each other: numbers of interfaces are used again in each namespace. */
static bool find_peer(struct hook *hook)
{
    const struct side_spec *side = hook->side;
    int port = 0, card = other_end(side->netns, side->device, &port);

    if (card != 0 && other_end(hook->netns, NULL, &card) == port) {
        hook->interface = card;
        return true;
    }
    return error_set(&hook->hindrance, EXIT_FAILED,
                     "no interface of namespace %s is the other end of %s", hook->netns,
                     side->device);
}

/* Where the interface itself is looked for inside its namespace it stays 0. */
static bool find_card(struct hook *hook)
{
    const struct side_spec *side = hook->side;
    const char *stack = hook->stack;
    const char *netns = stack ? stack : side->port || side->host ? "" : side->netns;

    hook->interface = 0;
    if (netns[0] == '\0')
        return error_set(&hook->hindrance, EXIT_FAILED,
                         "the servers' namespace is not known: see --server-stack");
    snprintf(hook->netns, sizeof(hook->netns), "%s", netns);
    if (side->host)
        return error_set(&hook->hindrance, EXIT_FAILED, "the server side is an inline: one");
    if (side->port)
        return find_peer(hook);
    if (strcmp(netns, side->netns) != 0)
        return error_set(&hook->hindrance, EXIT_FAILED,
                         "the servers' card is not in their namespace %s", netns);
    return true;
}

/* --- the card -------------------------------------------------------------------------------- */

/* Without cookies the kernel would reset what it is given. */
static bool takes_cookies(struct hook *hook)
{
    FILE *file = fopen(SYNCOOKIES, "re");
    const int setting = file ? fgetc(file) : EOF;

    if (file)
        fclose(file);
    return setting != '0' || error_set(&hook->hindrance, EXIT_FAILED,
                                       "tcp_syncookies is 0 in namespace %s", hook->netns);
}

/* Away from the card; with the qdisc, where we have made it and nobody uses it besides. */
static void detach(const struct hook *hook)
{
    struct nl_sock *socket = hooking_made_qdisc(hook->hooking) ? nl_socket_alloc() : NULL;

    hooking_detach(hook->interface);
    if (socket && nl_connect(socket, NETLINK_ROUTE) == 0 &&
        redirect_is_empty(socket, hook->interface))
        redirect_remove(socket, hook->interface);
    nl_socket_free(socket);
}

static bool attach_here(struct hook *hook)
{
    if (hooking_attach(hook->hooking, hook->interface, &hook->hindrance))
        return true;
    detach(hook);
    return false;
}

/* Told where there is none. */
static bool is_there(struct hook *hook)
{
    if (!hook->interface)
        hook->interface = (int)if_nametoindex(hook->side->device);
    return hook->interface || error_set(&hook->hindrance, EXIT_FAILED, "there is no %s in %s",
                                        hook->side->device, hook->netns);
}

static bool attach(struct hook *hook)
{
    struct netns_return back;
    bool done;

    if (!netns_enter(hook->netns, &back, &hook->hindrance))
        return false;
    done = is_there(hook) && takes_cookies(hook) && attach_here(hook);
    netns_leave(&back);
    return done;
}

static bool begin(struct hook *hook)
{
    if (!find_card(hook))
        return false;
    hook->hooking = hooking_open(&hook->hindrance);
    if (hook->hooking && attach(hook))
        return true;
    hooking_close(hook->hooking);
    hook->hooking = NULL;
    return false;
}

/* Why there is none. Whoever has not asked for it knows that he has named no namespace. */
static bool is_told(const struct hook *hook)
{
    return hook->setting == HOOK_UNSAID ? hook->netns[0] && !hook->side->host
                                        : hook->setting != HOOK_OFF;
}

struct hook *hook_open(enum hook_setting setting, const struct side_spec *side, const char *stack,
                       struct error *error)
{
    struct hook *hook = calloc(1, sizeof(*hook));

    if (!hook) {
        error_set(error, EXIT_FAILED, "out of memory for the hook");
        return NULL;
    }
    *hook = (struct hook){.setting = setting, .side = side, .stack = stack};
    if (setting == HOOK_OFF || begin(hook))
        return hook;
    if (setting == HOOK_ON) {
        error_set(error, EXIT_FAILED, "no hook: %s", hook->hindrance.text);
        hook_close(hook);
        return NULL;
    }
    if (is_told(hook))
        log_line(LOG_LEVEL_INFO, "no hook, connections are spliced: %s", hook->hindrance.text);
    return hook;
}

bool hook_check(const struct side_spec *side, const char *stack, struct error *error)
{
    struct hook hook = {.setting = HOOK_ON, .side = side, .stack = stack};

    if (geteuid() != 0)
        return true;
    if (find_card(&hook))
        hook.hooking = hooking_open(&hook.hindrance);
    if (!hook.hooking)
        return error_set(error, EXIT_FAILED, "no hook: %s", hook.hindrance.text);
    hooking_close(hook.hooking);
    return true;
}

static bool is_attached(struct hook *hook)
{
    struct netns_return back;
    bool attached;

    if (!find_card(hook) || !netns_enter(hook->netns, &back, &hook->hindrance))
        return false;
    attached = is_there(hook) && hooking_attached(hook->interface);
    netns_leave(&back);
    return attached;
}

void hook_look(struct hook *hook)
{
    struct error was, *why;

    if (!hook || !hook->hooking)
        return;
    why = &hook->hindrance;
    was = *why;
    *why = (struct error){0};
    if (is_attached(hook) || why->code != EXIT_DONE)
        return; /* what has no card yet is heard of again */
    if (attach(hook))
        log_line(LOG_LEVEL_INFO, "the program of the hook is back at the servers' card");
    else if (strcmp(why->text, was.text) != 0) /* else each word of netlink would repeat it */
        log_line(LOG_LEVEL_WARNING, "no hook at the servers' card: %s", why->text);
}

void hook_note(struct hook *hook, const char *why)
{
    hook->hindrance = (struct error){0};
    if (*why)
        error_set(&hook->hindrance, EXIT_FAILED, "%s", why);
}

bool hook_is_away(const struct hook *hook)
{
    return hook && hook->hooking && hook->hindrance.code != EXIT_DONE;
}

void hook_leave(struct hook *hook)
{
    struct netns_return back;
    struct error error = {0};

    if (!hook || !hook->hooking || !netns_enter(hook->netns, &back, &error))
        return;
    detach(hook);
    netns_leave(&back);
}

void hook_close(struct hook *hook)
{
    if (!hook)
        return;
    hooking_close(hook->hooking);
    free(hook);
}

const char *hook_hindrance(const struct hook *hook)
{
    if (hook->hooking && !hook_is_away(hook))
        return NULL;
    return hook->hooking || is_told(hook) ? hook->hindrance.text : "";
}

struct grant *hook_grants(struct hook *hook)
{
    return hook->hooking ? hooking_grants(hook->hooking) : NULL;
}
