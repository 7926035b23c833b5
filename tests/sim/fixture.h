/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fixture.h - policies made by hand, and the worlds that most tests begin with.
 *
 * What profiles/compile makes of a learned profile is laid down here directly, from the very
 * settings with which the simulated server answers: so the promise is true unless a test wants it
 * false.
 */
#ifndef SYNWARD_TESTS_SIM_FIXTURE_H
#define SYNWARD_TESTS_SIM_FIXTURE_H

#include "engine/server/policy.h"
#include "tests/sim/app.h"
#include "tests/sim/host.h"
#include "tests/sim/middle.h"
#include "tests/sim/wire.h"

#define CLIENT_V4    "10.0.0.1"
#define SERVER_V4    "10.0.0.2"
#define CLIENT_V6    "fd00::1"
#define SERVER_V6    "fd00::2"
#define HTTP_PORT    80
#define POP3_PORT    110
#define BINARY_PORT  7000
#define COOKIE_PORT  3306 /* server first, opened after a good cookie */
#define POP3_PROMISE "+OK ready\r\n"

/* The model that a learner would have made of a server with these settings. */
void fixture_synack_model(const struct tcp_settings *settings, struct synack_model *model);

/* An armed server: a client-first one for `protocol` (PROTOCOL_UNKNOWN: the pattern AB CD 01 00).
 */
struct server_policy fixture_check(const char *addr, uint16_t port, enum protocol_id protocol,
                                   const struct tcp_settings *settings);
/* One that greets; POP3. */
struct server_policy fixture_greet(const char *addr, uint16_t port, const char *greeting,
                                   const struct tcp_settings *settings);
/* One that is opened at once. */
struct server_policy fixture_cookie(const char *addr, uint16_t port,
                                    const struct tcp_settings *settings);
/* A malloc'ed policy of them, in order. */
struct policy *fixture_policy(const struct server_policy *servers, uint32_t count);
/* HTTP, POP3, binary and cookie servers at SERVER_V4 and SERVER_V6, all with these settings (MSS by
 * family). */
struct policy *fixture_all(const struct tcp_settings *settings);

struct world {
    struct wire *wire;
    struct stage stage;
    struct host *client[2], *server[2]; /* IPv4, IPv6 */
};

/* With an engine in `setting`, or a bare wire (SETTING_INHERIT). */
void world_open(struct world *world, uint64_t seed, enum mode_setting setting,
                const struct tcp_settings *client, const struct tcp_settings *server);
/* The same with an engine (or NULL) of the caller's making, and another beginning of time. */
void world_open_at(struct world *world, uint64_t seed, struct middle *middle, uint64_t start_us,
                   const struct tcp_settings *client, const struct tcp_settings *server);
void world_close(struct world *world);
/* A session between the hosts of one family; the port says which application listens. */
struct session *world_session(struct world *world, bool ipv4, uint16_t client_port,
                              uint16_t server_port);
/* Runs until every session has ended or `limit_us` of virtual time are over; true: all ended. */
bool world_run(struct world *world, uint64_t limit_us);
/* Lets 130 minutes pass and fails the test unless the engine holds nothing any more. */
void world_expect_empty(struct world *world);
const struct counters *world_counters(struct world *world);

/* SIM_SEED or `otherwise`. */
uint64_t fixture_seed(uint64_t otherwise);

#endif
