/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor_cluster.h - what `synward doctor` looks at where there are to be several bridges. */
#ifndef SYNWARD_CLI_DOCTOR_CLUSTER_H
#define SYNWARD_CLI_DOCTOR_CLUSTER_H

#include "bridge/doctor/findings.h"

struct cluster_patient {
    const char *key_file;                       /* NULL: nothing is looked at */
    const char *redis, *name, *user, *password; /* NULL: not given */
};

void doctor_cluster(struct findings *findings, const struct cluster_patient *patient);

#endif
