/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proxy.h - the header that a load balancer puts in front of what its client says (HAProxy's
 * "PROXY protocol", versions 1 and 2). The request behind it is checked as the service's own.
 *
 * What the header says of addresses is the client's word, and nobody believes it here.
 */
#ifndef SYNWARD_ENGINE_PROTOCOLS_PROXY_H
#define SYNWARD_ENGINE_PROTOCOLS_PROXY_H

#include "engine/base/addr.h"
#include "engine/protocols/protocol.h"

/* Is this a header? `*header` is its length where it is there as a whole. */
enum match proxy_header(const uint8_t *request, size_t bytes, size_t *header);
/*
 * Is what stands behind a header a request of one of `accepted` (bits 1 << id; none: of any
 * protocol)? Nothing will do where one of them is greeted first: its client waits for that.
 */
enum match proxy_check_behind(uint64_t accepted, const uint8_t *behind, size_t bytes);
/* The client's address that a whole header names, whoever says so; false: it names none. */
bool proxy_client(const uint8_t *request, size_t bytes, struct ip_addr *client);
/* A whole header, and nothing behind it. */
bool proxy_is_alone(const uint8_t *request, size_t bytes);
/* What is asked for behind a header; PROTOCOL_UNKNOWN where that cannot be told. */
enum protocol_id proxy_behind(const uint8_t *request, size_t bytes);

#endif
