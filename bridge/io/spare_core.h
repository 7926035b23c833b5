/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spare_core.h - does the machine have a core that nobody else wants? Workers that look for frames
 * before they sleep (busy_poll.h) are told.
 *
 *      spare  =  what all cores idled + what this process has used itself  >=  one core for each
 *                worker
 *
 * A worker that looks all the time uses a core of its own; what the others use then fits into the
 * rest, or it does not. So the answer is the same whether it is looking now or not.
 *
 * The kernel counts idle time for the whole machine (/proc/stat): where the process may use some
 * cores only, those are not told apart, and looking ends as it does whenever somebody else runs
 * meanwhile (ring.c).
 */
#ifndef SYNWARD_BRIDGE_IO_SPARE_CORE_H
#define SYNWARD_BRIDGE_IO_SPARE_CORE_H

#include <stdbool.h>
#include <stdint.h>

/* Between two looks; idle time is counted in hundredths of a second. */
#define SPARE_CORE_EVERY_US (200ull * 1000)
/* A look that lies longer back tells nothing of now. */
#define SPARE_CORE_FRESH_US (2000ull * 1000)

/* All zero but for the file: nothing known, no core. */
struct spare_core {
    int fd;         /* of the kernel's count; -1: none */
    uint64_t at_us; /* 0: never looked */
    uint64_t idle_us, own_us;
    bool spare;
};

/*
 * The answer for the time since the last call: no where that was too long ago to compare with, and
 * as it was where a count went backwards (cores may come and go). `idle_us` of all cores and
 * `own_us` of this process count from any fixed start.
 */
bool spare_core_judge(struct spare_core *core, uint64_t idle_us, uint64_t own_us, uint64_t now_us,
                      uint32_t workers);

/*
 * Reads the first line of /proc/stat, in ticks of 1 / `ticks_per_second`. Waiting for I/O is
 * idling, and is what the kernel calls it when a worker sleeps. False: that is not what stands
 * there.
 */
bool spare_core_parse(const char *text, uint32_t ticks_per_second, uint64_t *idle_us);

/* The kernel's count is opened once, for who may open no file later. */
void spare_core_open(struct spare_core *core);
void spare_core_close(struct spare_core *core);
/* Asks the kernel. Where it does not tell there is no spare core. */
bool spare_core_look(struct spare_core *core, uint64_t now_us, uint32_t workers);

#endif
