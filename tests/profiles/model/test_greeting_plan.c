/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_greeting_plan.c - what may be said for a server, and what is then taken for its greeting. */
#include <criterion/criterion.h>

#include <string.h>

#include "profiles/model/greeting_plan.h"

static struct greeting_plan plan;

/* A model of these greetings, the last one the latest; the plan made of it. */
static bool planned(enum protocol_id protocol, enum greeting_setting setting,
                    const char *const greetings[], size_t count)
{
    struct greeting_model model = {0};
    for (size_t i = 0; i < count; i++)
        greeting_model_add(&model, (const uint8_t *)greetings[i], strlen(greetings[i]));
    return greeting_plan(&model, protocol_by_id(protocol), setting, &plan);
}

#define PLANNED(protocol, setting, ...)                                                            \
    planned(protocol, setting, (const char *const[]){__VA_ARGS__},                                 \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static bool fits(const char *greeting)
{
    return greeting_plan_fits(&plan, (const uint8_t *)greeting, strlen(greeting));
}

static void expect_parts(const char *prefix, const char *suffix)
{
    cr_assert(plan.by_template);
    cr_assert_eq(plan.prefix, strlen(prefix), "prefix is '%.*s'", plan.prefix,
                 (const char *)plan.said);
    cr_assert_eq(memcmp(plan.said, prefix, plan.prefix), 0);
    cr_assert_eq(plan.suffix, strlen(suffix), "suffix is '%.*s'", plan.suffix,
                 (const char *)plan.said + plan.bytes - plan.suffix);
    cr_assert_eq(memcmp(plan.said + plan.bytes - plan.suffix, suffix, plan.suffix), 0);
}

static void expect_said(const char *text)
{
    cr_assert_eq(plan.bytes, strlen(text), "'%.*s'", plan.bytes, (const char *)plan.said);
    cr_assert_eq(memcmp(plan.said, text, plan.bytes), 0);
}

Test(greeting_plan, always_the_same_is_exact)
{
    cr_assert(PLANNED(PROTOCOL_POP3, GREETING_AS_PROTOCOL, "+OK Dovecot 2.3.19 ready\r\n"));
    cr_assert_not(plan.by_template);
    cr_assert(fits("+OK Dovecot 2.3.19 ready\r\n"));
    cr_assert_not(fits("+OK Dovecot 2.3.20 ready\r\n"));
    cr_assert_not(fits("+OK Dovecot 2.3.19 ready\r\n "));
    cr_assert(PLANNED(PROTOCOL_UNKNOWN, GREETING_AS_PROTOCOL, "hello 22:04\r\n"),
              "what no file knows is exact");
    cr_assert_not(plan.by_template);
}

Test(greeting_plan, nothing_known)
{
    struct greeting_model model = {0};
    cr_assert_not(
        greeting_plan(&model, protocol_by_id(PROTOCOL_POP3), GREETING_AS_PROTOCOL, &plan));
}

/* All of one second: the date is common to them, and changes all the same. */
Test(greeting_plan, a_date_changes_as_a_whole)
{
    cr_assert(PLANNED(PROTOCOL_SMTP, GREETING_AS_PROTOCOL,
                      "220 mail ESMTP Exim 4.96 Sun, 22 Nov 2026 22:04:01 +0000\r\n",
                      "220 mail ESMTP Exim 4.96 Sun, 22 Nov 2026 22:04:02 +0000\r\n"));
    expect_parts("220 mail ESMTP Exim ", "\r\n");
    cr_assert(fits("220 mail ESMTP Exim 4.96 Mon, 1 Mar 2027 02:14:00 +0100\r\n"));
    cr_assert_not(fits("220 mail ESMTP Postfix 4.96 Mon, 1 Mar 2027 02:14:00 +0100\r\n"));
    cr_assert(PLANNED(PROTOCOL_SMTP, GREETING_AS_PROTOCOL,
                      "220 a ESMTP Sendmail 8.17.1/8.17.1; Sun, 22 Nov 2026 22:04:01 GMT\r\n",
                      "220 a ESMTP Sendmail 8.17.1/8.17.1; Sun, 22 Nov 2026 22:04:02 GMT\r\n"));
    expect_parts("220 a ESMTP Sendmail ", "\r\n");
    cr_assert(PLANNED(
        PROTOCOL_IMAP, GREETING_AS_PROTOCOL,
        "* OK [CAPABILITY IMAP4REV1] h IMAP4rev1 at Sun, 22 Nov 2026 22:04:01 +0100 (CET)\r\n",
        "* OK [CAPABILITY IMAP4REV1] h IMAP4rev1 at Sun, 22 Nov 2026 22:04:02 +0100 (CET)\r\n"));
    expect_parts("* OK [CAPABILITY IMAP4REV1] h IMAP4rev1 at ", "\r\n");
}

Test(greeting_plan, host_counter)
{
    cr_assert(PLANNED(PROTOCOL_SMTP, GREETING_AS_PROTOCOL, "220 mx1.example.org ESMTP Postfix\r\n",
                      "220 mx3.example.org ESMTP Postfix\r\n",
                      "220 mx10.example.org ESMTP Postfix\r\n"));
    expect_parts("220 ", " ESMTP Postfix\r\n");
    cr_assert(fits("220 mx100.example.org ESMTP Postfix\r\n"));
    cr_assert_not(fits("220 mx100.example.org SMTP Postfix\r\n"));
}

#define PURE_FTPD(user, of, time)                                                                  \
    "220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n"                            \
    "220-You are user number " user " of " of " allowed.\r\n"                                      \
    "220-Local time is now " time ". Server port: 21.\r\n"                                         \
    "220 You will be disconnected after 15 minutes of inactivity.\r\n"

/* Learned within one minute, from one client after the other: nothing has changed yet. */
Test(greeting_plan, numbers_and_times_change_some_day)
{
    cr_assert(PLANNED(PROTOCOL_FTP, GREETING_AS_PROTOCOL, PURE_FTPD("1", "50", "22:04"),
                      PURE_FTPD("1", "50", "22:04")));
    expect_parts(
        "220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n220-You are user number ",
        " minutes of inactivity.\r\n");
    cr_assert(fits(PURE_FTPD("17", "50", "9:59")));
    cr_assert(PLANNED(PROTOCOL_FTP, GREETING_EXACT, PURE_FTPD("1", "50", "22:04"),
                      PURE_FTPD("1", "50", "22:04")));
    cr_assert_not(plan.by_template);
    cr_assert_not(PLANNED(PROTOCOL_FTP, GREETING_EXACT, PURE_FTPD("1", "50", "22:04"),
                          PURE_FTPD("2", "50", "22:04")));
}

/* g' < g and g' > g; what is common in front and behind must not overlap in the shortest. */
Test(greeting_plan, common_parts_do_not_overlap)
{
    cr_assert(
        PLANNED(PROTOCOL_FTP, GREETING_AS_PROTOCOL, "220 ftp aa bb\r\n", "220 ftp aa aa bb\r\n"));
    cr_assert(fits("220 ftp aa bb\r\n"));
    cr_assert(fits("220 ftp aa aa bb\r\n"));
    cr_assert(fits("220 ftp aa aa aa bb\r\n"));
    cr_assert_not(fits("220 ftp\r\n"));
    cr_assert(
        PLANNED(PROTOCOL_FTP, GREETING_AS_PROTOCOL, "220 ftp aa aa bb\r\n", "220 ftp aa bb\r\n"));
    cr_assert(fits("220 ftp aa bb\r\n"));
    cr_assert(fits("220 ftp aa aa bb\r\n"));
    cr_assert_leq((size_t)plan.prefix + plan.suffix, plan.bytes);
}

Test(greeting_plan, timestamp_of_apop)
{
    const char *const first = "+OK POP3 ready <1896.697170952@dbc.mtview.ca.us>\r\n",
                      *const second = "+OK POP3 ready <1897.697170953@dbc.mtview.ca.us>\r\n";
    cr_assert_not(PLANNED(PROTOCOL_POP3, GREETING_AS_PROTOCOL, first, second));
    cr_assert_not(PLANNED(PROTOCOL_POP3, GREETING_EXACT, first, second));
    cr_assert(PLANNED(PROTOCOL_POP3, GREETING_BY_TEMPLATE, first, second));
    expect_said("+OK POP3 ready\r\n");
    expect_parts("+OK POP3 ready", "\r\n");
    cr_assert(fits(first));
    cr_assert_not(fits("+OK other server <1897.697170953@dbc.mtview.ca.us>\r\n"));
    cr_assert(PLANNED(PROTOCOL_POP3, GREETING_BY_TEMPLATE, "+OK <1.1@h> at your service\r\n",
                      "+OK <2.1@h> at your service\r\n"));
    expect_said("+OK at your service\r\n");
    cr_assert(fits("+OK <3.17@h> at your service\r\n"));
    cr_assert(PLANNED(PROTOCOL_POP3, GREETING_AS_PROTOCOL, "+OK mail to <root@a>\r\n",
                      "+OK mail to <root@a>\r\n"),
              "the same each time: nobody computes with it, or all may");
    cr_assert_not(plan.by_template);
}

/* The queue id of an Exim that speaks POP3's words begins with the time, in letters. */
Test(greeting_plan, word_that_changes_does_so_as_a_whole)
{
    cr_assert(PLANNED(PROTOCOL_POP3, GREETING_AS_PROTOCOL,
                      "+OK POP server ready H migmx106 1Mfc4e-1mYUtJ2Zqw\r\n",
                      "+OK POP server ready H migmx106 1Mfc4f-0XYUtJ2Zqw\r\n"));
    expect_parts("+OK POP server ready H ", "\r\n");
}

Test(greeting_plan, what_must_be_exact)
{
    cr_assert_not(PLANNED(PROTOCOL_SSH, GREETING_BY_TEMPLATE, "SSH-2.0-a1\r\n", "SSH-2.0-a2\r\n"));
    cr_assert_not(
        PLANNED(PROTOCOL_UNKNOWN, GREETING_BY_TEMPLATE, "welcome 1\r\n", "welcome 2\r\n"));
    cr_assert(PLANNED(PROTOCOL_SSH, GREETING_BY_TEMPLATE, "SSH-2.0-a at 22:04\r\n"));
    cr_assert_not(plan.by_template);
    cr_assert_not(PLANNED(PROTOCOL_MYSQL, GREETING_BY_TEMPLATE, "J\1\1\1\n8.0.36"),
                  "its salt is never the same");
}

Test(greeting_plan, capabilities_that_change_are_the_operators_business)
{
    const char *const one = "* OK [CAPABILITY IMAP4rev1 LOGIN AUTH=PLAIN] ready\r\n",
                      *const other = "* OK [CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN] ready\r\n";
    cr_assert_not(PLANNED(PROTOCOL_IMAP, GREETING_AS_PROTOCOL, one, other));
    cr_assert(PLANNED(PROTOCOL_IMAP, GREETING_BY_TEMPLATE, one, other));
    cr_assert(PLANNED(PROTOCOL_FTP, GREETING_BY_TEMPLATE, "220 abcdefghij\r\n",
                      "220 zyxwvutsrqponmlk\r\n"));
    cr_assert_not(PLANNED(PROTOCOL_FTP, GREETING_AS_PROTOCOL, "220 abcdefghij\r\n",
                          "220 zyxwvutsrqponmlk\r\n"),
                  "little in common: it is variable");
}

/* Any two greetings: nothing is read beyond their ends, and the latest always fits. */
Test(greeting_plan, any_text)
{
    static const char letters[] = "a1 2:<>@[]\r\n-+O220 Sun.";
    uint64_t state = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        char text[3][40];
        const char *const greetings[] = {text[0], text[1], text[2]};
        for (size_t i = 0; i < 3; i++) {
            size_t length = 1;
            for (; length < sizeof(text[i]) - 1 && (state >> 40) % 37; length++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                const bool same = i > 0 && length < strlen(text[0]) && (state >> 59) > 5;
                text[i][length] =
                    same ? text[0][length] : letters[(state >> 33) % (sizeof(letters) - 1)];
            }
            text[i][0] = letters[(state >> 50) % (sizeof(letters) - 1)];
            text[i][length] = 0;
            state = state * 6364136223846793005u + 1442695040888963407u;
        }
        const enum protocol_id id = round % 2 ? PROTOCOL_POP3 : PROTOCOL_FTP;
        if (!planned(id, (enum greeting_setting)(round % 3), greetings, 3))
            continue;
        cr_assert_leq((size_t)plan.prefix + plan.suffix, plan.bytes, "round %d", round);
        cr_assert(fits(text[2]), "round %d: %s", round, text[2]);
        for (int i = 0; i < 2 && plan.by_template; i++)
            cr_assert(fits(text[i]), "round %d: '%s' after '%s'", round, text[i], text[2]);
    }
}

Test(greeting_plan, names_of_the_setting)
{
    cr_assert_null(greeting_setting_name(GREETING_AS_PROTOCOL));
    cr_assert_str_eq(greeting_setting_name(GREETING_BY_TEMPLATE), "template");
    cr_assert_eq(greeting_setting_from_name("exact"), GREETING_EXACT);
    cr_assert_eq(greeting_setting_from_name("default"), GREETING_AS_PROTOCOL);
}
