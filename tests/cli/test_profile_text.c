/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles in words. The first is the example of the JSON contract. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/profile_text.h"
#include "tests/cli/support_stdout.h"

static const char example[] =
    "{\"server\": \"10.77.0.2\", \"port\": 110, \"vlan\": [],"
    " \"tcp\": {\"mss\": 1460, \"window\": 65160, \"window_scale\": 7, \"sack\": true, "
    "\"timestamps\": true,"
    " \"ecn\": null, \"ttl\": 64, \"df\": true, \"ip_id\": \"zero\","
    " \"variants\": [{\"offered\": [\"mss\", \"sack\"], \"ecn\": false,"
    " \"options\": [\"mss\", \"sack\", \"nop\"], \"window\": 65160, \"seen\": 12}]},"
    " \"application\": {\"protocol\": \"pop3\", \"speaks_first\": \"server\","
    " \"greeting\": {\"text\": \"+OK \\u001b[2Jready\\r\\n\", \"hex\": \"2b4f4b2072656164790d0a\", "
    "\"kind\": "
    "\"stable\"},"
    " \"request\": {\"check\": \"protocol\", \"protocols\": [\"pop3\", \"http\"], \"pattern\": "
    "null, "
    "\"keywords\": {}}},"
    " \"settings\": {\"check\": \"none\"}, \"enforced\": \"unchecked: check=none was set\","
    " \"kept_until\": \"2026-04-01T00:10:00Z\","
    " \"evidence\": {\"handshakes\": 12, \"requests\": 10, \"fidelity\": 0.9799, \"armed\": true,"
    " \"first_seen\": \"2026-01-01T00:00:00Z\", \"last_seen\": \"2026-01-01T00:10:00Z\"}}";

/* Nothing known but that it exists. */
static const char unknown[] =
    "{\"server\": \"fd77::2\", \"port\": 80, \"vlan\": [10],"
    " \"tcp\": {\"mss\": null, \"window\": null, \"window_scale\": \"none\", \"sack\": false, "
    "\"timestamps\": null,"
    " \"ecn\": null, \"ttl\": null, \"df\": null, \"ip_id\": null, \"variants\": []},"
    " \"application\": {\"protocol\": null, \"speaks_first\": null, \"greeting\": null,"
    " \"request\": {\"check\": \"none\", \"protocols\": [], \"pattern\": null, \"keywords\": {}}},"
    " \"evidence\": {\"handshakes\": 0, \"requests\": 0, \"fidelity\": null, \"armed\": false,"
    " \"first_seen\": null, \"last_seen\": null}}";

Test(profile_text, profile_over_udp)
{
    struct json_object *profile = json_tokener_parse(
        "{\"server\": \"10.77.0.2\", \"port\": 53, \"vlan\": [], \"transport\": \"udp\","
        " \"dns\": {\"question_same\": {\"of\": 9, \"yes\": 9}}}");

    const char *said;

    catch_output();
    print_profile(profile);
    json_object_put(profile);
    said = caught_stdout();
    cr_assert_eq(strncmp(said, "10.77.0.2:53/udp\n", 17), 0);
    cr_assert(strstr(said, "in 9 of 9 answers"));
    cr_assert_null(strstr(said, "TCP "), "nothing is known of a SYN-ACK");
}

Test(profile_text, whole_profile)
{
    struct json_object *profile = json_tokener_parse(example);

    catch_output();
    print_profile(profile);
    cr_assert_str_eq(
        caught_stdout(),
        "10.77.0.2:110\n"
        "  protocol       pop3, the server speaks first\n"
        "  greeting       \"+OK \\x1b[2Jready\\r\\n\" (11 bytes, stable)\n"
        "  request check  protocol, but now unchecked (see enforced)\n"
        "  accepted       pop3, http\n"
        "  TCP            MSS 1460, window 65160, scale 7, SACK yes, timestamps yes, ECN unknown\n"
        "  IP             TTL 64, DF yes, ID zero\n"
        "  setting        check=none\n"
        "  evidence       handshakes 12, accepted requests 10, fidelity 0.97, armed\n"
        "  seen           2026-01-01T00:00:00Z to 2026-01-01T00:10:00Z\n"
        "  kept until     2026-04-01T00:10:00Z, if it is not seen again\n"
        "  enforced       unchecked: check=none was set\n"
        "  SYN-ACKs by what the client offered:\n"
        "    OFFERED   ANSWERED      WINDOW  ECN  SEEN\n"
        "    mss sack  mss sack nop   65160  no     12\n");
    json_object_put(profile);
}

