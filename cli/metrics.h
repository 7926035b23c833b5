/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.h - what the daemon answers, as metrics for Prometheus and its like.
 *
 * The text is of the exposition format 0.0.4, which readers of OpenMetrics take, too: a family is
 * typed by the name of its samples, and `# EOF` ends the text. Names come from the documents, and
 * so from the lists behind `stats`; no client is ever a label.
 */
#ifndef SYNWARD_CLI_METRICS_H
#define SYNWARD_CLI_METRICS_H

#include <json-c/json.h>
#include <stdio.h>

/* So many servers have figures of their own; of the others only how many there are is told. */
#define METRICS_SERVERS_MAX 1000

/* Both documents are lent, and may lack anything. */
void metrics_write(FILE *out, struct json_object *status, struct json_object *stats);

#endif
