/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h - the configuration file of `synward run --config FILE`: lines of KEY = VALUE.
 *
 *      client = netns:c/sw0
 *      server = netns:s/sw1
 *      mode = auto
 *      trigger.half_open = 400         ; for servers that have no limit of their own
 *
 *      [server 10.77.0.2:110]          # or [server [fd77::2]:110], [server 10.77.0.2]
 *      mode = attack
 *      open_per_second = 500
 *
 * Above the first section stand the options of `synward run`, by their names, and the triggers for
 * all servers; below [server ...] its mode, and what `synward profiles set` sets. A server is
 * written as on the command line: no VLAN, so in all of them; without a port all its ports. A
 * section with a port counts before one without.
 *
 * Lines that begin with # or ; are comments, and so is what follows " ;". Spaces around keys and
 * values, and at the beginning of a line, do not matter. Any key may be missing; an unknown one, or
 * one that stands twice, is an error. The command line wins over the file.
 */
#ifndef SYNWARD_BRIDGE_TEXT_CONFIG_H
#define SYNWARD_BRIDGE_TEXT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/text/mode_text.h"
#include "bridge/text/server_text.h"
#include "engine/engine.h"
#include "profiles/error.h"
#include "profiles/store/store.h"

#define CONFIG_BYTES_MAX   (1024u * 1024)
#define CONFIG_SERVERS_MAX 4096u

/* X(id, key, value, what it says) */
#define CONFIG_KEYS(X)                                                                             \
    X(CLIENT, "client", "SIDE", "the side where the clients are")                                  \
    X(SERVER, "server", "SIDE", "the side where the servers are")                                  \
    X(INLINE, "inline", "IFNAME[@NETNS]",                                                          \
      "in the place of both sides: the interface behind which the servers are")                    \
    X(SERVER_STACK, "server-stack", "NETNS", "namespace in which the servers listen")              \
    X(STORE, "store", "FILE", "where profiles are kept")                                           \
    X(CONTROL, "control", "SOCKET", "the control socket")                                          \
    X(MODE, "mode", "auto|normal|attack", "the mode for all servers (auto)")                       \
    X(LEARN, "learn", "on|off", "learn from what passes (on)")                                     \
    X(UNKNOWN, "unknown", "cookie|pass|drop",                                                      \
      "clients of attacked servers without an armed profile (cookie)")                             \
    X(WORKERS, "workers", "N", "threads that carry frames (1)")                                    \
    X(FLOWS, "flows", "N", "connections remembered at once (262144)")                              \
    X(BUSY_POLL, "busy-poll", "off|auto|US", "look for frames so long before sleeping (auto)")     \
    X(WHEN_DEAD, "when-dead", "open|limited|closed",                                               \
      "what passes while no worker is alive (limited)")                                            \
    X(CARRIER, "carrier", "mirror|keep", "mirror what one side has lost (mirror)")                 \
    X(CARD, "card", "auto|veth|tap", "what the card of a netns: side is made as (auto)")           \
    X(KERNEL_PATH, "kernel-path", "auto|on|off", "let the kernel carry known connections (auto)")  \
    X(HOOK, "hook", "auto|on|off", "let the servers' own TCP make proved connections (auto)")      \
    X(SANDBOX, "sandbox", "auto|on|off", "give up all privileges after the start (auto)")          \
    X(CLUSTER_KEY, "cluster-key", "FILE", "key file of all bridges that protect the same servers")

enum config_key {
#define CONFIG_KEY_ENUM(id, key, value, help) CONFIG_##id,
    CONFIG_KEYS(CONFIG_KEY_ENUM)
#undef CONFIG_KEY_ENUM
        CONFIG_KEYS_COUNT
};

/* One [server ...]. */
struct config_server {
    struct server_selector selector;
    uint32_t line, mode_line;
    enum mode_setting mode; /* SETTING_INHERIT where it does not say */
    struct settings_said said;
};

struct config {
    char *name; /* of the file, for errors */
    /* NULL where the file does not say */
    char *client, *server, *inlined, *server_stack, *store, *control, *cluster_key;
    enum mode_setting mode; /* SETTING_INHERIT where it does not */
    bool learning;
    enum unknown_servers unknown;         /* UNKNOWN_COOKIE where the file does not say */
    uint32_t workers;                     /* 0 where the file does not say */
    uint32_t flows;                       /* 0 where the file does not say */
    uint32_t busy_poll;                   /* a setting of busy_poll.h */
    enum kernel_path_setting kernel_path; /* KERNEL_PATH_UNSAID where the file does not say */
    enum hook_setting hook;               /* HOOK_UNSAID where the file does not say */
    enum when_dead_setting when_dead;     /* WHEN_DEAD_LIMITED where the file does not say */
    enum carrier_setting carrier;         /* CARRIER_MIRROR where the file does not say */
    enum card_setting card;               /* CARD_AUTO where the file does not say */
    enum sandbox_setting sandbox;         /* SANDBOX_AUTO where the file does not say */
    struct trigger_limits triggers;
    uint32_t line[CONFIG_KEYS_COUNT];      /* where each stands; 0: the file does not say */
    uint32_t trigger_line[SETTINGS_COUNT]; /* the same, of triggers, by setting_index() */
    uint32_t lines;                        /* that the file has */
    struct config_server *servers;         /* in the order of the file */
    size_t server_count;
};

/* Reads the file at `path`. False: `error` names file, line and reason, and `config` is empty. */
bool config_load(struct config *config, const char *path, struct error *error);
/* The regular file, open; -1: `error` says why. */
int config_open(const char *path, struct error *error);
/* The text of a file that is open, which the caller frees; NULL: `error` says why. */
char *config_text(int fd, const char *path, size_t *bytes, struct error *error);
/* The same for text; `name` stands for the file in errors. */
bool config_parse(struct config *config, const char *text, size_t bytes, const char *name,
                  struct error *error);
void config_free(struct config *config);

/* "config: FILE:LINE: KEY: REASON" in the place of `error`, for what turns out wrong later. Always
 * false. */
bool config_blame(const struct config *config, enum config_key key, struct error *error);
const char *config_key_name(enum config_key key);

/* What it says of servers, for store_configure(): those with a port last. The caller frees it;
 * NULL: out of memory. */
struct settings_for *config_settings(const struct config *config);

#endif
