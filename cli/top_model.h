/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_model.h - what `synward top` knows of the servers: rates out of two answers of `status`, and
 * the SYNs of the last minute.
 */
#ifndef SYNWARD_CLI_TOP_MODEL_H
#define SYNWARD_CLI_TOP_MODEL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/output.h"

#define TOP_HISTORY 60 /* answers */
#define TOP_WORD    64
#define TOP_AT_ONCE 60 /* servers that a screen shows: the others are heard of by turns */

/* All texts are ASCII that a terminal may be given. */
struct top_server {
    char name[OUTPUT_SERVER_BYTES]; /* with VLAN */
    char key[OUTPUT_SERVER_BYTES];  /* as the daemon takes it */
    char mode[TOP_WORD], setting[TOP_WORD], since[TOP_WORD];
    char cause[TOP_WORD], dead[TOP_WORD]; /* dead: is the cause, too */
    uint64_t syns, admitted, refused;     /* ever */
    uint64_t unproved;                    /* SYNs answered with a cookie that has not come back */
    uint64_t unasked; /* handshakes completed by who has asked for nothing, or for nothing whole */
    double syn_rate, admit_rate, refuse_rate;
    int64_t half_open, limit, spliced, usual;   /* limit, usual -1: none */
    uint64_t p50_us, p99_us;                    /* of admissions since the answer before; 0: none */
    float history[TOP_HISTORY];                 /* SYNs a second, the newest last */
    struct json_object *figures, *told_figures; /* told: those of the answer that named it last */
    uint64_t told, told_mode; /* the number of the answer that named it, or said its mode, last */
    double heard_s;           /* the time of the answer since which it is as known here */
};

enum top_order { TOP_BY_ACTIVITY, TOP_BY_REFUSED, TOP_BY_HALF_OPEN, TOP_BY_NAME, TOP_ORDERS };

struct top_model {
    struct top_server *servers;
    size_t *order; /* indices, as they are to be shown */
    size_t count, attacked;
    uint64_t answers; /* so far */
    double time_s;    /* of the last one */
    char mode[TOP_WORD], version[TOP_WORD], uptime[OUTPUT_DURATION_BYTES];
    bool learning;
};

/*
 * An answer of `status`, or a line of `sample`, that came at this time of a clock that only goes
 * on. A line that is not whole leaves out who has not changed, as nothing came to those, and what
 * has not changed of the others; and those whose turn it is not, of which nothing is known anew.
 */
void top_take(struct top_model *model, struct json_object *status, double now_s);
void top_sort(struct top_model *model, enum top_order order);
const char *top_order_name(enum top_order order);
void top_free(struct top_model *model);

#endif