Test(profile_text, nothing_known)
{
    struct json_object *profile = json_tokener_parse(unknown);

    catch_output();
    print_profile(profile);
    cr_assert_str_eq(
        caught_stdout(),
        "[fd77::2]:80 vlan 10\n"
        "  protocol       unknown, who speaks first is unknown\n"
        "  greeting       none\n"
        "  request check  none\n"
        "  accepted       nothing yet\n"
        "  TCP            MSS unknown, window unknown, scale refused, SACK refused, timestamps "
        "unknown, ECN unknown\n"
        "  IP             TTL unknown, DF unknown, ID unknown\n"
        "  evidence       handshakes 0, accepted requests 0, fidelity -, not armed\n"
        "  seen           never\n");
    json_object_put(profile);
}

Test(profile_text, table)
{
    struct json_object *profiles = json_object_new_array();

    json_object_array_add(profiles, json_tokener_parse(example));
    json_object_array_add(profiles, json_tokener_parse(unknown));
    catch_output();
    const struct arguments plain = {0};

    cr_assert(profile_table_show(&plain, profiles, NULL));
    cr_assert_str_eq(
        caught_stdout(),
        "SERVER                PROTOCOL  SPEAKS FIRST  HANDSHAKES  REQUESTS  FIDELITY  ARMED  LAST "
        "SEEN             ENFORCED\n"
        "10.77.0.2:110         pop3      server                12        10      0.97  yes    "
        "2026-01-01T00:10:00Z  unchecked: check=none was set\n"
        "[fd77::2]:80 vlan 10  -         -                      0         0         -  no     "
        "-                     -\n");
    json_object_put(profiles);
}

Test(profile_text, empty_table)
{
    struct json_object *profiles = json_object_new_array();

    catch_output();
    const struct arguments plain = {0};

    cr_assert(profile_table_show(&plain, profiles, NULL));
    cr_assert_str_eq(caught_stdout(), "no profiles yet\n");
    json_object_put(profiles);
}

Test(profile_text, keywords)
{
    struct json_object *profile =
        json_tokener_parse("{\"server\": \"10.77.0.2\", \"port\": 80, \"vlan\": [], "
                           "\"application\": {\"request\": {\"check\": "
                           "\"keyword\", \"keywords\": {\"host\": [\"a.example\", \"\"], \"alpn\": "
                           "[\"1\", \"2\", \"3\", \"4\", "
                           "\"5\", \"6\", \"7\", \"8\", \"9\"], \"sni\": 5}}}}");

    catch_output();
    print_profile(profile);
    const char *text = caught_stdout();
    cr_assert(strstr(text, "request check  keyword\n"), "%s", text);
    cr_assert(strstr(text, "keyword host   a.example, (none named)\n"), "%s", text);
    cr_assert(strstr(text, "keyword alpn   1, 2, 3, 4, 5, 6, 7, 8 and 1 more (--json shows all)\n"),
              "%s", text);
    json_object_put(profile);
}

/* A daemon of another version may leave fields out or fill them otherwise: words come out, not a
 * crash. */
Test(profile_text, strange_documents)
{
    static const char *const strange[] = {
        "{}",
        "{\"tcp\": 5, \"application\": [], \"evidence\": \"x\"}",
        "{\"application\": {\"greeting\": \"x\", \"request\": {\"keywords\": [1]}}}",
        "{\"application\": {\"request\": {\"protocols\": [null, 5]}}}",
        "{\"tcp\": {\"variants\": [null, 5, {}]}, \"settings\": []}",
        "{\"application\": {\"greeting\": {\"hex\": \"00\"}}}",
    };

    catch_output();
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        struct json_object *profile = json_tokener_parse(strange[i]);

        cr_assert_not_null(profile);
        print_profile(profile);
        cr_assert(strlen(caught_stdout()) > 0);
        json_object_put(profile);
    }
}
