/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carrier.h - when one side tells its far end that the other side has no carrier, as a cable does.
 * Pure: what is seen goes in, one deed comes out; mirroring.h does it.
 *
 *      no carrier at A, carrier at B    B is held down
 *      carrier at A again               B is let go
 *      carrier at neither               nothing: no far end believes in a link
 *
 * At most one side is held. It shows nothing of its far end meanwhile, and is not looked at; the
 * other one, whose loss it shows, is never touched, so that nothing that we do can keep it down.
 *
 * A side that was let go has a carrier only when its far end has agreed (a network card: some
 * seconds). Until then its silence is no loss, or two such sides would take each other down in turn
 * for ever. How long that takes nobody can tell, so that this patience doubles each time, until
 * both have a carrier: two sides whose link takes up to CARRIER_PATIENCE_MOST_US come up.
 */
#ifndef SYNWARD_BRIDGE_SIDES_CARRIER_H
#define SYNWARD_BRIDGE_SIDES_CARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/tcp/frame.h"

#define CARRIER_PATIENCE_US      (4ull * 1000 * 1000)
#define CARRIER_PATIENCE_MOST_US (64ull * 1000 * 1000)

enum carrier_state {
    CARRIER_THERE,
    CARRIER_AWAITED, /* none yet, and that is no loss yet */
    CARRIER_LOST,
    CARRIER_HELD, /* held down: the other side has none */
};

/* What is told of a side. */
#define CARRIER_UNTOLD_BYTES 200
struct carrier_news {
    enum carrier_state state;
    char untold[CARRIER_UNTOLD_BYTES]; /* why its far end would not be told; empty: it would */
};

struct carrier {
    bool held[2];   /* by enum side; one at most */
    bool waived[2]; /* its loss is not mirrored before it has had a carrier */
    uint64_t patience_us[2], patient_until_us[2];
};

struct carrier_seen {
    bool carrier; /* of a side that is not held */
    bool stands;  /* of one that is held: nobody else has brought it up */
};

enum carrier_deed { CARRIER_NOTHING, CARRIER_HOLD, CARRIER_LET_GO };

/* Both sides were brought up just now. */
void carrier_init(struct carrier *carrier, uint64_t now_us);
/* What is to be done, to `*side`: it counts as done. One deed a look, of what was seen before it.
 */
enum carrier_deed carrier_turn(struct carrier *carrier, const struct carrier_seen seen[2],
                               uint64_t now_us, enum side *side);
/* `side` could not be held. */
void carrier_not_held(struct carrier *carrier, enum side side);
/* `side` could not be let go: it stays held, and the next turn tries again. */
void carrier_not_let_go(struct carrier *carrier, enum side side);
/* Nothing is mirrored any more: true where `*side` is to be let go. */
bool carrier_stop(struct carrier *carrier, enum side *side);
enum carrier_state carrier_state(const struct carrier *carrier, const struct carrier_seen seen[2],
                                 enum side side, uint64_t now_us);

/* The word of `status`: there, awaited, lost, held. */
const char *carrier_state_name(enum carrier_state state);

#endif
