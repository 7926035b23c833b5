/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mqtt.c - CONNECT of every version of MQTT. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define CONNECT BYTES("\x10\x11\0\4MQTT\4")

Test(mqtt, connects)
{
    assert_samples(PROTOCOL_MQTT);
    assert_fixed("mqtt 3.1.1", 0, 1);
    assert_fixed("mqtt 3.1.1", 2, 8);
    assert_fixed("mqtt 3.1", 2, 10);
    assert_wrong_at("mqtt 3.1.1", 8, 2);
    assert_wrong_at("mqtt 3.1.1", 8, 6);
    cr_assert_eq(check_bytes(PROTOCOL_MQTT, BYTES("\x10\x11\0\4MQTT\x84")), MATCH_YES, "a bridge");
}

Test(mqtt, length_takes_up_to_four_bytes)
{
    cr_assert_eq(check_bytes(PROTOCOL_MQTT, BYTES("\x10\xff\xff\xff\x7f\0\4MQTT\4")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_MQTT, BYTES("\x10\xff\xff\xff")), MATCH_MORE);
    cr_assert_eq(check_bytes(PROTOCOL_MQTT, BYTES("\x10\xff\xff\xff\xff")), MATCH_NO);
}

Test(mqtt, answers)
{
    assert_answer(PROTOCOL_MQTT, CONNECT, BYTES("\x20\2\0\0"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MQTT, CONNECT, BYTES("\x20\2\1\0\x90\3"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MQTT, CONNECT, BYTES("\x20\x13\0\0\x10"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MQTT, CONNECT, BYTES("\x20\x90\1\0\0\x8d"), 5, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MQTT, CONNECT, BYTES("\x20\x90\1\0\x87\x8d"), 5, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MQTT, CONNECT, BYTES("\x20\2\0\5"), 4, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MQTT, CONNECT, BYTES("\x30\2\0\0"), 1, ACCEPTANCE_REFUSED);
}
