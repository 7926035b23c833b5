/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peaks.h - how many connections servers hold in calm, from the workers into their profiles, so
 * that a restart under attack knows it (rule 2.6).
 */
#ifndef SYNWARD_BRIDGE_PEAKS_H
#define SYNWARD_BRIDGE_PEAKS_H

#include "engine/engine.h"
#include "profiles/store/store.h"

/* What the workers say of their servers, all of them together. */
void peaks_learn(struct store *store, const struct server_info *servers, uint32_t count);

#endif
