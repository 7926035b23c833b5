/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * speak.c - see speak.h.
 */
#include "engine/stages/speak.h"

uint16_t promised_window(const struct promise *promise, const struct cookie_options *client)
{
    if (client->window_scale == WSCALE_NONE ||
        promise->synack.window_scale_state != CAPABILITY_GRANTED)
        return promise->synack.window;
    return segment_window(promise->synack.window, (int8_t)-promise->synack.window_scale);
}

void address_to_client(const struct flow_key *key, struct segment *segment)
{
    segment->src = key->server;
    segment->dst = key->client;
    segment->src_port = key->server_port;
    segment->dst_port = key->client_port;
}

void address_to_server(const struct flow_key *key, struct segment *segment)
{
    segment->src = key->client;
    segment->dst = key->server;
    segment->src_port = key->client_port;
    segment->dst_port = key->server_port;
}

void speak_established(const struct engine *engine, const struct passage *passage,
                       const struct proof *proof, struct segment *segment, uint8_t options[12])
{
    const struct cookie_options client = proof_client(passage, proof);

    speak_for(engine, proof->promise, &passage->key, segment);
    segment->flags = TCP_ACK;
    segment->seq = passage->frame.ack;
    segment->ack = passage->frame.seq + frame_seq_bytes(&passage->frame);
    segment->window = promised_window(proof->promise, &client);
    if (proof->timestamps) {
        const uint32_t own = cookie_tsval(&engine->config.keys, &passage->key, &client,
                                          cookie_time(engine, passage->now_us));
        const uint32_t tsval = tsval_shared(engine, own, passage->options.tsecr);

        segment->options = options;
        segment->options_bytes = segment_timestamps(options, tsval, passage->options.tsval);
    }
}
