/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeover_forms.c - see takeover_forms.h.
 *
 * A field whose width or meaning changes gets a number that none has had, and a new one is optional
 * if nothing is wrong without it: then versions on both sides of the change take over from each
 * other. tests/bridge/test_takeover_forms.c fails where a struct has what is not said here.
 */
#include "bridge/takeover_forms.h"

#define COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))
#define FORM(type, all, holes)                                                                     \
    {                                                                                              \
        .fields = (all), .count = COUNT(all), .row_bytes = sizeof(type), .hole_bytes = (holes)     \
    }

static const struct row_field flow_fields[] = {
    ROW_FIELD(1, struct handed_flow, key),
    ROW_FIELD(2, struct handed_flow, edited),
    ROW_FIELD(3, struct handed_flow, state),
    ROW_FIELD(4, struct handed_flow, flags),
    ROW_FIELD(5, struct handed_flow, to_client_shift),
    ROW_FIELD(6, struct handed_flow, to_server_shift),
    ROW_FIELD(7, struct handed_flow, offered),
    ROW_FIELD(8, struct handed_flow, generation),
    ROW_FIELD(9, struct handed_flow, timestamps),
    ROW_FIELD(10, struct handed_flow, words),
    ROW_FIELD(11, struct handed_flow, used),
    ROW_FIELD(12, struct handed_flow, born),
    ROW_FIELD(13, struct handed_flow, client_isn),
    ROW_FIELD(14, struct handed_flow, server_isn),
    ROW_FIELD(15, struct handed_flow, client_next),
    ROW_FIELD(16, struct handed_flow, server_next),
    ROW_FIELD(17, struct handed_flow, newest_tsval),
    ROW_FIELD(18, struct handed_flow, server_mss),
    ROW_FIELD(19, struct handed_flow, client_scale),
    ROW_FIELD_OPTIONAL(20, struct handed_flow, record),
};

static const struct row_field common_fields[] = {
    ROW_FIELD(1, struct takeover_common, secrets.keys.mac),
    ROW_FIELD(2, struct takeover_common, secrets.keys.tsval),
    ROW_FIELD(3, struct takeover_common, secrets.table_seed),
    ROW_FIELD(4, struct takeover_common, secrets.steer_seed),
    ROW_FIELD(5, struct takeover_common, generation),
    ROW_FIELD(6, struct takeover_common, shards),
    ROW_FIELD(7, struct takeover_common, places),
    ROW_FIELD_OPTIONAL(8, struct takeover_common, left.number),
    ROW_FIELD_OPTIONAL(9, struct takeover_common, left.each),
    ROW_FIELD_OPTIONAL(10, struct takeover_common, handed_on),
    ROW_FIELD_OPTIONAL(11, struct takeover_common, sides),
};

/* A promise: its fields have the numbers from `first` on. A member's name takes no parentheses.
 * NOLINTBEGIN(bugprone-macro-parentheses) */
#define PROMISE_FIELDS(first, member)                                                              \
    ROW_FIELD((first) + 0, struct takeover_promises_row, member.generation),                       \
        ROW_FIELD((first) + 1, struct takeover_promises_row, member.greeting_bytes),               \
        ROW_FIELD((first) + 2, struct takeover_promises_row, member.greeting_template),            \
        ROW_FIELD((first) + 3, struct takeover_promises_row, member.greeting_prefix),              \
        ROW_FIELD((first) + 4, struct takeover_promises_row, member.greeting_suffix),              \
        ROW_FIELD((first) + 5, struct takeover_promises_row, member.greeting),                     \
        ROW_FIELD((first) + 6, struct takeover_promises_row, member.synack.mss_state),             \
        ROW_FIELD((first) + 7, struct takeover_promises_row, member.synack.window_scale_state),    \
        ROW_FIELD((first) + 8, struct takeover_promises_row, member.synack.sack),                  \
        ROW_FIELD((first) + 9, struct takeover_promises_row, member.synack.timestamps),            \
        ROW_FIELD((first) + 10, struct takeover_promises_row, member.synack.ecn),                  \
        ROW_FIELD((first) + 11, struct takeover_promises_row, member.synack.mss),                  \
        ROW_FIELD((first) + 12, struct takeover_promises_row, member.synack.window_scale),         \
        ROW_FIELD((first) + 13, struct takeover_promises_row, member.synack.window),               \
        ROW_FIELD((first) + 14, struct takeover_promises_row, member.synack.ttl),                  \
        ROW_FIELD((first) + 15, struct takeover_promises_row, member.synack.df),                   \
        ROW_FIELD((first) + 16, struct takeover_promises_row, member.synack.ip_id),                \
        ROW_FIELD((first) + 17, struct takeover_promises_row, member.synack.variants_count),       \
        ROW_FIELD((first) + 18, struct takeover_promises_row, member.synack.variants)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct row_field promises_fields[] = {
    ROW_FIELD(1, struct takeover_promises_row, key),
    ROW_FIELD(2, struct takeover_promises_row, has_before),
    ROW_FIELD(3, struct takeover_promises_row, before_until_us),
    PROMISE_FIELDS(10, now),
    PROMISE_FIELDS(40, before),
};

