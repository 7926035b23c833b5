/* SPDX-License-Identifier: GPL-2.0-or-later */
/* findings.c - see findings.h. */
#include "bridge/doctor/findings.h"

#include <stdarg.h>
#include <stdio.h>

void findings_add(struct findings *findings, enum finding_level level, const char *check,
                  const char *format, ...)
{
    struct finding *finding;
    va_list arguments;

    if (findings->count == FINDINGS_MAX)
        return;
    finding = &findings->all[findings->count++];
    *finding = (struct finding){.level = level, .check = check, .subject = findings->subject};
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    va_end(arguments);
}

void findings_remedy(struct findings *findings, const char *format, ...)
{
    struct finding *last = &findings->all[findings->count - 1];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(last->remedy, sizeof(last->remedy), format, arguments);
    va_end(arguments);
}

size_t findings_of(const struct findings *findings, enum finding_level level)
{
    size_t count = 0;

    for (size_t i = 0; i < findings->count; i++)
        count += findings->all[i].level == level;
    return count;
}

const char *finding_level_name(enum finding_level level)
{
    static const char *const names[] = {
        [FINDING_OK] = "ok", [FINDING_NOTE] = "note", [FINDING_WRONG] = "wrong"};

    return names[level];
}
