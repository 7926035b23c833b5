/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch.c - see watch.h. */
#include "bridge/listeners/watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bridge/base/clock.h"
#include "bridge/listeners/programs.h"
#include "profiles/model/profile.h"

#define PORTS 65536u

/* What the shards were told of a server. */
enum told { TOLD_NOTHING, TOLD_YES, TOLD_NO };

/* What is seen of a server's accept queue: without a listener, nothing. */
enum queue { QUEUE_UNSEEN, QUEUE_EMPTY, QUEUE_USED };

struct watched_server {
    struct server_key key;
    enum told told, wanted;
    enum queue queue; /* as it was last told */
};

struct stack_watch {
    struct stack_ears ears;
    struct stack_probe *probe;
    struct stack_programs *programs;
    char device[IFNAMSIZ];
    uint64_t due_us, cost_us;
    bool looking;   /* a round goes on */
    bool loaded;    /* a queue is a quarter full */
    bool lost;      /* the last round failed */
    bool names_new; /* since the profiles were last looked at */
    uint64_t store_revision;
    uint32_t count;
    struct watched_server *servers; /* by key */
    uint32_t *chain; /* of each listener: the next one with its port; its own number: the end */
    uint32_t by_port[PORTS]; /* number of the first listener there, plus 1; 0: none */
};

struct stack_watch *stack_watch_open(const char *netns, const char *device,
                                     const struct stack_ears *ears, struct error *error)
{
    struct stack_watch *watch = calloc(1, sizeof(*watch));

    if (!watch) {
        error_set(error, EXIT_FAILED, "out of memory for the listening sockets");
        return NULL;
    }
    watch->ears = *ears;
    strncpy(watch->device, device, sizeof(watch->device) - 1);
    watch->probe = stack_probe_open(netns, error);
    watch->programs = watch->probe ? stack_programs_new(stack_probe_netns(watch->probe)) : NULL;
    if (watch->programs)
        return watch;
    if (watch->probe)
        error_set(error, EXIT_FAILED, "out of memory for the listening sockets");
    stack_watch_close(watch);
    return NULL;
}

void stack_watch_close(struct stack_watch *watch)
{
    if (!watch)
        return;
    stack_probe_close(watch->probe);
    stack_programs_free(watch->programs);
    free(watch->servers);
    free(watch->chain);
    free(watch);
}

void stack_watch_by(struct stack_watch *watch, struct keeper *keeper)
{
    stack_probe_by(watch->probe, keeper);
    stack_programs_by(watch->programs, keeper);
}

struct stack_probe *stack_watch_probe(struct stack_watch *watch)
{
    return watch->probe;
}

struct stack_programs *stack_watch_programs(struct stack_watch *watch)
{
    return watch->programs;
}

uint64_t stack_watch_due(const struct stack_watch *watch)
{
    return watch ? watch->due_us : UINT64_MAX;
}

/* --- who listens where ----------------------------------------------------------------------- */

static bool chain_listeners(struct stack_watch *watch, const struct stack_view *view)
{
    uint32_t *chain = realloc(watch->chain, ((size_t)view->count + 1) * sizeof(*chain));

    if (!chain)
        return false;
    watch->chain = chain;
    memset(watch->by_port, 0, sizeof(watch->by_port));
    for (uint32_t i = 0; i < view->count; i++) {
        uint32_t *first = &watch->by_port[view->listeners[i].port];

        chain[i] = *first;
        *first = i + 1;
    }
    return true;
}

/* The first listener from number `from` on (plus 1; 0: none) that covers this place; NULL: none. */
static struct stack_listener *covering(const struct stack_watch *watch,
                                       const struct stack_view *view, const struct server_key *key,
                                       uint32_t *from)
{
    while (*from != 0) {
        const uint32_t index = *from - 1;

        *from = watch->chain[index];
        if (stack_listener_covers(&view->listeners[index], &key->addr, key->port))
            return &view->listeners[index];
    }
    return NULL;
}

static bool is_listened_on(const struct stack_watch *watch, const struct stack_view *view,
                           const struct server_key *key)
{
    uint32_t from = watch->by_port[key->port];

    return covering(watch, view, key, &from) != NULL;
}

static bool is_local(const struct stack_view *view, const struct ip_addr *addr)
{
    for (uint32_t i = 0; i < view->address_count; i++)
        if (memcmp(&view->addresses[i].addr, addr, sizeof(*addr)) == 0)
            return true;
    return false;
}

/* --- the servers ----------------------------------------------------------------------------- */

static int compare_servers(const void *left, const void *right)
{
    const struct watched_server *a = left, *b = right;

    return memcmp(&a->key, &b->key, sizeof(a->key));
}

static struct watched_server *find_server(const struct watched_server *servers, uint32_t count,
                                          const struct server_key *key)
{
    struct watched_server wanted = {.key = *key};

    return count ? bsearch(&wanted, servers, count, sizeof(wanted), compare_servers) : NULL;
}

