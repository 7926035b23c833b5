/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * findings.h - what `synward doctor` has found: one finding for each check, good ones too, in the
 * order in which they were made.
 */
#ifndef SYNWARD_BRIDGE_DOCTOR_FINDINGS_H
#define SYNWARD_BRIDGE_DOCTOR_FINDINGS_H

#include <stddef.h>

enum finding_level {
    FINDING_OK,
    FINDING_NOTE,  /* synward runs all the same, less well or not as one would think */
    FINDING_WRONG, /* it would not start, or would do harm */
};

#define FINDING_TEXT_BYTES   512
#define FINDING_REMEDY_BYTES 320

struct finding {
    enum finding_level level;
    const char *check;   /* a word for scripts, static */
    const char *subject; /* the side, as it was given; NULL: the machine */
    char text[FINDING_TEXT_BYTES];
    char remedy[FINDING_REMEDY_BYTES]; /* a command, or what to do; empty: nothing is to be done */
};

#define FINDINGS_MAX 64 /* all checks of a machine and two sides are fewer */

struct findings {
    struct finding all[FINDINGS_MAX];
    size_t count;
    const char *subject; /* of what is found from here on */
};

/* Adds a finding without a remedy, which findings_remedy() gives to the last one. */
__attribute__((format(printf, 4, 5))) void findings_add(struct findings *findings,
                                                        enum finding_level level, const char *check,
                                                        const char *format, ...);
__attribute__((format(printf, 2, 3))) void findings_remedy(struct findings *findings,
                                                           const char *format, ...);
size_t findings_of(const struct findings *findings, enum finding_level level);
/* "ok", "note", "wrong". */
const char *finding_level_name(enum finding_level level);

#endif
