/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.h - what a client with a good cookie asks: checked, and its connection opened, refused,
 * or put together further (rule 2).
 */
#ifndef SYNWARD_ENGINE_STAGES_REQUEST_H
#define SYNWARD_ENGINE_STAGES_REQUEST_H

#include "engine/stages/proof.h"

/* What a client has said so far. */
struct client_said {
    const uint8_t *data;
    uint32_t bytes;
    uint32_t promised; /* of them, acknowledged to the client */
    uint32_t share;    /* of its source in the class long (slots.h); SHARE_NONE: it is none */
    bool fin;
    bool fits; /* the check of its server's requests has said yes: it teaches nothing new */
    enum protocol_id protocol; /* that its check has found; PROTOCOL_UNKNOWN: none, or not asked */
};

/* rule 2.5: opens without a request check, under limits for the server and for each source. */
void open_limited(struct engine *engine, struct passage *passage, struct server *server,
                  const struct proof *proof, struct flow *before, const struct client_said *said);

/* What the segment says, which begins at x+1. */
void request_admit(struct engine *engine, struct passage *passage, struct server *server,
                   struct proof proof, struct flow *before);
/* More has come of a request that is kept (kept.h). */
void request_goes_on(struct engine *engine, struct passage *passage, struct flow *flow);
/* One that waits (SLOT_WAITS) is judged once more, as if its client had repeated it. */
void request_again(struct engine *engine, struct flow *flow, uint64_t now_us);

/*
 * A request of a plain frame without a flow, proved by the cookie of its server's promise made now;
 * `read` as in struct proof, `hash` as engine_hash().
 */
void request_plain(struct engine *engine, uint8_t *buffer, uint32_t bytes, uint64_t hash,
                   uint32_t capacity, uint64_t now_us, struct verdict *verdict,
                   struct server *server, uint32_t read);

#endif
