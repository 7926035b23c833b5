/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doubt.h - whether a server serves anybody, by what it makes of SYNs.
 *
 *      REFUSES   3 RSTs in answer to SYNs, and no SYN-ACK between them: nobody listens
 *      SILENT    2 connections that we open have had no answer for 3 s, and nobody else has
 *
 * A SYN-ACK ends both. New clients are then met as the server would meet them (stages/syn.c), but
 * for a few, by whom it may prove us wrong. Silence proves less than refusals: a server whose
 * accept queue is full is silent, too.
 *
 * What one network (IPv4 /24, IPv6 /48) has met says nothing to others: a filter of the server's
 * may refuse those whom it has banned. It counts for that network alone until a second one has met
 * the same.
 */
#ifndef SYNWARD_ENGINE_SERVER_DOUBT_H
#define SYNWARD_ENGINE_SERVER_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"

#define DOUBT_REFUSED_LEAST 3
#define DOUBT_UNHEARD_LEAST 2
#define DOUBT_UNHEARD_US    (3000ull * 1000)

enum doubt_kind { DOUBT_NONE, DOUBT_REFUSES, DOUBT_SILENT };

/* All zero: none. */
struct doubt {
    enum doubt_kind kind; /* what it made of all since its last SYN-ACK, or the last of them */
    uint32_t count;
    struct ip_addr prefix; /* of the first client */
    bool two_prefixes;
};

/* It has met `client` so. */
void doubt_add(struct doubt *doubt, enum doubt_kind kind, const struct ip_addr *client);
/* DOUBT_NONE where it is too early to say. */
enum doubt_kind doubt_of(const struct doubt *doubt);
/* The same for this client. */
enum doubt_kind doubt_for(const struct doubt *doubt, const struct ip_addr *client);

#endif
