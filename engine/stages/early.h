/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * early.h - a client of a server that greets for itself may be about to speak without having been
 * greeted (rule 2.5).
 *
 * Nobody can greet for a server whose greeting is another one each time, so it is opened by the
 * cookie alone. Whoever does not wait for the greeting shows its request all the same, a moment
 * after its ACK. So the ACK is kept for a grace, as long as clients that speak at once take in
 * calm, 20 ms at least, 50 at most:
 *
 *      ACK ---- grace ----> nothing came: the server is opened, and greets
 *          -- request       it is checked as if it had come with the ACK (request.h)
 *
 * A client that waits for the greeting loses the grace, once. Whoever knows of it waits as long and
 * gets around it: then a wrong request costs him that time, and counts under the limits of
 * rule 2.5.
 *
 * What is kept is an entry in the ring of greetings; where there is none, or it was overwritten,
 * the server is opened at once, or when the SYN-ACK has been repeated.
 */
#ifndef SYNWARD_ENGINE_STAGES_EARLY_H
#define SYNWARD_ENGINE_STAGES_EARLY_H

#include "engine/stages/proof.h"
#include "engine/tables/resend.h"

/* True where the bare ACK waits for what may follow it; the verdict is given. */
bool early_waits(struct engine *engine, struct passage *passage, const struct server *server,
                 const struct proof *proof);
/* Nothing has followed: the server is opened. `entry` is gone afterwards. */
void early_is_over(struct engine *engine, const struct resend_entry *entry, struct server *server,
                   uint64_t now_us);

#endif
