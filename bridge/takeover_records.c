/* SPDX-License-Identifier: GPL-2.0-or-later */
/* takeover_records.c - see takeover_records.h. */
#include "bridge/takeover_records.h"

struct takeover_records takeover_records_open(struct carrying_left left,
                                              const struct row_reading *reading, uint32_t row_bytes)
{
    return (struct takeover_records){.rows = carrying_rows_left(left, row_bytes),
                                     .reading = *reading};
}

void takeover_records_close(struct takeover_records *records)
{
    carrying_rows_close(&records->rows);
}

/* Both sides have said that they end, or one has broken it off. */
static bool has_ended(const struct handed_flow *row)
{
    const uint8_t both = FLOW_CLIENT_FIN | FLOW_SERVER_FIN;

    return (row->flags & both) == both || (row->flags & FLOW_RESET);
}

/* By its offsets it is the same connection. */
static bool is_of(const struct flow_record *record, const struct handed_flow *row)
{
    const bool edits = record->flags & RECORD_EDIT;

    if (!record->added || !record_serial(record->way[SIDE_CLIENT]) || edits != (row->edited != 0))
        return false;
    return !edits || (record->delta == row->words[0] && record->ts_delta == row->words[1]);
}

static void go_on_from(const struct flow_record *record, struct handed_flow *row)
{
    static const uint8_t fins[2] = {FLOW_CLIENT_FIN, FLOW_SERVER_FIN};

    if (!is_of(record, row))
        return;
    row->client_next = record_newest(record_next(record->way[SIDE_CLIENT]), row->client_next);
    row->server_next = record_newest(record_next(record->way[SIDE_SERVER]), row->server_next);
    if (row->edited)
        row->words[2] = record->ack_floor; /* see carried_recall() */
    row->used = record_later(row->used, record->used);
    for (int side = 0; side < 2; side++) {
        if (record->ended[side] == RECORD_FIN)
            row->flags |= fins[side];
        else if (record->ended[side] == RECORD_RST)
            row->flags |= FLOW_RESET;
    }
    if (row->state == FLOW_SPLICED && has_ended(row))
        row->state = FLOW_CLOSING;
}

/* An opening whose server the kernel has answered (engine/stages/preparing.h), of which the engine
 * had not heard yet. */
static void join_by(const struct flow_record *record, struct handed_flow *row)
{
    const uint64_t way = record->way[SIDE_SERVER];

    if (!record->added || !(record->flags & RECORD_PREPARED) ||
        record->begin[SIDE_CLIENT] != row->client_isn + 1 || record_serial(way) != record->serial ||
        way == record_awaited(record->serial))
        return;
    row->state = FLOW_SPLICED;
    row->flags |= (uint8_t)(FLOW_EDIT | (record->flags & RECORD_NO_ECN ? FLOW_NO_ECN : 0));
    row->offered = FLOW_OFFER_UNKNOWN;
    row->words[0] = record->delta;
    row->words[1] = record->ts_delta;
    row->words[2] = record->ack_floor;
    row->words[3] = record->tsecr_floor;
    row->server_isn = record->begin[SIDE_SERVER] - 1 - record->delta;
    row->server_next = row->server_isn + 1;
}

void takeover_records_look(const struct takeover_records *records, uint64_t place,
                           struct handed_flow *row)
{
    struct flow_record record;

    if (!records->rows.bytes || place >= records->rows.count)
        return;
    row_read(&records->reading, records->rows.bytes + place * records->rows.row_bytes, &record);
    if (row->state == FLOW_OPENING)
        join_by(&record, row);
    go_on_from(&record, row);
}
