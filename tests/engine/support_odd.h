/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_odd.h - the odd forms of doc/frames.md, each put upon a plain frame.
 *
 * A form changes how a segment is wrapped, not what it says: its checksums are right afterwards,
 * and the view is read again.
 */
#ifndef SYNWARD_TESTS_ENGINE_SUPPORT_ODD_H
#define SYNWARD_TESTS_ENGINE_SUPPORT_ODD_H

#include "tests/engine/support_frames.h"

struct odd_form {
    const char *name;
    int family; /* 4 or 6; 0: both */
    void (*put)(struct test_frame *frame);
};

/* Those that hosts take, so that each must be read; and those that only some hosts or routers take,
 * or that are not put together here. Ended by a name of NULL. */
extern const struct odd_form odd_taken[], odd_unread[];

uint32_t odd_count(const struct odd_form *forms);

static inline bool odd_fits(const struct odd_form *form, bool v6)
{
    return form->family == 0 || form->family == (v6 ? 6 : 4);
}

/* Puts the form upon the frame, of which it must be fit for the IP version. */
void odd_put(const struct odd_form *form, struct test_frame *frame);

#endif
