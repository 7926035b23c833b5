/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words for modes and switches. */
#include <criterion/criterion.h>

#include "bridge/text/mode_text.h"

Test(mode_text, settings_read_back)
{
    for (enum mode_setting setting = SETTING_AUTO; setting <= SETTING_ATTACK; setting++) {
        enum mode_setting again = SETTING_INHERIT;

        cr_assert(mode_setting_parse(mode_setting_name(setting), &again, NULL));
        cr_assert_eq(again, setting);
    }
    cr_assert_null(mode_setting_name(SETTING_INHERIT));
}

Test(mode_text, refuses)
{
    enum mode_setting setting = SETTING_ATTACK;
    struct error error = {0};

    cr_assert_not(mode_setting_parse("Auto", &setting, &error));
    cr_assert_eq(error.code, EXIT_USAGE);
    cr_assert_eq(setting, SETTING_ATTACK);
    cr_assert_str_eq(error.text, "not a mode: Auto: write auto, normal or attack");
}

Test(mode_text, workers)
{
    static const char *const wrong[] = {
        "0", "65", "", "-1", "+2", "2 ", " 2", "two", "18446744073709551617", "0x2"};
    struct error error = {0};
    uint32_t workers = 7;

    cr_assert(workers_parse("1", &workers, &error) && workers == 1);
    cr_assert(workers_parse("64", &workers, &error) && workers == 64);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_not(workers_parse(wrong[i], &workers, &error), "%s", wrong[i]);
        cr_assert_eq(error.code, EXIT_USAGE);
        cr_assert_eq(workers, 64);
    }
    cr_assert_not(workers_parse("65", &workers, &error));
    cr_assert_str_eq(error.text, "not a number of workers: 65: write 1 to 64");
}

Test(mode_text, switches)
{
    struct error error = {0};
    bool on = false;

    cr_assert(switch_parse("learn", "on", &on, &error) && on);
    cr_assert(switch_parse("learn", "off", &on, &error) && !on);
    cr_assert_not(switch_parse("learn", "yes", &on, &error));
    cr_assert_str_eq(error.text, "learn: yes is neither: write on or off");
}

Test(mode_text, causes)
{
    static const char *const words[TRIGGER_CAUSES] = {
        [TRIGGER_HALF_OPEN] = "half-open 81",
        [TRIGGER_SILENT] = "silent 81",
        [TRIGGER_ACCEPT_QUEUE] = "accept queue 81 %",
        [TRIGGER_SYN_RATE] = "SYN rate 81 times the usual",
        [TRIGGER_MISMATCH] = "mismatches 81",
        [TRIGGER_REFUSED] = "refusals 81",
        [TRIGGER_UNANSWERED] = "unanswered SYNs 81",
        [TRIGGER_QUERY_RATE] = "query rate 81 times the usual",
        [TRIGGER_OUTSTANDING] = "queries outstanding 81",
        [TRIGGER_NO_SUCH_NAME] = "answers without such a name 81 %"};
    char text[CAUSE_TEXT_BYTES];

    cr_assert_null(cause_to_text(TRIGGER_NONE, 5, text));
    for (enum trigger_cause cause = TRIGGER_NONE + 1; cause < TRIGGER_CAUSES; cause++)
        cr_assert_str_eq(cause_to_text(cause, 81, text), words[cause]);
    cr_assert_str_eq(cause_to_text(TRIGGER_SILENT, 0, text), "silent");
}

Test(mode_text, flows)
{
    static const char *const wrong[] = {"",      "0",     "1023",   "16777217", "99999999999",
                                        "-4096", "4096x", "0x1000", " 4096"};
    struct error error = {0};
    uint32_t flows = 7;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_not(flows_parse(wrong[i], &flows, &error), "%s", wrong[i]);
    cr_assert_eq(error.code, EXIT_USAGE);
    cr_assert_eq(flows, 7u);
    cr_assert(flows_parse("1024", &flows, &error) && flows == 1024);
    cr_assert(flows_parse("16777216", &flows, &error) && flows == 16777216);
}

Test(mode_text, unknown_servers)
{
    enum unknown_servers unknown = UNKNOWN_DROP;
    struct error error = {0};

    cr_assert(unknown_servers_parse("cookie", &unknown, &error) && unknown == UNKNOWN_COOKIE);
    cr_assert(unknown_servers_parse("pass", &unknown, &error) && unknown == UNKNOWN_PASS);
    cr_assert(unknown_servers_parse("drop", &unknown, &error) && unknown == UNKNOWN_DROP);
    cr_assert_not(unknown_servers_parse("allow", &unknown, &error));
    cr_assert_eq(error.code, EXIT_USAGE);
    cr_assert_eq(unknown, UNKNOWN_DROP);
}
