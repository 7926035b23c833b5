/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syn.h - a client's SYN to a server in attack mode: answered with a SYN-ACK that is a cookie (rule
 * 1), passed, or refused.
 */
#ifndef SYNWARD_ENGINE_STAGES_SYN_H
#define SYNWARD_ENGINE_STAGES_SYN_H

#include "engine/stages/proof.h"

/* What our SYN-ACK grants of what a SYN with these options (as in struct tcp_options) offers, as
 * the cookie will carry it. */
static inline struct cookie_options synack_granted(uint16_t mss, uint8_t wscale, bool ipv4,
                                                   const struct synack_features *features)
{
    uint8_t scale = wscale > WSCALE_MAX ? WSCALE_MAX : wscale;
    uint16_t unsaid = ipv4 ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;

    return (struct cookie_options){
        .mss = mss ? mss : unsaid,
        .window_scale = features->window_scale == WSCALE_NONE ? WSCALE_NONE : scale,
        .sack = features->sack,
        .ecn = features->ecn,
    };
}

/*
 * Remembers the SYN-ACK of a service that greets: if the client's ACK is lost nobody else would
 * repeat anything (the server's part of RFC 9293 3.8.1). In a ring of its own: SYNs, which can be
 * spoofed, never displace a greeting.
 */
void synack_remember(struct engine *engine, const struct passage *passage,
                     const struct promise *promise, const struct cookie_options *client, uint32_t c,
                     uint8_t offered);

/*
 * Of a client whose handshake is proved, but for which there is no place or no word yet: it may
 * wait for its server and repeats nothing by itself, so its SYN-ACK comes again, and its ACK of
 * that. Not all SYN-ACKs are remembered: the kernel answers what is more than
 * ANSWERING_SPARE within ANSWERING_US. False: its source has its share of those already.
 */
bool synack_ask_again(struct engine *engine, const struct passage *passage,
                      const struct proof *proof);

/* A SYN-ACK in the server's name: what it says, and to whom. */
struct synack_said {
    const struct flow_key *key;
    const struct promise *promise;
    const struct synack_answer *answer;
    const struct cookie_options *client;
    uint32_t tsecr;
};

/* `segment->options` points at `options` then; the numbers are the caller's to fill in. */
void speak_synack(struct engine *engine, const struct synack_said *said, uint64_t now_us,
                  struct segment *segment, uint8_t options[TCP_OPTIONS_MAX]);

/* Judges a SYN without ACK whose checksum is good. */
void admit_syn(struct engine *engine, struct passage *passage, struct server *server);
/* The server has answered a SYN of this client's: its network is none that it leaves unanswered. */
void syn_heard(struct engine *engine, const struct server *server, const struct ip_addr *client,
               uint64_t now_us);

#endif
