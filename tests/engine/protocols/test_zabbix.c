/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_zabbix.c - messages of Zabbix, in each of their forms. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define PING BYTES("ZBXD\1\x0a\0\0\0\0\0\0\0agent.ping")

Test(zabbix, requests)
{
    static const char *const none[] = {
        "agent ping\n", "Agent.ping\n", "agents.ping\n", "www.example.org\r\n",
        "log\n",        "zbxd\1",       "ZBXDX"};

    assert_samples(PROTOCOL_ZABBIX);
    assert_wholes(PROTOCOL_ZABBIX);
    assert_fixed("zabbix agent", 0, 4);
    assert_wrong_at("zabbix agent", 4, 2);
    assert_wrong_at("zabbix agent", 4, 9);
    assert_none(PROTOCOL_ZABBIX, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_ZABBIX, BYTES("ZBXD\3")), MATCH_YES, "packed");
    assert_whole(PROTOCOL_ZABBIX, BYTES("ZBXD\5\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0hi!"), 23);
}

Test(zabbix, answers)
{
    assert_answer(PROTOCOL_ZABBIX, PING, BYTES("ZBXD\1\1\0\0\0\0\0\0\0001"), 5,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_ZABBIX, PING, BYTES("HTTP/1.1 400\r\n"), 1, ACCEPTANCE_REFUSED);
}
