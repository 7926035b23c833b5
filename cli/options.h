/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h - options and words of a command line, told apart.
 *
 * Options begin with "--" and stand anywhere after the command; a value follows as the next word or
 * after "=". "--" alone ends them. Given twice, the last counts. -o is --output. Which of them a
 * command takes is said in the table of commands.c.
 */
#ifndef SYNWARD_CLI_OPTIONS_H
#define SYNWARD_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profiles/error.h"

/* X(id, name, name of the value or NULL, hidden, help) */
#define CLI_OPTIONS(X)                                                                             \
    X(CLIENT, "client", "SIDE", false, "where the clients are")                                    \
    X(SERVER, "server", "SIDE", false, "where the servers are")                                    \
    X(INLINE, "inline", "IFNAME[@NETNS]", false,                                                   \
      "protect the servers behind this interface, which stays where it is")                        \
    X(SERVER_STACK, "server-stack", "NETNS", false,                                                \
      "namespace of this machine in which the servers listen")                                     \
    X(STORE, "store", "FILE", false, "file of the profiles (/var/lib/synward/profiles.json)")      \
    X(CONTROL, "control", "SOCKET", false,                                                         \
      "control socket of the daemon (/run/synward/control.sock)")                                  \
    X(MODE, "mode", "auto|normal|attack", false, "mode to start in (auto)")                        \
    X(LEARN, "learn", "on|off", false, "learn profiles (on)")                                      \
    X(UNKNOWN, "unknown", "cookie|pass|drop", false,                                               \
      "clients of attacked servers without an armed profile (cookie)")                             \
    X(WORKERS, "workers", "N", false, "threads that carry frames (1)")                             \
    X(FLOWS, "flows", "N", false, "connections remembered at once (262144)")                       \
    X(BUSY_POLL, "busy-poll", "off|auto|US", false,                                                \
      "look for frames so long before sleeping (auto)")                                            \
    X(WHEN_DEAD, "when-dead", "open|limited|closed", false,                                        \
      "what passes between two ports while no worker is alive (limited)")                          \
    X(CARRIER, "carrier", "mirror|keep", false,                                                    \
      "where one side has no carrier the other one shows none (mirror)")                           \
    X(CARD, "card", "auto|veth|tap", false, "what the card of a netns: side is made as (auto)")    \
    X(KERNEL_PATH, "kernel-path", "auto|on|off", false,                                            \
      "let the kernel carry known connections between two ports (auto)")                           \
    X(HOOK, "hook", "auto|on|off", false,                                                          \
      "let the servers' own TCP make proved connections (auto)")                                   \
    X(SANDBOX, "sandbox", "auto|on|off", false,                                                    \
      "give up all privileges after the start (auto: as far as can be)")                           \
    X(CLUSTER_KEY, "cluster-key", "FILE", false,                                                   \
      "key file that all bridges have which protect the same servers")                             \
    X(REDIS, "redis", "URL", false, "the store of the cluster: redis://HOST[:PORT] or unix:PATH")  \
    X(NAME, "name", "CLUSTER", false, "what all bridges of the cluster call it")                   \
    X(NODE, "node", "NAME", false, "what this bridge is called in it (the host's name)")           \
    X(STATE, "state", "FILE", false, "the newest versions that were seen, over a new start")       \
    X(PASSWORD_FILE, "password-file", "FILE", false,                                               \
      "password of the store, or user and password, mode 0600")                                    \
    X(SINCE, "since", "NUMBER", false, "begin after the event of this number")                     \
    X(KIND, "kind", "KINDS", false, "only events of these kinds: mode,source")                     \
    X(EXEC, "exec", "PROG", false, "run this program for each event")                              \
    X(FOR, "for", "TIME", false, "how long: 90 (seconds), 10m, 24h, 7d")                           \
    X(CONFIG, "config", "FILE", false, "read options from a file; the command line wins")          \
    X(ELSEWHERE, "elsewhere", NULL, false, "the file is for another machine: look at it alone")    \
    X(PCAP, "pcap", "FILE", false, "learn from a capture (pcap or pcapng)")                        \
    X(REDACT, "redact", NULL, false, "replace addresses and names, the same by the same")          \
    X(JSON, "json", NULL, false, "print one JSON object instead of tables")                        \
    X(TSV, "tsv", NULL, false, "print the table with tabs between columns, for scripts")           \
    X(OUTPUT, "output", "COLUMNS", false, "print these columns only, in this order: a,b,c (-o)")   \
    X(ONCE, "once", NULL, false, "print one frame, and end")                                       \
    X(LISTEN, "listen", "PLACE", false, "127.0.0.1:PORT, [::1]:PORT or the path of a socket")      \
    X(TOKEN, "token", "FILE", false, "file with the token that clients must show")                 \
    X(HELP, "help", NULL, false, "explain the command")                                            \
    X(SINGLE_READS, "single-reads", NULL, true, "read as on kernels that have no multishot reads") \
    X(SINGLE_QUEUE, "single-queue", NULL, true, "read each side as where TAPs have one queue")     \
    X(ESCAPE, "escape", "ROLE:WHAT", true, "try to leave the sandbox (tests)")

enum option_id {
#define CLI_OPTION_ENUM(id, name, value, hidden, help) OPTION_##id,
    CLI_OPTIONS(CLI_OPTION_ENUM)
#undef CLI_OPTION_ENUM
        OPTIONS_COUNT
};

#define OPTION_BIT(id) (UINT64_C(1) << OPTION_##id)
_Static_assert(OPTIONS_COUNT <= 64, "the options of a command are bits of an uint64_t");

struct option_info {
    const char *name, *value, *help;
    bool hidden;
};

#define WORDS_MAX 8

struct arguments {
    const char *words[WORDS_MAX];     /* the command's own first */
    size_t word_count, name_words;    /* of all; of them those that name the command */
    const char *value[OPTIONS_COUNT]; /* NULL: not given; "" for an option without value */
};

const struct option_info *option_info(enum option_id id);
/* Does the command print a table as the options ask, and nothing beside it? */
bool option_bare_table(const struct arguments *arguments);
bool option_given(const struct arguments *arguments, enum option_id id);

/* Reads argv[1..argc). False with EXIT_USAGE for an unknown option, a missing or needless value, or
 * too many words. */
bool arguments_parse(struct arguments *out, int argc, char *const *argv, struct error *error);

/* 90, 90s, 10m, 24h, 7d: from 1 to `most_s` seconds. */
bool duration_parse(const char *text, unsigned long most_s, unsigned long *seconds);

/* The name of `count` that is nearest to `word`, NULL where none is near. */
const char *nearest_name(const char *word, const char *const *names, size_t count);

#endif
