/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forms.h - the servers of fixture_all() with more to know of their requests and greetings, and
 * dialogues to match, at random:
 *
 *      HTTP_PORT     several protocols are taken, and of HTTP only what names one of two hosts
 *      BINARY_PORT   BitTorrent, plain and encrypted, and obfuscated eMule
 *      POP3_PORT     each connection is greeted otherwise: what is said for the server is a
 *                    template
 */
#ifndef SYNWARD_TESTS_SIM_FORMS_H
#define SYNWARD_TESTS_SIM_FORMS_H

#include "engine/server/policy.h"
#include "tests/sim/app.h"
#include "tests/sim/rng.h"

struct forms {
    char said[64]; /* in the name of the POP3 server */
    uint16_t prefix, suffix;
    bool any_length; /* of the real ones; else they are as long as `said` */
};

void forms_init(struct forms *forms, struct rng *rng, bool any_length);
/* What the policy says of a server that has its promises already. */
void forms_teach(const struct forms *forms, struct server_policy *server);
/* Fills a session without turns; `wrong`: with a request that the server does not take. Not for
 * COOKIE_PORT. */
void forms_dialogue(const struct forms *forms, struct session *session, uint32_t bytes, bool wrong,
                    struct rng *rng);

#endif
