/* SPDX-License-Identifier: GPL-2.0-or-later */
/* when_dead.c - see when_dead.h. */
#include "bridge/sides/when_dead.h"

#include <stdlib.h>

#include "bridge/base/log.h"

struct when_dead {
    enum when_dead_setting setting;
    bool begun; /* the first workers had not been alive yet: that is no time to be told of */
    struct bypassing *bypassing;
    struct error hindrance; /* EXIT_DONE: none */
};

static void load(struct when_dead *dead, const struct sides *sides)
{
    if (sides_both_ports(sides, &dead->hindrance))
        dead->bypassing = bypassing_open(
            dead->setting == WHEN_DEAD_OPEN ? BYPASS_OPEN : BYPASS_LIMITED, &dead->hindrance);
}

struct when_dead *when_dead_open(enum when_dead_setting setting, const struct sides *sides,
                                 struct error *error)
{
    struct when_dead *dead = calloc(1, sizeof(*dead));

    if (!dead) {
        error_set(error, EXIT_FAILED, "out of memory for what passes while no worker is alive");
        return NULL;
    }
    dead->setting = setting;
    if (setting != WHEN_DEAD_CLOSED)
        load(dead, sides);
    return dead;
}

void when_dead_begin(struct when_dead *dead, struct sides *sides)
{
    if (!dead->bypassing)
        return;
    if (sides_bypass(sides, dead->bypassing, &dead->hindrance)) {
        dead->begun = bypassing_pulse(dead->bypassing)->deaths > 0;
        if (!bypassing_own(dead->bypassing))
            log_line(LOG_LEVEL_INFO, "this kernel does not see us die (it takes type information, "
                                     "BTF): the keeper tells it, or TAPs that are gone");
        return;
    }
    bypassing_close(dead->bypassing);
    dead->bypassing = NULL;
}

void when_dead_close(struct when_dead *dead)
{
    if (!dead)
        return;
    bypassing_close(dead->bypassing);
    free(dead);
}

enum when_dead_setting when_dead_setting(const struct when_dead *dead)
{
    return dead->setting;
}

const char *when_dead_hindrance(const struct when_dead *dead)
{
    return dead->hindrance.code == EXIT_DONE ? NULL : dead->hindrance.text;
}

bool when_dead_goes_on(const struct when_dead *dead)
{
    return dead && dead->bypassing && dead->begun;
}

bool when_dead_hand_on(struct when_dead *dead, uint64_t now_us)
{
    struct bypass_pulse *pulse = dead->bypassing ? bypassing_pulse(dead->bypassing) : NULL;

    /* A port may be away. */
    if (!pulse || !pulse->to[0] || !pulse->to[1])
        return false;
    bypass_hand_on(pulse, now_us);
    return true;
}

void when_dead_use(const struct when_dead *dead, struct when_dead_use *use)
{
    const struct bypass_pulse *pulse = dead->bypassing ? bypassing_pulse(dead->bypassing) : NULL;

    *use = (struct when_dead_use){0};
    if (!pulse)
        return;
    use->times = __atomic_load_n(&pulse->deaths, __ATOMIC_RELAXED) - dead->begun;
    use->passed = __atomic_load_n(&pulse->passed, __ATOMIC_RELAXED);
    use->dropped = __atomic_load_n(&pulse->limited, __ATOMIC_RELAXED);
}

struct bypass_pulse *when_dead_pulse(struct when_dead *dead)
{
    return dead->bypassing ? bypassing_pulse(dead->bypassing) : NULL;
}

uint16_t *when_dead_joined(struct when_dead *dead, const uint64_t table_seed[2])
{
    return dead->bypassing ? bypassing_joined(dead->bypassing, table_seed) : NULL;
}

struct regulars *when_dead_regulars(struct when_dead *dead)
{
    return dead->bypassing ? bypassing_regulars(dead->bypassing) : NULL;
}

int when_dead_map(const struct when_dead *dead)
{
    return dead->bypassing ? bypassing_map(dead->bypassing) : -1;
}