static const struct row_field server_fields[] = {
    ROW_FIELD(1, struct takeover_server_row, shard),
    ROW_FIELD(2, struct takeover_server_row, server.key),
    ROW_FIELD(3, struct takeover_server_row, server.cause),
    ROW_FIELD(4, struct takeover_server_row, server.attacked),
    ROW_FIELD(5, struct takeover_server_row, server.cause_value),
    ROW_FIELD(6, struct takeover_server_row, server.held_peak),
    ROW_FIELD(7, struct takeover_server_row, server.opened),
    ROW_FIELD(8, struct takeover_server_row, server.answers_usual),
    ROW_FIELD(9, struct takeover_server_row, server.answers_seen),
    ROW_FIELD(10, struct takeover_server_row, server.usual_windows),
    ROW_FIELD(11, struct takeover_server_row, server.usual),
    ROW_FIELD(12, struct takeover_server_row, server.since_us),
    ROW_FIELD(13, struct takeover_server_row, server.attack_ended_us),
    ROW_FIELD(14, struct takeover_server_row, server.answered_us),
    ROW_FIELD(15, struct takeover_server_row, server.back_us),
    ROW_FIELD(16, struct takeover_server_row, server.peak_us),
};

static const struct row_field watch_fields[] = {
    ROW_FIELD(1, struct handed_watch, key),
    ROW_FIELD(2, struct handed_watch, watched.flow),
    ROW_FIELD(3, struct handed_watch, watched.serial),
    ROW_FIELD(4, struct handed_watch, watched.client_next),
    ROW_FIELD(5, struct handed_watch, watched.server_next),
    ROW_FIELD(6, struct handed_watch, watched.looked),
    ROW_FIELD(7, struct handed_watch, watched.since),
    ROW_FIELD(8, struct handed_watch, watched.body_end),
    ROW_FIELD(9, struct handed_watch, watched.number),
    ROW_FIELD(10, struct handed_watch, watched.opened),
    ROW_FIELD(11, struct handed_watch, watched.server),
    ROW_FIELD(12, struct handed_watch, watched.others),
    ROW_FIELD(13, struct handed_watch, watched.next),
    ROW_FIELD(14, struct handed_watch, watched.before),
    ROW_FIELD(15, struct handed_watch, watched.asks),
    ROW_FIELD(16, struct handed_watch, watched.awaits),
    ROW_FIELD(17, struct handed_watch, watched.had_body),
    ROW_FIELD(18, struct handed_watch, watched.heard),
    ROW_FIELD(19, struct handed_watch, watched.counted),
    ROW_FIELD(20, struct handed_watch, watched.moved),
    ROW_FIELD(21, struct handed_watch, watched.slow),
    ROW_FIELD(22, struct handed_watch, watched.vague),
    ROW_FIELD(23, struct handed_watch, watched.closed),
    ROW_FIELD(24, struct handed_watch, watched.lingers),
    ROW_FIELD(25, struct handed_watch, watched.trickles),
    ROW_FIELD(26, struct handed_watch, watched.client_ttl),
    ROW_FIELD(27, struct handed_watch, watched.to_server),
};

static const struct row_field tag_fields[] = {
    ROW_FIELD(1, struct takeover_tag_row, shard),
    ROW_FIELD(2, struct takeover_tag_row, which),
    ROW_FIELD(3, struct takeover_tag_row, tag.place),
    ROW_FIELD(4, struct takeover_tag_row, tag.tag),
};

