/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer.h - the handlers behind the table of answers.c, one file for each of what they are about.
 *
 * A handler acts through daemon.h and returns the document, or NULL with `error` filled. One whose
 * document may have many thousands of entries writes its text instead: as a tree of objects it
 * would take twenty times the memory.
 */
#ifndef SYNWARD_BRIDGE_CONTROL_ANSWER_H
#define SYNWARD_BRIDGE_CONTROL_ANSWER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "bridge/control/question.h"
#include "profiles/error.h"

struct daemon;

typedef struct json_object *answer_handler(struct daemon *daemon, struct json_object *request,
                                           struct error *error);
typedef bool answer_writer(struct daemon *daemon, FILE *out, struct error *error);

answer_handler answer_status, answer_mode; /* servers */
answer_handler answer_server_stats, answer_sample;
/* The next line of a sample, after those of the question. */
struct json_object *answer_sample_after(struct daemon *daemon, struct json_object *request,
                                        const struct control_question *question,
                                        struct error *error);
/* How often an answer_sample() is wanted; 0: the request says it wrongly. */
#define SAMPLE_DEFAULT_MS   1000
#define SAMPLE_LEAST_MS     100
#define SAMPLE_MOST_MS      60000
#define SAMPLE_AT_ONCE_MOST 100000
uint32_t sample_every_ms(struct json_object *request);
answer_handler answer_profiles, answer_forget, answer_set;
answer_handler answer_sources, answer_rehearse;
#define SOURCE_FOR_MAX_S 31536000 /* a year */
answer_handler answer_stats, answer_reload, answer_cluster;
answer_handler answer_list;
answer_writer write_flows;

#endif
