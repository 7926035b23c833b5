/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counters.h - every counter and every reason for a drop, once. `stats --json` and metrics are made
 * from these lists, so that names cannot drift.
 *
 * X(group, name, text): a number in object `group` of `stats --json`. Those marked "now" in the
 * text are gauges. Y(name, text): a reason in object `drops`.
 */
#ifndef SYNWARD_ENGINE_BASE_COUNTERS_H
#define SYNWARD_ENGINE_BASE_COUNTERS_H

#include <stdint.h>

/* What the program in the kernel counts (bridge/bpf/carry.bpf.c). What goes up is carried by the
 * engine, as ever. */
#define SYNWARD_KERNEL_COUNTERS(X)                                                                 \
    X(kernel, carried, "segments of known connections carried in the kernel")                      \
    X(kernel, told, "segments to and from servers in normal mode passed on in the kernel")         \
    X(kernel, up_other, "frames that went up: no plain TCP over IP without tags")                  \
    X(kernel, up_unknown, "segments that went up: of no connection that the kernel carries")       \
    X(kernel, up_flags, "segments that went up: SYN, FIN, RST, or no ACK")                         \
    X(kernel, up_order, "segments that went up: others before them were still on their way")       \
    X(kernel, up_learning, "segments that went up: the learner wanted them")                       \
    X(kernel, up_numbers, "segments that went up: numbers not expected, or far from a floor")      \
    X(kernel, up_options, "segments that went up: options of a splice that are laid out oddly")    \
    X(kernel, up_size, "segments that went up: longer than the server takes")                      \
    X(kernel, up_empty, "segments that went up: a storm of empty ones")                            \
    X(kernel, lost, "segments dropped: no memory to change them, or no worker alive for them")     \
    X(kernel, answered, "SYNs answered in the kernel with a cookie")                               \
    X(kernel, up_syn_odd, "SYNs to be answered that went up: odd, or of a wrong checksum")         \
    X(kernel, up_syn_aside, "SYNs to be answered that went up: some of their prefix is aside")     \
    X(kernel, up_syn_late, "SYNs to be answered that went up: the answer was being renewed")       \
    X(kernel, up_syn_waiting, "SYNs to be answered that went up: to be asked again if need be")    \
    X(kernel, rejected, "segments without connection and good cookie dropped in the kernel")       \
    X(kernel, noted, "good cookies alone that the engine was told of, and that ended there")       \
    X(kernel, up_ack_good, "segments without connection that went up: a good cookie")              \
    X(kernel, up_ack_odd, "segments without connection that went up: data, FIN, or odd")           \
    X(kernel, up_ack_stray, "segments without connection that went up: some may pass unproved")    \
    X(kernel, completed, "requests given to servers in the kernel, in answer to their SYN-ACKs")   \
    X(kernel, up_synack, "SYN-ACKs in answer to ours that went up: not as promised, or late")

/* What comes of connections that a server's own TCP is to make of a cookie
 * (engine/stages/granting.h): by the reasons of GRANT_OUTCOMES() in engine/tcp/grant.h. */
#define SYNWARD_HOOK_COUNTERS(X)                                                                   \
    X(hook, granted, "connections that the server's own TCP was to make of a cookie")              \
    X(hook, taken, "of these, such as it made")                                                    \
    X(hook, no_place, "connections spliced: no place to write down what was promised")             \
    X(hook, unseen, "grants that came to nothing: its card's program saw no segment")              \
    X(hook, childless, "grants that came to nothing: given to its TCP, no answer within 1 s")      \
    X(hook, known, "grants that came to nothing: its TCP has the connection, and is silent")       \
    X(hook, old, "grants that came to nothing: an old connection of these ends is there")          \
    X(hook, queue_full, "grants that came to nothing: its accept queue is full")                   \
    X(hook, unlistened, "grants that came to nothing: nobody listens in its namespace")            \
    X(hook, mptcp, "grants that came to nothing: its listener speaks MPTCP")                       \
    X(hook, settings, "grants that came to nothing: its TCP's settings refuse what was promised")  \
    X(hook, memory, "grants that came to nothing: no memory, or the kernel refused")               \
    X(hook, reset, "grants that came to nothing: its TCP has SYN cookies off")

