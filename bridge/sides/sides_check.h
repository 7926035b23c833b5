/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sides_check.h - what a start would refuse of the interfaces and namespaces that sides name, in
 * its words, without touching any.
 *
 * Of what is made at the start, a TAP or a card, the name is looked at: whether a TAP that has it
 * is free shows there.
 */
#ifndef SYNWARD_BRIDGE_SIDES_SIDES_CHECK_H
#define SYNWARD_BRIDGE_SIDES_SIDES_CHECK_H

#include <stdbool.h>

#include "bridge/sides/side.h"
#include "bridge/text/mode_text.h"
#include "engine/tcp/frame.h"
#include "profiles/error.h"

struct sides_looking {
    bool running; /* that a synward has them is no fault */
    enum card_setting card;
    struct error unseen; /* why not all could be looked at; EXIT_DONE: it was */
};

/* As side_parse() and side_pair() have left it. */
bool sides_check(const struct side_spec *spec, enum side side, struct sides_looking *looking,
                 struct error *error);
/* Why no path can lead through the kernel, whatever it takes. */
#define SIDES_NOT_TOGETHER "both ports must be in one namespace"

#define SIDES_NO_PORTS "it leads between port: sides, and cards of netns: sides that are veth ends"
/* For who wants no other; `card`: what cards are made as. */
bool sides_check_path(const struct side_spec sides[2], enum card_setting card, struct error *error);
/* Whether there is a namespace of this name; empty, our own, is. */
bool sides_check_netns(const char *name, struct error *error);

#endif
