/* SPDX-License-Identifier: GPL-2.0-or-later */
/* challenge.c - a SYN on a connection that is there. See challenge.h. */
#include "engine/stages/challenge.h"

#include "engine/stages/speak.h"

/* RFC 5961 4.2 */
bool challenge_syn(struct engine *engine, struct passage *passage, const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct server *server = server_of(&engine->servers, &passage->key);
    const struct promise *promise;
    struct segment segment;

    if (passage->from != SIDE_CLIENT || (passage->frame.flags & (TCP_SYN | TCP_ACK)) != TCP_SYN ||
        !server || !server_protected(server))
        return false;
    if ((passage->frame.flags & (TCP_FIN | TCP_RST)) || !frame_checksum_good(&passage->frame)) {
        passage_drop(engine, passage, DROP_bad_segment);
        return true;
    }
    promise = server_promise_now(engine, server, passage->frame.ip_version == 4);
    speak_for(engine, promise, &passage->key, &segment);
    segment.flags = TCP_ACK;
    segment.seq = cold->server_next + (flow->flags & FLOW_EDIT ? flow->delta : 0) - 1;
    segment.ack = cold->client_next;
    segment.window = promise->synack.window;
    passage_answer(engine, passage, &segment);
    return true;
}
