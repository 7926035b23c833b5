/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * encrypted.h - was this connection, whose request no protocol file knows, BitTorrent's encrypted
 * handshake (MSE)?
 *
 * One side's flight is what it says before it has heard more of the other. With MSE they go
 *
 *      client  96 to 608 bytes              56 bytes or more             ...
 *      server                96 to 608                      14 or more
 *
 * and the first two look random. Others do too: that is a *likeness* only. It is a proof where the
 * peers agree on plain text behind the encrypted handshake, as many do: the server's handshake of
 * BitTorrent then stands there in clear.
 *
 * What likenesses are worth is for the profile to say (profile.c): one, where the server takes
 * plain BitTorrent as well; many, where all requests are such and their padding varies as that of
 * MSE does.
 */
#ifndef SYNWARD_PROFILES_MODEL_ENCRYPTED_H
#define SYNWARD_PROFILES_MODEL_ENCRYPTED_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/shard/observation.h"
#include "profiles/model/stream.h"

/* Where each side's first flight ends. All zero: nobody spoke. */
struct flights {
    uint32_t client_first, server_first;
};

enum encrypted {
    ENCRYPTED_NOT,
    ENCRYPTED_MORE,       /* may still turn out to be */
    ENCRYPTED_UNANSWERED, /* ended where the server closes on those who ask for what it does not
                             have */
    ENCRYPTED_LIKE,
    ENCRYPTED_PROVED,
};

void flights_note(struct flights *flights, const struct observed_data *data);
/* The client was answered. `ended`: nothing more will come; the answer is then never MORE. */
enum encrypted encrypted_judge(const struct flights *flights, const struct stream *client,
                               const struct stream *server, bool ended);

#endif
