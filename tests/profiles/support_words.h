/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_words.h - requests and answers of strangers, put together piece by piece. */
#ifndef SYNWARD_TESTS_PROFILES_SUPPORT_WORDS_H
#define SYNWARD_TESTS_PROFILES_SUPPORT_WORDS_H

#include "tests/profiles/support_strangers.h"

void put(struct words *words, const void *bytes, size_t count);
__attribute__((format(printf, 2, 3))) void text(struct words *words, const char *format, ...);
/* Numbers of 1 to 4 bytes. */
void big(struct words *words, uint32_t value, unsigned width);
void little(struct words *words, uint32_t value, unsigned width);
/* What clients choose: others for each n, and for each salt. */
uint32_t chosen(uint32_t n, uint32_t salt);
void noise(struct words *words, uint32_t n, size_t count);
/* A name of 3 to 14 letters, good for the next eight calls. */
const char *name(uint32_t n, uint32_t salt);

#endif