struct server_list {
    struct watched_server *servers;
    uint32_t count;
};

static void list_add(struct server_list *list, const struct watched_server *server)
{
    if (list->count < STACK_SERVERS_MAX)
        list->servers[list->count++] = *server;
}

static void add_listened(const struct stack_watch *watch, const struct stack_view *view,
                         struct server_list *list)
{
    uint32_t known = watch->count;

    for (uint32_t a = 0; a < view->address_count; a++) {
        const struct stack_address *address = &view->addresses[a];

        if (!stack_probe_serves(watch->probe, address, watch->device))
            continue;
        for (uint32_t i = 0; i < view->count; i++) {
            const struct stack_listener *listener = &view->listeners[i];
            const struct watched_server server = {
                .key = {.addr = address->addr, .port = listener->port}};

            if (stack_listener_covers(listener, &address->addr, listener->port) &&
                (listener->device == 0 || listener->device == address->device) &&
                (find_server(watch->servers, watch->count, &server.key) ||
                 known < STACK_SERVERS_KNOWN)) {
                list_add(list, &server);
                known++;
            }
        }
    }
}

static void add_profiled(const struct stack_view *view, const struct store *store,
                         struct server_list *list)
{
    for (size_t i = 0; i < store_count(store); i++) {
        const struct watched_server server = {.key = store_at(store, i)->key};

        if (is_local(view, &server.key.addr))
            list_add(list, &server);
    }
}

/* What was told stays known, or nobody could take it back. Doubles go. */
static void fold(struct stack_watch *watch, struct server_list *list)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < watch->count; i++)
        if (watch->servers[i].told != TOLD_NOTHING)
            list_add(list, &watch->servers[i]);
    if (list->count > 0)
        qsort(list->servers, list->count, sizeof(*list->servers), compare_servers);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct watched_server *before;

        if (kept > 0 && server_key_equal(&list->servers[kept - 1].key, &list->servers[i].key))
            continue;
        before = find_server(watch->servers, watch->count, &list->servers[i].key);
        list->servers[kept] = before ? *before : list->servers[i];
        kept++;
    }
    list->count = kept;
}

/*
 * That nobody listens is said of an address that is here only: one that has moved away may be
 * served elsewhere. What cannot be seen whole is not denied either.
 */
static enum told judge(const struct stack_watch *watch, const struct stack_view *view,
                       const struct watched_server *server)
{
    if (is_listened_on(watch, view, &server->key))
        return TOLD_YES;
    if (view->complete && is_local(view, &server->key.addr))
        return TOLD_NO;
    return server->told == TOLD_NO ? TOLD_YES : server->told;
}

static void list_servers(struct stack_watch *watch, const struct stack_view *view,
                         const struct store *store)
{
    struct server_list list = {.servers = malloc(STACK_SERVERS_MAX * sizeof(*list.servers))};

    if (!list.servers || !chain_listeners(watch, view)) {
        free(list.servers);
        return;
    }
    add_listened(watch, view, &list);
    add_profiled(view, store, &list);
    fold(watch, &list);
    for (uint32_t i = 0; i < list.count; i++)
        list.servers[i].wanted = judge(watch, view, &list.servers[i]);
    free(watch->servers);
    watch->servers = list.servers;
    watch->count = list.count;
}

static void tell(struct stack_watch *watch)
{
    uint32_t done = 0;
    bool all = true;

    for (uint32_t i = 0; i < watch->count; i++) {
        struct watched_server *server = &watch->servers[i];

        if (server->told == server->wanted)
            continue;
        all = done++ < STACK_TOLD_AT_ONCE &&
              watch->ears.listening(watch->ears.context, &server->key, server->wanted == TOLD_YES);
        if (!all)
            return;
        server->told = server->wanted;
    }
    watch->ears.fresh(watch->ears.context);
}

/* --- accept queues --------------------------------------------------------------------------- */

static void tell_queue(struct stack_watch *watch, const struct stack_view *view,
                       struct watched_server *server)
{
    uint32_t from = watch->by_port[server->key.port];
    uint64_t used = 0, limit = 0;
    const struct stack_listener *listener;
    enum queue queue;

    /* Several sockets on one port (SO_REUSEPORT) are one server. */
    while ((listener = covering(watch, view, &server->key, &from)) != NULL) {
        used += listener->used;
        limit += listener->limit ? listener->limit : 1;
    }
    queue = limit == 0 ? QUEUE_UNSEEN : used == 0 ? QUEUE_EMPTY : QUEUE_USED;
    if (queue == server->queue && queue != QUEUE_USED)
        return;
    server->queue = queue;
    watch->ears.accept_queue(watch->ears.context, &server->key,
                             (uint32_t)(used < UINT32_MAX ? used : UINT32_MAX),
                             (uint32_t)(limit < UINT32_MAX ? limit : UINT32_MAX));
}

