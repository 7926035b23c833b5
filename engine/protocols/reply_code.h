/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reply_code.h - the three digits with which FTP, SMTP and their like answer. */
#ifndef SYNWARD_ENGINE_PROTOCOLS_REPLY_CODE_H
#define SYNWARD_ENGINE_PROTOCOLS_REPLY_CODE_H

#include "engine/protocols/match.h"

/*
 * Greetings and answers of FTP and SMTP: three digits, and lines "220-..." up to "220 ..." (RFC 959
 * 4.2, RFC 5321 4.2.1). 220 welcomes, 4xx and 5xx refuse, anything else is no greeting.
 */
enum greeting_verdict greeting_by_code(const uint8_t *data, size_t bytes, size_t *greeting_bytes);
/* 1xx, 2xx and 3xx accept. */
enum acceptance accepted_by_code(const uint8_t *data, size_t bytes);
/*
 * Does the greeting's line end in two words in angle brackets? DICT's does: its capabilities, and a
 * message id (RFC 2229 3.1).
 */
bool ends_in_message_id(const uint8_t *line, size_t bytes);

#endif
