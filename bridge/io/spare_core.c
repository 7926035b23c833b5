/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spare_core.c - see spare_core.h. */
#include "bridge/io/spare_core.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

bool spare_core_judge(struct spare_core *core, uint64_t idle_us, uint64_t own_us, uint64_t now_us,
                      uint32_t workers)
{
    const uint64_t passed_us = now_us - core->at_us;
    const bool fresh = core->at_us != 0 && passed_us <= SPARE_CORE_FRESH_US;

    if (!fresh)
        core->spare = false;
    else if (passed_us > 0 && idle_us >= core->idle_us && own_us >= core->own_us)
        core->spare = idle_us - core->idle_us + own_us - core->own_us >= passed_us * workers;
    core->at_us = now_us;
    core->idle_us = idle_us;
    core->own_us = own_us;
    return core->spare;
}

/* Of the first line: user, nice, system, idle, waiting for I/O; more follow. */
enum { TICKS_IDLE = 3, TICKS_WAITING = 4, TICKS_READ = 5 };

bool spare_core_parse(const char *text, uint32_t ticks_per_second, uint64_t *idle_us)
{
    uint64_t ticks[TICKS_READ];

    if (strncmp(text, "cpu ", 4) != 0)
        return false;
    text += 4;
    for (int i = 0; i < TICKS_READ; i++) {
        char *end;

        ticks[i] = strtoull(text, &end, 10);
        if (end == text)
            return false;
        text = end;
    }
    *idle_us = (ticks[TICKS_IDLE] + ticks[TICKS_WAITING]) * (1000000u / ticks_per_second);
    return true;
}

static bool read_idle(int fd, uint64_t *idle_us)
{
    char text[256];
    const long ticks_per_second = sysconf(_SC_CLK_TCK);
    const ssize_t bytes = pread(fd, text, sizeof(text) - 1, 0);

    if (bytes <= 0 || ticks_per_second <= 0)
        return false;
    text[bytes] = '\0';
    return spare_core_parse(text, (uint32_t)ticks_per_second, idle_us);
}

static uint64_t time_us(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_usec;
}

void spare_core_open(struct spare_core *core)
{
    *core = (struct spare_core){.fd = open("/proc/stat", O_RDONLY | O_CLOEXEC)};
}

void spare_core_close(struct spare_core *core)
{
    if (core->fd >= 0)
        close(core->fd);
    core->fd = -1;
}

bool spare_core_look(struct spare_core *core, uint64_t now_us, uint32_t workers)
{
    struct rusage usage;
    uint64_t idle_us;

    if (!read_idle(core->fd, &idle_us) || getrusage(RUSAGE_SELF, &usage) != 0) {
        *core = (struct spare_core){.fd = core->fd};
        return false;
    }
    return spare_core_judge(core, idle_us, time_us(usage.ru_utime) + time_us(usage.ru_stime),
                            now_us, workers);
}
