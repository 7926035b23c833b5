/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hidden.h - forms of a protocol whose first bytes look random. They have no place in the registry:
 * a request tells them only to somebody who knows something of the server.
 *
 *      form              what must be known           what a request shows
 *                                                     wrong by chance
 *      MSE               that the server takes it     96 to 608 bytes that look random          any
 *                                                     random bytes
 *      obfuscated eMule  the server's user hash       deciphered, a fixed number of 32 bits     1
 *                                                     in 2^32
 *
 * So the first keeps out only those who speak anything else, and the second costs a cipher for each
 * try: whoever asks limits how often (stages/request_check.h).
 *
 * Limits: the obfuscation between eMule clients and eD2k servers (a Diffie-Hellman number of 96
 * bytes behind one byte) shows nothing that could be checked, and is too short to be told from
 * other random bytes by its length: it stays unknown.
 */
#ifndef SYNWARD_ENGINE_PROTOCOLS_HIDDEN_H
#define SYNWARD_ENGINE_PROTOCOLS_HIDDEN_H

#include "engine/protocols/protocol.h"

enum hidden_form { HIDDEN_NONE, HIDDEN_BITTORRENT = 1, HIDDEN_EDONKEY = 2 }; /* bits of a set */

#define HIDDEN_FORMS 4 /* sets are below this */

/* Of the form that is alone in the set; PROTOCOL_UNKNOWN for none. */
enum protocol_id hidden_protocol(enum hidden_form form);
/* Those of a set, as bits 1 << id. */
uint64_t hidden_protocols(uint8_t forms);
/* "encrypted" (BitTorrent's) or "obfuscated" (eDonkey's): as its users call it. */
const char *hidden_form_name(enum hidden_form form);

/*
 * True where each of the eight bits of a byte is set about as often as not: by random bytes it is
 * missed once in 500,000 times. Text, numbers in fixed fields and zeros fail. At least 32 bytes;
 * beyond 2,048 they are not looked at.
 */
bool looks_random(const uint8_t *data, size_t bytes);

#define MSE_KEY_BYTES     96  /* of a Diffie-Hellman number of 768 bits */
#define MSE_PADDING_BYTES 512 /* at most, behind it */

/*
 * May this be the first flight of a client of MSE: its number, which is none that would give the
 * secret away, looks random and no other protocol begins so? Decided with 96 bytes.
 */
enum match mse_check(const uint8_t *request, size_t bytes);
/* The same of a request that is known to be of no protocol but, perhaps, one of these (bits 1 <<
 * id): no protocol is asked twice. */
enum match mse_check_rest(uint64_t protocols, const uint8_t *request, size_t bytes);

#define EDONKEY_HASH_BYTES          16
#define EDONKEY_HIDDEN_BYTES        9 /* of an obfuscated request decide */
#define EDONKEY_HIDDEN_ANSWER_BYTES 4 /* of its answer */

/*
 * What can be said without a cipher: YES where it must be deciphered (9 bytes, the first of which
 * is no plain message's, and no other protocol begins so: wrong clients of the common kinds cost
 * none, and 1 in 10,000 right ones tries again).
 */
enum match edonkey_hidden_begins(const uint8_t *request, size_t bytes);
/*
 * The beginning of an obfuscated handshake with the peer of this user hash? As
 * edonkey_hidden_begins(), and then deciphered. Costs an MD5 and 1,028 bytes of RC4, some 22,000
 * instructions.
 */
enum match edonkey_hidden_check(const uint8_t user_hash[EDONKEY_HASH_BYTES], const uint8_t *request,
                                size_t bytes);
/* Did the peer of this user hash answer that request, of 9 bytes at least, in kind? */
enum acceptance edonkey_hidden_accepts(const uint8_t user_hash[EDONKEY_HASH_BYTES],
                                       const uint8_t *request, const uint8_t *answer,
                                       size_t answer_bytes);
/* The user hash that a peer states in its plain answer; NULL where it does not, or not yet. */
const uint8_t *edonkey_user_hash(const uint8_t *answer, size_t bytes);

#endif
