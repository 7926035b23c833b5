/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.h - whether what an operator means to give `synward run` as its sides can be that, and
 * what the host would lose. Nothing is changed.
 */
#ifndef SYNWARD_BRIDGE_DOCTOR_ATTACH_H
#define SYNWARD_BRIDGE_DOCTOR_ATTACH_H

#include "bridge/doctor/findings.h"

/*
 * `texts` as `synward run` takes them, NULL where one is not given; they outlive `findings`.
 * `ssh_connection` is the environment's SSH_CONNECTION (client, its port, server, its port), or
 * NULL.
 */
void doctor_sides(struct findings *findings, const char *const texts[2],
                  const char *ssh_connection);

#endif
