/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - what synward needs of the machine, tried by the code that will need it, in a network
 * namespace that is made for it and is gone afterwards. Nothing of the machine is changed.
 */
#ifndef SYNWARD_BRIDGE_DOCTOR_MACHINE_H
#define SYNWARD_BRIDGE_DOCTOR_MACHINE_H

#include "bridge/doctor/findings.h"

/* The calling thread is in another network namespace for some milliseconds. */
void doctor_machine(struct findings *findings);

#endif
