/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_strangers.h - services that no protocol file knows, and what their clients say: formats
 * of real protocols, with contents that are others for every `n`.
 */
#ifndef SYNWARD_TESTS_PROFILES_SUPPORT_STRANGERS_H
#define SYNWARD_TESTS_PROFILES_SUPPORT_STRANGERS_H

#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX 9000

struct words {
    size_t count;
    uint8_t bytes[WORDS_MAX];
};

struct stranger {
    const char *name;
    const char *greeting; /* NULL: the client speaks first */
    unsigned dialects;
    void (*say)(unsigned dialect, uint32_t n, struct words *request, struct words *answer);
    const char *unchecked; /* why its clients are let in by cookie alone */
    /* The server's first words where they change; NULL: `greeting` it is, or it waits. */
    void (*greet)(uint32_t n, struct words *greeting);
    size_t first_write; /* bytes that clients send first, and the rest a moment later; 0: in one */
};

extern const struct stranger strangers[];
extern const size_t strangers_count;
/* Of forms that the others do not have (support_strangers_odd.c). */
extern const struct stranger odd_strangers[];
extern const size_t odd_strangers_count;

#endif
