/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admission.h - how long admissions took, out of the histogram of a server's figures. */
#ifndef SYNWARD_CLI_ADMISSION_H
#define SYNWARD_CLI_ADMISSION_H

#include <json-c/json.h>
#include <stdint.h>

/* So many per cent of the admissions took less than this, in microseconds: a power of two.
 * `before` (may be NULL): counts that are not to be counted any more. 0: there were none. */
uint64_t admission_percentile(struct json_object *admission, struct json_object *before,
                              unsigned percent);

#endif
