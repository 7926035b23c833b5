/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeover_records.h - how far the kernel has carried a connection since its row was written, by
 * the record of who is gone (engine/tcp/flow_record.h).
 */
#ifndef SYNWARD_BRIDGE_TAKEOVER_RECORDS_H
#define SYNWARD_BRIDGE_TAKEOVER_RECORDS_H

#include "bridge/bpf/carrying.h"
#include "bridge/takeover_forms.h"

/* They stay as long as his programs do. */
struct takeover_records {
    struct carrying_rows rows; /* rows.bytes NULL: there are none, or they cannot be read */
    struct row_reading reading;
};

/* `reading` of his version's records, of so many bytes. */
struct takeover_records takeover_records_open(struct carrying_left left,
                                              const struct row_reading *reading,
                                              uint32_t row_bytes);
void takeover_records_close(struct takeover_records *records);
/* By its place in the map; nothing where there is no such place. An opening whose server the kernel
 * has answered is joined then. */
void takeover_records_look(const struct takeover_records *records, uint64_t place,
                           struct handed_flow *row);

#endif
