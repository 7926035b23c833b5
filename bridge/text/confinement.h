/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confinement.h - what became of the sandbox, for operators.
 */
#ifndef SYNWARD_BRIDGE_TEXT_CONFINEMENT_H
#define SYNWARD_BRIDGE_TEXT_CONFINEMENT_H

#include <stdbool.h>

#include "bridge/text/mode_text.h"

struct confinement {
    enum sandbox_setting setting;
    bool keeper;       /* it lives */
    struct error lack; /* EXIT_DONE: all of it is in force */
};

#endif
