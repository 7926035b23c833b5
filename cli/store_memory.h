/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_memory.h - whether a store has room for what bridges share, by what it says of itself. */
#ifndef SYNWARD_CLI_STORE_MEMORY_H
#define SYNWARD_CLI_STORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_memory {
    uint64_t used, most; /* bytes; most 0: no limit */
    bool evicts;         /* at its limit it takes values away, and does not refuse new ones */
};

/* Of the reply to INFO memory, as long as it is. False: it does not say so. */
bool store_memory_read(const char *text, size_t bytes, struct store_memory *memory);
/* More than nine tenths are taken. */
bool store_memory_is_short(const struct store_memory *memory);

#endif
