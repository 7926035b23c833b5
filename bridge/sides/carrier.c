/* SPDX-License-Identifier: GPL-2.0-or-later */
/* carrier.c - see carrier.h. */
#include "bridge/sides/carrier.h"

void carrier_init(struct carrier *carrier, uint64_t now_us)
{
    *carrier = (struct carrier){0};
    for (int side = 0; side < 2; side++) {
        carrier->patience_us[side] = CARRIER_PATIENCE_US;
        carrier->patient_until_us[side] = now_us + CARRIER_PATIENCE_US;
    }
}

/* What has a carrier can lose it; when both have, all is well. */
static void note_carriers(struct carrier *carrier, const struct carrier_seen seen[2])
{
    for (int side = 0; side < 2; side++) {
        if (carrier->held[side] || !seen[side].carrier)
            continue;
        carrier->waived[side] = false;
        carrier->patient_until_us[side] = 0;
        if (!carrier->held[!side] && seen[!side].carrier)
            carrier->patience_us[side] = CARRIER_PATIENCE_US;
    }
}

static void let_go(struct carrier *carrier, int side, uint64_t now_us)
{
    carrier->held[side] = false;
    carrier->patient_until_us[side] = now_us + carrier->patience_us[side];
    if (carrier->patience_us[side] < CARRIER_PATIENCE_MOST_US)
        carrier->patience_us[side] *= 2;
}

static bool is_lost(const struct carrier *carrier, const struct carrier_seen seen[2], int side,
                    uint64_t now_us)
{
    return !carrier->held[side] && !seen[side].carrier && now_us >= carrier->patient_until_us[side];
}

/* Somebody has brought up what was held: theirs is the last word, until the next loss. */
static void give_way(struct carrier *carrier, const struct carrier_seen seen[2])
{
    for (int side = 0; side < 2; side++) {
        if (!carrier->held[side] || seen[side].stands)
            continue;
        carrier->held[side] = false;
        carrier->waived[!side] = true;
    }
}

enum carrier_deed carrier_turn(struct carrier *carrier, const struct carrier_seen seen[2],
                               uint64_t now_us, enum side *side)
{
    give_way(carrier, seen);
    note_carriers(carrier, seen);
    for (int i = 0; i < 2; i++) {
        *side = (enum side)i;
        if (carrier->held[i] && seen[!i].carrier) {
            let_go(carrier, i, now_us);
            return CARRIER_LET_GO;
        }
    }
    for (int i = 0; i < 2; i++) {
        *side = (enum side)i;
        if (!carrier->held[i] && seen[i].carrier && is_lost(carrier, seen, !i, now_us) &&
            !carrier->waived[!i]) {
            carrier->held[i] = true;
            return CARRIER_HOLD;
        }
    }
    return CARRIER_NOTHING;
}

void carrier_not_held(struct carrier *carrier, enum side side)
{
    carrier->held[side] = false;
    carrier->waived[!side] = true;
}

void carrier_not_let_go(struct carrier *carrier, enum side side)
{
    carrier->held[side] = true;
}

bool carrier_stop(struct carrier *carrier, enum side *side)
{
    for (int i = 0; i < 2; i++) {
        if (!carrier->held[i])
            continue;
        carrier->held[i] = false;
        *side = (enum side)i;
        return true;
    }
    return false;
}

enum carrier_state carrier_state(const struct carrier *carrier, const struct carrier_seen seen[2],
                                 enum side side, uint64_t now_us)
{
    if (carrier->held[side])
        return CARRIER_HELD;
    if (seen[side].carrier)
        return CARRIER_THERE;
    return is_lost(carrier, seen, (int)side, now_us) ? CARRIER_LOST : CARRIER_AWAITED;
}

const char *carrier_state_name(enum carrier_state state)
{
    static const char *const names[] = {[CARRIER_THERE] = "there",
                                        [CARRIER_AWAITED] = "awaited",
                                        [CARRIER_LOST] = "lost",
                                        [CARRIER_HELD] = "held"};

    return names[state];
}