#define SYNWARD_COUNTERS(X)                                                                        \
    X(frames, client_in, "frames read from the client side")                                       \
    X(frames, client_out, "frames written to the client side")                                     \
    X(frames, server_in, "frames read from the server side")                                       \
    X(frames, server_out, "frames written to the server side")                                     \
    X(frames, tap_overflow, "frames that a TAP's queue had no room for")                           \
    X(frames, refused, "frames that a TAP would not take")                                         \
    X(frames, stale, "frames thrown away that waited for 0.9 s, or while no worker was alive")     \
    X(cookies, syn, "SYNs that came to servers in attack mode")                                    \
    X(cookies, sent, "SYN-ACKs sent with a cookie")                                                \
    X(cookies, accepted, "handshakes completed with a good cookie")                                \
    X(cookies, rejected, "segments whose cookie was wrong or expired")                             \
    X(greetings, sent, "greetings sent for a server")                                              \
    X(greetings, resent, "greetings sent again")                                                   \
    X(greetings, unequal, "real greetings that differed from the promised one")                    \
    X(requests, matched, "first requests that fit the profile")                                    \
    X(requests, mismatched, "first requests that did not")                                         \
    X(requests, need_more, "first segments too short to decide")                                   \
    X(flows, tracked, "connections followed without change now")                                   \
    X(requests, unfinished, "first requests that ended, or took too long, before they were whole") \
    X(requests, delayed, "whole first requests that waited for a place at their server")           \
    X(flows, kept, "connections whose request is not whole yet, now")                              \
    X(flows, pending, "connections being opened to a server now")                                  \
    X(flows, spliced, "connections spliced now")                                                   \
    X(flows, closing, "closed connections still remembered now")                                   \
    X(flows, opened, "connections opened to servers")                                              \
    X(flows, refused, "openings that the server refused or did not answer")                        \
    X(flows, expired, "connections forgotten after idling")                                        \
    X(flows, freed, "half-open connections reset at a server whose protection began")              \
    X(flows, ended, "slow connections ended, as their server held more than its mark")             \
    X(flows, evicted, "half-done or closing connections forgotten to make room")                   \
    X(sources, put_aside, "sources put aside for their wrong requests")                            \
    X(queries, asked, "DNS queries over UDP that came to servers in attack mode")                  \
    X(queries, truncated, "of these, told to ask again over TCP")                                  \
    X(queries, passed, "of these, passed on: their source had asked over TCP lately")              \
    X(queries, proved, "sources that have asked over TCP, of servers that are asked over UDP")     \
    X(learning, observations, "observations handed to the learner")                                \
    X(learning, observations_dropped, "observations lost because the learner was behind")          \
    X(learning, flows_passed_over, "connections that the learner was not told of, under load")     \
    X(kernel, unrecorded, "connections that the kernel had no room to remember")                   \
    X(kernel, unprepared, "openings left to us, as their server's SYN-ACKs were not as promised")  \
    SYNWARD_HOOK_COUNTERS(X)                                                                       \
    SYNWARD_KERNEL_COUNTERS(X)

#define SYNWARD_DROPS(Y)                                                                           \
    Y(bad_cookie, "no flow, and no good cookie")                                                   \
    Y(bad_checksum, "TCP checksum wrong where an answer was due")                                  \
    Y(bad_segment, "malformed, or flags or ends that make no sense, to a server in attack mode")   \
    Y(unreadable, "what may be TCP to a server in attack mode, and is not read")                   \
    Y(fragment, "fragment of a TCP packet, or first one of a query, to a server in attack mode")   \
    Y(query_odd, "datagram over UDP to a server in attack mode that TC=1 is no answer to")         \
    Y(query_limit, "DNS query whose source is told often enough to ask over TCP")                  \
    Y(mismatch, "request that does not fit")                                                       \
    Y(keyword, "request whose keyword the server was not seen to accept")                          \
    Y(aside, "SYN, request through a proxy, or DNS query, of a source that is put aside")          \
    Y(unknown_server, "SYN to a server in attack mode without an armed profile (--unknown drop)")  \
    Y(unlistened, "SYN to a server in attack mode on whose port nobody listens")                   \
    Y(silent, "SYN to a server in attack mode that answers nobody")                                \
    Y(unfinished, "request that ended before it was whole")                                        \
    Y(slots_full, "beginning of a request that found no room")                                     \
    Y(open_limit, "opening over the limit of the server or the source")                            \
    Y(held_limit, "opening while its server, or its source there, holds all that it may")          \
    Y(minor_limit, "request that nothing here describes, over the limit of the server or source")  \
    Y(decipher_limit, "request to be deciphered, over the limit of the server or the source")      \
    Y(no_room, "table or pool full")                                                               \
    Y(hold_full, "data beyond what is held while opening")                                         \
    Y(swallowed, "server's handshake or greeting segments that we answered ourselves")             \
    Y(answered, "client segments that needed no answer, or got ours")                              \
    Y(stray, "segments of a closed or refused connection")                                         \
    Y(ack_storm, "empty segments thrown back and forth by both ends of a connection")              \
    Y(outbox_full, "own segments that found no room")

enum drop_reason {
#define SYNWARD_DROP_ENUM(name, text) DROP_##name,
    SYNWARD_DROPS(SYNWARD_DROP_ENUM)
#undef SYNWARD_DROP_ENUM
        DROP_REASONS_COUNT
};

/* One writer (the worker). Readers take a copy through the mailbox. */
struct counters {
#define SYNWARD_COUNTER_FIELD(group, name, text) uint64_t group##_##name;
    SYNWARD_COUNTERS(SYNWARD_COUNTER_FIELD)
#undef SYNWARD_COUNTER_FIELD
    uint64_t drops[DROP_REASONS_COUNT];
};

/* Adds `from` to `sum`, number by number (gauges too: shards hold disjoint flows). */
void counters_add(struct counters *sum, const struct counters *from);

/* Walks the list above in its order. For a drop the group is "drops". */
typedef void counters_visitor(void *context, const char *group, const char *name, const char *text,
                              uint64_t value);
void counters_visit(const struct counters *counters, counters_visitor *visitor, void *context);

#endif