static const struct row_field record_fields[] = {
    ROW_FIELD(1, struct flow_record, way),
    ROW_FIELD(2, struct flow_record, offsets),
    ROW_FIELD(3, struct flow_record, floors),
    ROW_FIELD(4, struct flow_record, used),
    ROW_FIELD(5, struct flow_record, begin),
    ROW_FIELD_OPTIONAL(6, struct flow_record, flow_label),
    ROW_FIELD_OPTIONAL(7, struct flow_record, server_mss),
    ROW_FIELD(8, struct flow_record, flags),
    ROW_FIELD_OPTIONAL(9, struct flow_record, empty),
    ROW_FIELD_OPTIONAL(10, struct flow_record, empty_tick),
    ROW_FIELD_OPTIONAL(11, struct flow_record, closed),
    ROW_FIELD(12, struct flow_record, own),
    ROW_FIELD(13, struct flow_record, ended),
    ROW_FIELD(14, struct flow_record, serial),
};

static const struct row_field waiting_fields[] = {
    ROW_FIELD(1, struct handed_waiting, key),
    ROW_FIELD(2, struct handed_waiting, seq),
    ROW_FIELD(3, struct handed_waiting, ack),
    ROW_FIELD(4, struct handed_waiting, tsecr),
    ROW_FIELD(5, struct handed_waiting, generation),
    ROW_FIELD(6, struct handed_waiting, sent_us),
    ROW_FIELD(7, struct handed_waiting, mss),
    ROW_FIELD(8, struct handed_waiting, ahead),
    ROW_FIELD(9, struct handed_waiting, window_scale),
    ROW_FIELD(10, struct handed_waiting, sack),
    ROW_FIELD(11, struct handed_waiting, ecn),
    ROW_FIELD(12, struct handed_waiting, greeting),
    ROW_FIELD(13, struct handed_waiting, said),
    ROW_FIELD(14, struct handed_waiting, timestamps),
    ROW_FIELD(15, struct handed_waiting, offered),
    ROW_FIELD(16, struct handed_waiting, link),
    ROW_FIELD_OPTIONAL(17, struct handed_waiting, proved),
};

/* Number 10 (when its client was heard) is used no more, and not given again: silence counts anew,
 * as nobody has heard it meanwhile. */
static const struct row_field piece_fields[] = {
    ROW_FIELD(1, struct handed_piece, key),         ROW_FIELD(2, struct handed_piece, x),
    ROW_FIELD(3, struct handed_piece, c),           ROW_FIELD(4, struct handed_piece, read),
    ROW_FIELD(5, struct handed_piece, generation),  ROW_FIELD(6, struct handed_piece, client_ack),
    ROW_FIELD(7, struct handed_piece, tsval),       ROW_FIELD(8, struct handed_piece, tsecr),
    ROW_FIELD(9, struct handed_piece, since_ms),    ROW_FIELD(11, struct handed_piece, promised),
    ROW_FIELD(12, struct handed_piece, offset),     ROW_FIELD(13, struct handed_piece, bytes),
    ROW_FIELD(14, struct handed_piece, timestamps), ROW_FIELD(15, struct handed_piece, greeted),
    ROW_FIELD(16, struct handed_piece, known),      ROW_FIELD(17, struct handed_piece, link),
    ROW_FIELD(18, struct handed_piece, data),       ROW_FIELD(19, struct handed_piece, whole),
};

const struct row_form takeover_forms[TAKEOVER_PARTS] = {
    [TAKEOVER_FLOWS] = FORM(struct handed_flow, flow_fields, 1),
    [TAKEOVER_COMMON] = FORM(struct takeover_common, common_fields, 0),
    [TAKEOVER_PROMISES] = FORM(struct takeover_promises_row, promises_fields, 10),
    [TAKEOVER_SERVERS] = FORM(struct takeover_server_row, server_fields, 8),
    [TAKEOVER_WATCHES] = FORM(struct handed_watch, watch_fields, 1),
    [TAKEOVER_TAGS] = FORM(struct takeover_tag_row, tag_fields, 0),
    [TAKEOVER_RECORDS] = FORM(struct flow_record, record_fields, 0),
    [TAKEOVER_WAITING] = FORM(struct handed_waiting, waiting_fields, 5),
    [TAKEOVER_PIECES] = FORM(struct handed_piece, piece_fields, 3),
};
