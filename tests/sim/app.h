/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * app.h - applications as dialogues: who says what, in turns, until one side closes.
 *
 * A session is one connection that a client wants. Both ends know the whole dialogue beforehand, so
 * that every byte received is compared with the byte that had to come at that offset, exactly once,
 * in order. A side says its turn as soon as it has heard the turns of the other side before it. How
 * a client may differ from that: it talks before the greeting, it says nothing, it speaks another
 * protocol, it vanishes; a server may greet otherwise than the client expects (the promise was
 * older).
 *
 * The session judges after each step (session_check()): nothing acknowledged that the peer has not
 * got; nothing received that was not sent; a request reaches one server connection only.
 */
#ifndef SYNWARD_TESTS_SIM_APP_H
#define SYNWARD_TESTS_SIM_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/host.h"

#define TURNS_MAX            32
#define SESSION_GREETING_MAX 64

struct turn {
    enum side from;
    uint32_t end;   /* in the stream of `from`, after this turn */
    uint32_t heard; /* bytes of the other side before it */
};

enum session_close { CLOSE_BY_CLIENT, CLOSE_BY_SERVER, CLOSE_BOTH, CLOSE_CLIENT_RESETS };

/* How a dialogue is said; zero is the plain way. */
struct session_manner {
    enum session_close close;
    bool early_talk; /* the client says its first turn at once, greeting or no greeting */
    uint32_t pieces; /* the client writes its first turn in pieces of so many bytes */
    uint32_t pieces_gap_us;
    uint32_t
        cut_bytes; /* the client closes its side after so many bytes of its first turn; 0: not */
    uint32_t greeting_cut; /* the server writes so many bytes of its first turn, then waits */
    uint32_t greeting_gap_us;
    bool half_close; /* the client closes its side right behind its last turn */
    bool silent;     /* the client never says anything, and leaves after silent_us */
    uint64_t silent_us;
    uint64_t vanish_us;         /* the client's host goes dead so long after connecting; 0: never */
    uint32_t slow_reader_bytes; /* the client stops reading here */
    uint32_t slow_server_bytes; /* the server does */
    uint64_t slow_us;           /* for so long; 0: 3 s */
    uint32_t think_us;          /* before each of the client's turns but the first */
    uint64_t first_think_us;    /* before the first */
    uint64_t client_abort_us,
        server_abort_us; /* RST so long after connecting, accepting; 0: never */
};

/* What the judge of line.h has seen of a connection: the newest numbers from each side, and to each
 * side. */
struct line {
    struct line_end {
        bool has_ts, has_ack;
        uint32_t ts, ack;
        uint16_t mss; /* from: announced by its SYN, the largest; 0: it was not seen */
    } from[2], to[2];
};

struct session {
    struct wire *wire;
    struct host *client_host, *server_host;
    uint16_t client_port, server_port;
    struct session_manner manner;
    struct stream said[2];  /* what a side says */
    struct stream promised; /* server's stream as the client expects it; empty: the same */
    uint32_t promise_bytes, greeting_bytes; /* g and g' */
    struct turn turns[TURNS_MAX];
    uint32_t turns_count;
    struct conn *client, *server; /* server: the last one accepted */
    uint32_t servers_seen;        /* connections that the server accepted */
    uint32_t servers_heard;       /* of them, those that heard a byte of the client */
    uint32_t whole_bytes;         /* of the client's, before which no server is opened; 0: any */
    uint32_t
        promised_to_client; /* bytes that the engine has acknowledged itself, the most so far */
    uint32_t next_turn[2];
    uint32_t checked[2];     /* bytes received and compared */
    uint32_t expected_bytes; /* of the server's stream, as the client expects it */
    bool server_heard, slowed[2];
    bool excused; /* something happened to it that may end it early, on a bare wire too: it must
                     end, no more */
    bool wrong;   /* its request fits no server */
    const char *other_greeting; /* what the client may hear instead where its server changes it;
                                   NULL: nothing */
    bool any_greeting;          /* ... and may be joined to it all the same: it is a template's */
    struct line line;           /* what passed over the wire */
    uint64_t began_us, heard_us[2], wait_us[2];
    struct session *next;
};

/* The wire's sessions: wire->context points at one of these. */
struct stage {
    struct session *sessions;
    uint32_t count;
    const char *greetings[2]; /* of servers that change theirs; equally long */
    const char *greeting;     /* one of them, said from now on; NULL: the session's own */
    bool lenient; /* the line judge does not ask whose numbers a segment has: somebody sends
                     nonsense */
    bool lies;    /* clients say what was acknowledged to them again, with other bytes (parts.h) */
    bool attack;  /* protected from first to last, and by checks: nothing without a request
                     (inside.h) */
    uint64_t steps_seen; /* inside.h */
    struct {             /* line.h: the segment that the middle has just been given */
        const struct session *session;
        enum side from;
        uint32_t ts_behind, ack_behind; /* how far it lies behind the newest of its side */
        uint32_t tsecr;
        bool has_ts;
    } entered;
    bool doubted; /* some server was seen to serve nobody: SYNs passed, to find out */
};

/* A session without turns from a port of `client` to a port of `server`; owned by the stage. */
struct session *session_new(struct stage *stage, struct wire *wire, struct host *client,
                            uint16_t client_port, struct host *server, uint16_t server_port);
void stage_free(struct stage *stage);

void session_say(struct session *session, enum side from, const void *data, uint32_t bytes);
void session_say_text(struct session *session, enum side from, const char *text);
/* The last turn goes on with `bytes` pseudo-random bytes (printable ones for `text`). */
void session_say_more(struct session *session, uint64_t seed, uint32_t bytes, bool text);

/* GET with an answer of so many bytes, `requests` times over one connection. */
void session_http_get(struct session *session, uint32_t requests, uint32_t answer_bytes,
                      uint64_t seed);
void session_http_post(struct session *session, uint32_t body_bytes, uint64_t seed);
/* Greeting, USER, PASS, RETR with a mail of so many bytes, QUIT. */
void session_pop3(struct session *session, const char *greeting, uint32_t mail_bytes,
                  uint64_t seed);
/* A binary protocol that no file knows: requests begin AB CD 01 00. */
void session_binary(struct session *session, uint32_t answer_bytes, uint64_t seed);
/* A BitTorrent handshake, to whatever listens. */
void session_wrong(struct session *session);

/* The server's greeting (first turn) as the client expects it, where it differs from the real one.
 */
void session_expect_greeting(struct session *session, const char *promised);

/* The server's application for every port: finds the session by the client's address and port. */
extern const struct app session_server_app;
/* True where `byte` may stand at offset `at` of what this side hears. */
bool session_byte_fits(const struct session *session, enum side side, uint32_t at, uint8_t byte);
/* What this side is to hear. */
const struct stream *session_expected_by(const struct session *session, enum side side);
/* Connects at `at_us`. */
void session_start(struct session *session, uint64_t at_us);
/* All said and heard, on both sides, and both connections ended. */
bool session_done(const struct session *session);
/* Both connections have ended, however. */
bool session_ended(const struct session *session);
/* Fails the test where a rule is broken. */
void session_check(struct session *session);
void stage_check(struct wire *wire);

#endif
