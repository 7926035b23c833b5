/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeping.h - what the keeper (base/keeper.h) does for a bridge without privileges.
 *
 *      sides       an interface has changed: MTUs, a port that came back; everything as it was
 *                  before at the end
 *      listeners   netlink sockets of the servers' namespace; whose a socket is
 *      death       of the bridge: from then on frames pass by themselves (bpf/bypass.h), where the
 *              kernel has not seen it
 *      files       store, votes, state, flows; the control socket and the lock at the end; the
 *                  configuration file, to be read anew
 */
#ifndef SYNWARD_BRIDGE_KEEPING_H
#define SYNWARD_BRIDGE_KEEPING_H

#include "bridge/base/sandbox.h"
#include "bridge/bpf/bypass.h"
#include "bridge/control/place.h"
#include "bridge/listeners/watch.h"
#include "bridge/sides/hook.h"
#include "bridge/sides/mirroring.h"
#include "bridge/sides/rejoin.h"
#include "bridge/sides/sides.h"
#include "bridge/takeover.h"
#include "profiles/store/file_hands.h"
#include "profiles/store/store_claim.h"

struct keeping;

/* What is not there is NULL. All of it outlives the keeping. */
struct keeping_parts {
    struct sides *sides; /* open */
    struct stack_watch *stack;
    struct hook *hook;   /* whose card the keeper leaves in the end */
    struct store *store; /* which saves by the keeper's hands from here on */
    struct store_claim *claim;
    struct takeover *takeover; /* whose secrets the keeper forgets */
    const char *store_path, *control_path;
    const char *config_path;
    /* What goes by in the kernel while nobody is alive: the keeper says when that begins. */
    struct bypass_pulse *pulse;
};

/*
 * Forks the keeper, before there are threads; from here on sides and listeners are its business.
 * NULL: there is none, and `error` says why.
 */
struct keeping *keeping_start(const struct keeping_parts *parts, const struct sandbox *sandbox,
                              struct error *error);
/* NULL is fine, here and below: then we do it ourselves. The keeper ends. */
void keeping_stop(struct keeping *keeping);

/* Readable when it is gone; -1: there is none any more. */
int keeping_fd(const struct keeping *keeping);
/* True: it has gone since the last look. */
bool keeping_gone(struct keeping *keeping);
/* NULL: files are saved by ourselves. */
const struct file_hands *keeping_hands(const struct keeping *keeping);
/* config_open(): of the path that the keeper knows, or of `path`. */
int keeping_config(struct keeping *keeping, const char *path, struct error *error);
/* rejoin_look() of its sides, or of ours. */
void keeping_look(struct keeping *keeping, struct sides *sides, enum side side,
                  struct rejoin_news *news);
/* hook_look(), the same. */
void keeping_look_at_hook(struct keeping *keeping, struct hook *hook);
/* rejoin_anew(), the same. */
bool keeping_anew(struct keeping *keeping, struct sides *sides, struct rejoin_news news[2]);
/* mirroring_turn(), the same. */
void keeping_mirror(struct keeping *keeping, struct sides *sides, enum carrier_setting setting,
                    struct carrier_news news[2]);
/* The end: the socket's name goes; then all else is left as it was, of a start that has failed with
 * what it had made to stay; or nothing but the hook, where the wire goes on. Without a keeper who
 * closes these does it. */
void keeping_unplace(struct keeping *keeping, const struct place *place);
enum keeping_end { KEEPING_STARTED, KEEPING_FAILED, KEEPING_WIRE_STAYS };
void keeping_leave(struct keeping *keeping, enum keeping_end end);

#endif
