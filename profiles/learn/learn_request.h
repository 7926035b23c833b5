/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learn_request.h - what a followed connection tells of the client's request: whether the server
 * accepted it, and what it named.
 */
#ifndef SYNWARD_PROFILES_LEARN_LEARN_REQUEST_H
#define SYNWARD_PROFILES_LEARN_LEARN_REQUEST_H

#include "profiles/learn/followed.h"

/*
 * The request is what the client had said when it was first answered; a known protocol may look at
 * all that is there. What came of it stands in flow->request.
 */
void learn_request(struct followed *flow, struct profile *profile, bool ended);
/* The connection ended without an answer that counts. */
void learn_request_unanswered(struct followed *flow, struct profile *profile);
/*
 * What the request names counts when the server has accepted that, which may be later than the
 * request itself.
 */
void learn_request_keywords(struct followed *flow, struct profile *profile, bool ended);

#endif
