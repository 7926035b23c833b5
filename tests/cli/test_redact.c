/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes from texts and documents, and that the same stays the same. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/redact.h"

static void reads(struct redaction *redaction, const char *text, const char *wanted)
{
    char *got = redact_text(redaction, text);

    cr_expect_str_eq(got, wanted, "%s became %s", text, got);
    free(got);
}

Test(redact, addresses_in_texts)
{
    struct redaction *r = redaction_new();

    reads(r, "10.0.0.5:80 is armed", "ipv4-1:80 is armed");
    reads(r, "from 10.0.0.6 to 10.0.0.5.", "from ipv4-2 to ipv4-1.");
    reads(r, "[fd77::2]:110, fd77:0:0::2: gone", "[ipv6-1]:110, ipv6-1: gone");
    reads(r, "10.0.0.0/8 fe80::1%eth0/64", "ipv4-3/8 ipv6-2%eth0/64");
    reads(r, "ether 02:00:00:AA:bb:cc brd ff:ff:ff:ff:ff:ff", "ether mac-1 brd ff:ff:ff:ff:ff:ff");
    reads(r, "bridge 8000.2:0:0:aa:bb:cc mac 2:0:0:aa:bb:cc", "bridge 8000.mac-1 mac mac-1");
    reads(r, "127.0.0.1 ::1 0.0.0.0", "127.0.0.1 ::1 0.0.0.0");
    reads(r, "::ffff:10.0.0.5", "ipv6-3");
    reads(r, "2026-11-29T12:00:01+0000 0.2.0 1.2.3.4.5 12:34",
          "2026-11-29T12:00:01+0000 0.2.0 "
          "ipv4-4.5 12:34");
    reads(r, "(10.0.0.5)\n10.0.0.5\t10.0.0.55", "(ipv4-1)\nipv4-1\tipv4-5");
    reads(r, "", "");
    redaction_free(r);
}

Test(redact, names_in_texts_are_whole_words)
{
    struct redaction *r = redaction_new();

    redact_name(r, "wan0");
    redact_name(r, "www.bank.example");
    redact_name(r, "x"); /* too short to be told from a word */
    redact_name(r, "lo");
    reads(r, "port:wan0@lab wan01 swan0 lo x", "port:name-1@lab wan01 swan0 lo x");
    reads(r, "host www.bank.example. wan0.service", "host name-2. name-1.service");
    reads(r, "www.bank.example.org", "name-2.org");
    redaction_free(r);
}

Test(redact, documents)
{
    static const char text[] =
        "{\"profiles\":[{\"server\":\"10.0.0.5\",\"port\":80,\"program\":\"bankd\","
        "\"application\":{\"protocol\":\"pop3\",\"greeting\":{\"text\":\"+OK bank\","
        "\"hex\":\"2b4f4b\",\"kind\":\"stable\"},\"request\":{\"keywords\":{\"host\":"
        "[\"bank.example\",\"\",\"10.0.0.5\"]}}}}],\"since\":\"2026-11-29T12:00:01Z\","
        "\"why\":\"bankd at 10.0.0.5 and bank.example\",\"null\":null}";
    static const char wanted[] =
        "{\"profiles\":[{\"server\":\"ipv4-1\",\"port\":80,\"program\":\"name-1\","
        "\"application\":{\"protocol\":\"pop3\",\"greeting\":{\"text\":\"name-2\","
        "\"hex\":\"name-3\",\"kind\":\"stable\"},\"request\":{\"keywords\":{\"host\":"
        "[\"name-4\",\"\",\"name-5\"]}}}}],\"since\":\"2026-11-29T12:00:01Z\","
        "\"why\":\"name-1 at ipv4-1 and name-4\",\"null\":null}";
    struct redaction *r = redaction_new();
    struct json_object *document = json_tokener_parse(text);

    redact_learn(r, document);
    redact_document(r, document);
    cr_assert_str_eq(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN), wanted);
    json_object_put(document);
    redaction_free(r);
}