static void tell_queues(struct stack_watch *watch, const struct stack_view *view)
{
    bool used = false;

    watch->loaded = false;
    for (uint32_t i = 0; i < view->count; i++) {
        const struct stack_listener *listener = &view->listeners[i];

        used = used || listener->used > 0;
        watch->loaded =
            watch->loaded || (listener->used > 1 && 4ull * listener->used >= listener->limit);
    }
    for (uint32_t i = 0; i < watch->count; i++)
        if (used || view->changed || watch->servers[i].queue != QUEUE_EMPTY)
            tell_queue(watch, view, &watch->servers[i]);
}

/* --- programs -------------------------------------------------------------------------------- */

static void want_programs(struct stack_watch *watch, const struct stack_view *view)
{
    for (uint32_t i = 0; i < view->count; i++) {
        struct stack_listener *listener = &view->listeners[i];

        if (listener->looked_for || listener->inode == 0)
            continue;
        if (!stack_programs_want(watch->programs, listener->inode))
            return;
        listener->looked_for = true;
    }
}

static void take_names(struct stack_watch *watch, const struct stack_view *view)
{
    for (uint32_t i = 0; i < view->count; i++) {
        struct stack_listener *listener = &view->listeners[i];
        const char *name =
            listener->inode != 0 ? stack_programs_name(watch->programs, listener->inode) : NULL;

        if (name)
            memcpy(listener->program, name, sizeof(listener->program));
    }
    watch->names_new = true;
}

/* Where nobody listens now, or the program is not found, the profile keeps the name that it has. */
static void name_profiles(struct stack_watch *watch, const struct stack_view *view,
                          struct store *store)
{
    for (size_t i = 0; i < store_count(store); i++) {
        struct profile *profile = store_at(store, i);
        uint32_t from = watch->by_port[profile->key.port];
        const struct stack_listener *listener =
            is_local(view, &profile->key.addr) ? covering(watch, view, &profile->key, &from) : NULL;

        if (!listener || listener->program[0] == '\0' ||
            strcmp(profile->program, listener->program) == 0)
            continue;
        profile_program(profile, listener->program);
        store_touch(store);
    }
    watch->names_new = false;
}

/* --- time ------------------------------------------------------------------------------------ */

static void see(struct stack_watch *watch, struct store *store)
{
    struct stack_view *view = stack_probe_view(watch->probe);
    const bool stored = store_revision(store) != watch->store_revision;

    if (view->changed || stored || !watch->chain)
        list_servers(watch, view, store);
    if (!watch->chain)
        return; /* out of memory */
    tell(watch);
    tell_queues(watch, view);
    want_programs(watch, view);
    if (view->changed || stored || watch->names_new)
        name_profiles(watch, view, store);
    watch->store_revision = store_revision(store);
}

static void set_lost(struct stack_watch *watch, const char *reason)
{
    const bool lost = reason;

    if (watch->lost != lost)
        watch->ears.lost(watch->ears.context, reason);
    watch->lost = lost;
}

static void look(struct stack_watch *watch, struct store *store, bool attacked, uint64_t now_us,
                 uint64_t began_us)
{
    struct error error = {0};
    uint64_t period_us;

    if (!watch->looking)
        stack_probe_begin(watch->probe);
    watch->looking = true;
    switch (stack_probe_turn(watch->probe, &error)) {
    case STACK_ROUND_GOES_ON:
        return;
    case STACK_ROUND_FAILED:
        watch->looking = false;
        watch->due_us = now_us + STACK_RETRY_US;
        set_lost(watch, error.text);
        return;
    case STACK_ROUND_DONE:
        break;
    }
    watch->looking = false;
    see(watch, store);
    set_lost(watch, NULL);
    period_us = attacked || watch->loaded ? STACK_LOADED_US : STACK_IDLE_US;
    watch->cost_us += clock_read_us(CLOCK_THREAD_CPUTIME_ID) - began_us;
    if (watch->cost_us * STACK_COST > period_us)
        period_us = watch->cost_us * STACK_COST;
    watch->due_us = now_us + (period_us < STACK_SLOWEST_US ? period_us : STACK_SLOWEST_US);
    watch->cost_us = 0;
}

void stack_watch_turn(struct stack_watch *watch, struct store *store, bool attacked,
                      uint64_t now_us)
{
    const uint64_t began_us = clock_read_us(CLOCK_THREAD_CPUTIME_ID);

    if (!watch || now_us < watch->due_us)
        return;
    if (!watch->looking && stack_programs_busy(watch->programs)) {
        if (stack_programs_turn(watch->programs))
            take_names(watch, stack_probe_view(watch->probe));
        return;
    }
    look(watch, store, attacked, now_us, began_us);
    if (watch->looking)
        watch->cost_us += clock_read_us(CLOCK_THREAD_CPUTIME_ID) - began_us;
}
