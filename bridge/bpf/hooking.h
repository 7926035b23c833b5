/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hooking.h - the program (hook.bpf.c) by which a server's own TCP makes connections of our
 * cookies, and the grants that engines write for it.
 *
 *      hooking_open()      loads it: nothing is attached
 *      hooking_attach()    at the ingress of an interface, in the namespace that the thread is in
 *      hooking_detach()    away from there; the qdisc stays
 */
#ifndef SYNWARD_BRIDGE_BPF_HOOKING_H
#define SYNWARD_BRIDGE_BPF_HOOKING_H

#include <stdbool.h>

#include "engine/tcp/grant.h"
#include "profiles/error.h"

struct hooking;

/* NULL: the kernel takes no such program, and `error` says why. */
struct hooking *hooking_open(struct error *error);
/* NULL is fine. What is attached stays so. */
void hooking_close(struct hooking *hooking);

/* GRANTS of them, zeroed; until hooking_close(). */
struct grant *hooking_grants(struct hooking *hooking);

int hooking_program(const struct hooking *hooking);

/* What a process that was killed has left there is replaced. False: the qdisc may be made
 * nevertheless. */
bool hooking_attach(struct hooking *hooking, int interface, struct error *error);
bool hooking_attached(int interface);
void hooking_detach(int interface);
/* There was no qdisc for it, and hooking_attach() has made one. */
bool hooking_made_qdisc(const struct hooking *hooking);

#endif
