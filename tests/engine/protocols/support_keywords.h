/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_keywords.h - what the tests ask of a protocol's keywords; each call on a copy of its own.
 */
#ifndef SYNWARD_TESTS_ENGINE_PROTOCOLS_SUPPORT_KEYWORDS_H
#define SYNWARD_TESTS_ENGINE_PROTOCOLS_SUPPORT_KEYWORDS_H

#include "tests/engine/protocols/support_samples.h"

/*
 * The request names exactly `names`, written "host=a.example" with a space between two ("sni=
 * alpn=h2 alpn=spdy"), and needs more up to its byte `decided`, which is the fewest bytes that
 * tell.
 */
void assert_keywords(enum protocol_id id, const void *request, size_t bytes, size_t decided,
                     const char *names);
/* It can never be read. */
void assert_no_keywords(enum protocol_id id, const void *request, size_t bytes);
enum acceptance keyword_answer(enum protocol_id id, const void *request, size_t request_bytes,
                               const void *answer, size_t answer_bytes);

#endif
