/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/cluster_key.c: which key files are taken, and what is made of them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/cluster_key.h"

#define ONE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define TWO "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct cookie_keys keys;
static struct cookie_share share;
static struct error error;

/* A file with this text and this mode is read. */
static bool reads(const char *text, mode_t mode)
{
    char path[] = "/tmp/synward-cluster-key-XXXXXX";
    const int fd = mkstemp(path);
    bool ok;

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
    memset(&keys, 0, sizeof(keys));
    error = (struct error){0};
    ok = cluster_key_read(path, &keys, &share, &error);
    unlink(path);
    return ok;
}

Test(cluster_key, one_line_is_always_the_same_keys)
{
    struct cookie_keys first;

    cr_assert(reads(ONE "\n", 0600), "%s", error.text);
    cr_assert(share.on);
    cr_assert_not(share.has_before);
    first = keys;
    cr_assert(reads(ONE, 0400), "%s", error.text);
    cr_assert_arr_eq(&keys, &first, sizeof(keys));
    cr_assert(reads(TWO "\n", 0600));
    cr_assert_neq(memcmp(keys.mac, first.mac, sizeof(keys.mac)), 0);
    cr_assert_neq(memcmp(keys.tsval, first.tsval, sizeof(keys.tsval)), 0);
    cr_assert_neq(memcmp(keys.mac, keys.tsval, sizeof(keys.mac)), 0);
}

Test(cluster_key, two_lines_while_it_is_rolled)
{
    struct cookie_keys first;

    cr_assert(reads(ONE "\n", 0600));
    first = keys;
    cr_assert(reads(TWO "\n" ONE "\n", 0600), "%s", error.text);
    cr_assert(share.has_before);
    cr_assert_arr_eq(&share.before, &first, sizeof(first));
    cr_assert_neq(memcmp(&keys, &first, sizeof(first)), 0);
}

Test(cluster_key, what_others_may_use_is_refused)
{
    cr_assert_not(reads(ONE "\n", 0640));
    cr_assert_not_null(strstr(error.text, "chmod 0600"));
    cr_assert_not(reads(ONE "\n", 0604));
}

Test(cluster_key, what_is_no_key_is_refused)
{
    static const char *const wrong[] = {"",
                                        "\n",
                                        "00",
                                        ONE "0\n",
                                        "x" ONE "\n",
                                        ONE "\n\n",
                                        ONE "\n" ONE "\n" ONE "\n",
                                        ONE " " ONE "\n"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_not(reads(wrong[i], 0600), "%zu", i);
        cr_assert_not_null(strstr(error.text, "openssl rand -hex 32"));
    }
    cr_assert_not(cluster_key_read("/nowhere/synward.key", &keys, &share, &error));
    cr_assert_not(cluster_key_read("/tmp", &keys, &share, &error));
}

static bool seals_of(const char *text, struct cluster_seals *seals)
{
    char path[] = "/tmp/synward-cluster-key-XXXXXX";
    const int fd = mkstemp(path);
    bool ok;

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    error = (struct error){0};
    ok = cluster_key_seals(path, seals, &error);
    unlink(path);
    return ok;
}

/* Values in the store are signed by other keys than cookies are made by, of each line. */
Test(cluster_key, seals_are_of_the_same_lines)
{
    struct cluster_seals one, both;

    cr_assert(seals_of(ONE "\n", &one), "%s", error.text);
    cr_assert_eq(one.count, 1);
    cr_assert(seals_of(TWO "\n" ONE "\n", &both), "%s", error.text);
    cr_assert_eq(both.count, 2);
    cr_assert_arr_eq(&both.seal[1], &one.seal[0], sizeof(one.seal[0]));
    cr_assert_neq(memcmp(both.seal[0].mac, both.seal[1].mac, sizeof(both.seal[0].mac)), 0);
    cr_assert_neq(memcmp(both.seal[0].fingerprint, both.seal[1].fingerprint,
                         sizeof(both.seal[0].fingerprint)),
                  0);
    cr_assert(reads(ONE "\n", 0600));
    cr_assert_neq(memcmp(keys.mac, one.seal[0].mac, sizeof(keys.mac)), 0);
    cr_assert_neq(memcmp(one.seal[0].fingerprint, one.seal[0].mac, 16), 0);
    cr_assert_not(seals_of("no key\n", &one));
}
