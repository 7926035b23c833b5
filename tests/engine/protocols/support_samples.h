/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_samples.h - what the tests of the protocols do with bytes, first of all with the samples:
 * each call works on a copy of its own, so that a sanitizer sees what reads beyond.
 */
#ifndef SYNWARD_TESTS_ENGINE_PROTOCOLS_SUPPORT_SAMPLES_H
#define SYNWARD_TESTS_ENGINE_PROTOCOLS_SUPPORT_SAMPLES_H

#include "engine/protocols/samples.h"

/* The bytes of a literal that may hold zeros. */
#define BYTES(text)  (text), sizeof(text) - 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum match check_bytes(enum protocol_id id, const void *bytes, size_t count);
enum acceptance answer_bytes(enum protocol_id id, const void *request, size_t request_bytes,
                             const void *bytes, size_t count);
enum greeting_verdict greet_bytes(enum protocol_id id, const void *bytes, size_t count,
                                  size_t *greeting_bytes);

/* Each sample of the protocol: more is needed up to the byte that decides, and with any more bytes
 * it is a yes. */
void assert_samples(enum protocol_id id);
/*
 * Each sample of the protocol is whole with its last byte and no sooner: fed byte by byte, by one
 * that asks each time anew, by one that goes on where it was, and by one that asks no sooner than
 * it was told.
 */
void assert_wholes(enum protocol_id id);
/* A request is whole with `whole` of its bytes and no sooner. */
void assert_whole(enum protocol_id id, const void *request, size_t bytes, size_t whole);
/* None of these texts is a request of the protocol. */
void assert_none(enum protocol_id id, const char *const texts[], size_t count);
/*
 * The sample `name`, with its byte `at` changed to `value`, is refused at that byte and not before;
 * later bytes change nothing.
 */
void assert_wrong_at(const char *name, size_t at, uint8_t value);
/* Each byte of the sample from `from` to below `to` must be what it is. */
void assert_fixed(const char *name, size_t from, size_t to);
/* The verdict on a whole answer, and more until the byte that decides. */
void assert_answer(enum protocol_id id, const void *request, size_t request_bytes,
                   const void *bytes, size_t count, size_t decided, enum acceptance verdict);
/* The verdict on a whole greeting of `greeting_bytes`, with more behind it too, and more before its
 * end. */
void assert_greeting(enum protocol_id id, const void *bytes, size_t count,
                     enum greeting_verdict verdict);

#endif
