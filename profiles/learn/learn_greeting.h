/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learn_greeting.h - what a followed connection tells of the server's greeting.
 *
 * A server may be slower than its client: its greeting then acknowledges the client's data, as an
 * answer would. What is a greeting of a known protocol, or begins as this server's greetings do, is
 * a late greeting and no answer: wrong clients must not teach us anything.
 */
#ifndef SYNWARD_PROFILES_LEARN_LEARN_GREETING_H
#define SYNWARD_PROFILES_LEARN_LEARN_GREETING_H

#include "profiles/learn/followed.h"

/*
 * Unprompted data is a greeting where a protocol says so, or where the client's data was answered
 * afterwards. MORE where it is not decided yet.
 */
enum match learn_greeting(struct followed *flow, struct profile *profile, bool ended);
/*
 * A client spoke so early that the server's greeting already acknowledges it: the greeting is no
 * answer, and says nothing about who speaks first. It is learned where the request speaks the same
 * protocol; otherwise it may be an answer that only looks like one ("+OK"). Where either may begin
 * (SSH), the client did, which decides as long as no connection tells more. MORE where it is not
 * whole.
 */
enum match learn_late_greeting(struct followed *flow, struct profile *profile);

/* Bytes of the greeting that the client of a connection which we reset would have heard. */
size_t learn_greeting_heard(const struct followed *flow);

#endif
