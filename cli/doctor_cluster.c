/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor_cluster.c - see doctor_cluster.h. The same code that will need it tries it. */
#include "cli/doctor_cluster.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/cluster/clock.h"
#include "bridge/cluster_key.h"
#include "cli/store_memory.h"
#include "cli/sync_store.h"

static void check_kept(struct findings *findings)
{
    if (cluster_clock_kept()) {
        findings_add(findings, FINDING_OK, "cluster clock", "it is kept right");
        return;
    }
    findings_add(findings, FINDING_WRONG, "cluster clock",
                 "nobody keeps it right: once it is 30 s off, other bridges take no cookie of it");
    findings_remedy(findings, "timedatectl set-ntp true");
}

static bool check_key(struct findings *findings, const char *path, struct cluster_seals *seals)
{
    struct error error = {0};

    if (cluster_key_seals(path, seals, &error)) {
        findings_add(findings, FINDING_OK, "cluster key", "%s has %u line%s", path, seals->count,
                     seals->count > 1 ? "s: it is being rolled" : "");
        return true;
    }
    findings_add(findings, FINDING_WRONG, "cluster key", "%s", error.text);
    findings_remedy(findings,
                    "take that of another bridge, mode 0600; for the first one: (umask "
                    "077; openssl rand -hex 32 >%s)",
                    path);
    return false;
}

/* The store's clock is what others have compared theirs with. */
static void check_time(struct findings *findings, const redisReply *time)
{
    const uint64_t now_s = clock_wall_us() / 1000000;
    const double off_s = time->type == REDIS_REPLY_ARRAY && time->elements == 2 &&
                                 time->element[0]->type == REDIS_REPLY_STRING
                             ? (double)now_s - strtod(time->element[0]->str, NULL)
                             : 1e9;

    if (off_s > -(double)CLUSTER_CLOCK_MOST_US / 1e6 &&
        off_s < (double)CLUSTER_CLOCK_MOST_US / 1e6) {
        findings_add(findings, FINDING_OK, "store", "it answers, and its clock agrees");
        return;
    }
    findings_add(findings, FINDING_WRONG, "store",
                 "its clock is %.0f s off ours: this bridge may not join", -off_s);
    findings_remedy(findings, "have chrony keep both clocks right");
}

/* A store that answers something else is believed to have room. */
static void check_memory(struct findings *findings, const redisReply *info)
{
    struct store_memory memory;

    if (info->type != REDIS_REPLY_STRING || !store_memory_read(info->str, info->len, &memory))
        return;
    if (store_memory_is_short(&memory)) {
        findings_add(findings, FINDING_WRONG, "store memory",
                     "%" PRIu64 " of %" PRIu64 " KiB are taken: what is new will not be shared",
                     memory.used >> 10, memory.most >> 10);
        findings_remedy(findings, "give it more (maxmemory): 3 KiB for each server do");
        return;
    }
    if (memory.most && memory.evicts) {
        findings_add(findings, FINDING_WRONG, "store memory",
                     "when it is full it takes values away that bridges share");
        findings_remedy(findings, "CONFIG SET maxmemory-policy noeviction");
        return;
    }
    findings_add(findings, FINDING_OK, "store memory", "it has room");
}

static void ask_for_memory(struct findings *findings, struct sync_store *store)
{
    const struct sync_command info = sync_command_of("INFO", "memory");
    struct error error = {0};
    redisReply *reply = sync_store_ask(store, &info, &error);

    if (!reply) {
        findings_add(findings, FINDING_NOTE, "store memory", "it does not say: %s", error.text);
        return;
    }
    check_memory(findings, reply);
    freeReplyObject(reply);
}

static void check_fingerprint(struct findings *findings, const struct cluster_seals *seals,
                              const redisReply *told, const char *name)
{
    char hex[33];

    for (unsigned i = 0; told->type == REDIS_REPLY_STRING && i < seals->count; i++) {
        sodium_bin2hex(hex, sizeof(hex), seals->seal[i].fingerprint,
                       sizeof(seals->seal[i].fingerprint));
        if (strcmp(hex, told->str) == 0) {
            findings_add(findings, FINDING_OK, "cluster", "%s has this key file", name);
            return;
        }
    }
    if (told->type != REDIS_REPLY_STRING) {
        findings_add(findings, FINDING_NOTE, "cluster", "nobody has joined %s yet", name);
        return;
    }
    findings_add(findings, FINDING_WRONG, "cluster", "%s has another key file", name);
    findings_remedy(findings, "take the key file of a bridge that has joined, or another --name");
}

static void check_store(struct findings *findings, const struct cluster_patient *patient,
                        const struct cluster_seals *seals)
{
    struct sync_store store = {
        .url = patient->redis, .user = patient->user, .password = patient->password, .fd = -1};
    const struct sync_command time = sync_command_of("TIME");
    struct sync_command meta;
    struct error error = {0};
    char key[128];
    redisReply *reply = NULL;

    if (sync_store_check(store.url, &error) && sync_store_open(&store, &error))
        reply = sync_store_ask(&store, &time, &error);
    if (!reply) {
        findings_add(findings, FINDING_WRONG, "store", "%s", error.text);
        findings_remedy(findings, "start it, or let this host reach it; see --password-file, too");
        sync_store_close(&store);
        return;
    }
    check_time(findings, reply);
    freeReplyObject(reply);
    ask_for_memory(findings, &store);
    snprintf(key, sizeof(key), "synward:%s:meta", patient->name ? patient->name : "");
    meta = sync_command_of("HGET", key, "key");
    reply = patient->name && seals && store.fd >= 0 ? sync_store_ask(&store, &meta, &error) : NULL;
    if (reply) {
        check_fingerprint(findings, seals, reply, patient->name);
        freeReplyObject(reply);
    }
    sync_store_close(&store);
}

void doctor_cluster(struct findings *findings, const struct cluster_patient *patient)
{
    struct cluster_seals seals;
    bool key;

    if (!patient->key_file && !patient->redis)
        return;
    findings->subject = NULL;
    check_kept(findings);
    key = patient->key_file && check_key(findings, patient->key_file, &seals);
    if (patient->redis)
        check_store(findings, patient, key ? &seals : NULL);
    sodium_memzero(&seals, sizeof(seals));
}
