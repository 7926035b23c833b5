/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prepared.h - what the engine writes down of a request that it holds, so that the kernel gives it
 * to the server as soon as that has answered the engine's SYN (bridge/bpf/complete.bpf.h).
 *
 *      engine   SYN --> server, with a record of RECORD_PREPARED and a place here
 *      kernel   SYN-ACK, just as it was promised to the client --> the frame that is ready here,
 *               back to the server; what was not known before it writes into the record, and opens
 *               its gate
 *      engine   is told of the SYN-ACK, reads in the record that it was answered, and joins
 *
 * Which of both answers is decided by the server's way of the record (flow_record.h): the engine
 * takes it back, or the kernel opens it, by compare-and-swap. The kernel has copied the frame
 * before, so that a place may be used again as soon as it is taken back.
 */
#ifndef SYNWARD_ENGINE_TCP_PREPARED_H
#define SYNWARD_ENGINE_TCP_PREPARED_H

#include <stdint.h>

#define PREPARED_PLACES      512u  /* by the number of the opening; a power of two */
#define PREPARED_FRAME_BYTES 2048u /* a power of two */
#define PREPARED_OPTIONS     40u

struct prepared {
    uint32_t serial;   /* of the record */
    uint32_t ack;      /* the SYN-ACK's: x+1 */
    uint32_t c;        /* our ISN towards the client */
    uint32_t tsval;    /* our TSval towards the client that stands for the SYN-ACK's */
    uint32_t bytes;    /* of the frame */
    uint16_t checksum; /* of TCP in it, in full, as it stands there */
    uint8_t l4;        /* offset of its TCP header */
    uint8_t flags;     /* the SYN-ACK's */
    uint8_t options_bytes;
    uint8_t timestamps_at; /* of TSval in the SYN-ACK's options; 0: there are none */
    uint8_t unused[6];
    /* The SYN-ACK's, and which bits of them are to be so. */
    uint64_t options[PREPARED_OPTIONS / 8], mask[PREPARED_OPTIONS / 8];
    /* ACK and request, with 0 for the numbers that the server has yet to say: ack, and TSecr in
     * aligned timestamps. */
    uint8_t frame[PREPARED_FRAME_BYTES];
};

_Static_assert(sizeof(struct prepared) == 112 + PREPARED_FRAME_BYTES, "no padding");

#endif
