/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/web/gate.c: who is let in, and where it may listen. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/web/gate.h"

Test(gate, listens_on_this_machine_only)
{
    static const char *const good[] = {"127.0.0.1:8080", "127.1.2.3:0", "[::1]:65535",
                                       "/run/synward/web.sock", "./web.sock"};
    static const char *const bad[] = {"0.0.0.0:80",   "10.0.0.1:80",
                                      "[::]:80",      "[fe80::1]:80",
                                      "localhost:80", "127.0.0.1",
                                      "127.0.0.1:",   "127.0.0.1:65536",
                                      "127.0.0.1:-1", "127.0.0.1:80x",
                                      "::1:80",       "[::1]",
                                      "[::1",         "",
                                      "80",           "[127.0.0.1]:80"};
    struct gate_place place;
    struct error error = {0};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(gate_read_place(good[i], &place, &error), "%s: %s", good[i], error.text);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error = (struct error){0};
        cr_expect_not(gate_read_place(bad[i], &place, &error), "%s", bad[i]);
        cr_expect_eq(error.code, EXIT_USAGE, "%s", bad[i]);
    }
}

Test(gate, a_name_that_leads_here_is_no_host)
{
    static const char *const good[] = {"127.0.0.1",    "127.0.0.1:8080", "127.9.9.9:1", "localhost",
                                       "LocalHost:80", "[::1]",          "[::1]:8080"};
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "localhost.evil.example",
                                      "localhost.",
                                      "127.0.0.1.",
                                      "127.0.0.1.evil.example",
                                      "127.1",
                                      "0x7f000001",
                                      "2130706433",
                                      "0.0.0.0",
                                      "[::]",
                                      "[::1].evil.example",
                                      "[::1",
                                      "::1",
                                      "localhost:",
                                      "localhost:x",
                                      "localhost@evil",
                                      "a@localhost",
                                      "localhost localhost",
                                      "10.0.0.1:80"};

    cr_expect_not(gate_host(NULL));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(gate_host(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(gate_host(bad[i]), "%s", bad[i]);
}

Test(gate, only_the_token_is_the_token)
{
    static const char token[] = "0123456789abcdef";
    static const char *const bad[] = {"",
                                      "Bearer",
                                      "Bearer ",
                                      "Bearer 0123456789abcde",
                                      "Bearer 0123456789abcdef0",
                                      "Bearer  0123456789abcdef",
                                      "Basic 0123456789abcdef",
                                      "0123456789abcdef"};
    char longer[512];

    cr_expect(gate_authorized("Bearer 0123456789abcdef", token));
    cr_expect(gate_authorized("bearer 0123456789abcdef", token), "the scheme in small letters");
    cr_expect_not(gate_authorized(NULL, token));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(gate_authorized(bad[i], token), "%s", bad[i]);
    snprintf(longer, sizeof(longer), "Bearer %0300d", 0);
    cr_expect_not(gate_authorized(longer, token));
    cr_expect(gate_authorized(NULL, ""), "none is wanted");
}

Test(gate, tokens_that_are_made_differ_and_fit)
{
    char one[GATE_TOKEN_BYTES], other[GATE_TOKEN_BYTES];

    gate_make_token(one);
    gate_make_token(other);
    cr_expect_str_neq(one, other);
    cr_expect_geq(strlen(one), 22, "128 bits: %s", one);
    cr_expect_eq(strcspn(one, "#/?%& +"), strlen(one), "it stands in an address: %s", one);
}

/* What a file with this text, and this mode, gives; "" where it is refused. */
static const char *read_from(const char *text, mode_t mode)
{
    static char token[GATE_TOKEN_BYTES];
    char path[] = "/tmp/synward-token-XXXXXX";
    const int fd = mkstemp(path);
    struct error error = {0};

    token[0] = '\0';
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    cr_assert(fchmod(fd, mode) == 0 && close(fd) == 0);
    if (!gate_read_token(path, token, &error))
        cr_expect(error.code == EXIT_FAILED && token[0] == '\0', "%s", error.text);
    unlink(path);
    return token;
}

Test(gate, a_token_of_a_file)
{
    cr_expect_str_eq(read_from("0123456789abcdef\nmore\n", 0640), "0123456789abcdef");
    cr_expect_str_eq(read_from("0123456789-._~ABCDEF", 0600), "0123456789-._~ABCDEF");
    cr_expect_str_eq(read_from("0123456789abcdef\n", 0644), "", "others may read it");
    cr_expect_str_eq(read_from("0123456789abcde\n", 0600), "", "too short");
    cr_expect_str_eq(read_from("0123456789 abcdef\n", 0600), "", "a blank");
    cr_expect_str_eq(read_from("", 0600), "");
}
