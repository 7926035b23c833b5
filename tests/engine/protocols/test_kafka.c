/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_kafka.c - requests to Kafka, and what tells them from PostgreSQL's, DNS' and ZooKeeper's. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define VERSIONS BYTES("\0\0\0\x22\0\x12\0\3\0\0\0\7\0\7rdkafka")

Test(kafka, requests)
{
    assert_samples(PROTOCOL_KAFKA);
    assert_fixed("kafka versions", 0, 1);
    assert_wrong_at("kafka versions", 5, 100);
    assert_wrong_at("kafka versions", 7, 21);
    assert_wrong_at("kafka versions", 13, 0x40); /* a name longer than the message */
    cr_assert_eq(check_bytes(PROTOCOL_KAFKA, BYTES("\0\0\0\x96\0\3\0\0user\0a\0database\0b\0")),
                 MATCH_NO, "a start of PostgreSQL");
    cr_assert_eq(check_bytes(PROTOCOL_KAFKA, BYTES("\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0")),
                 MATCH_NO, "a start of ZooKeeper");
}

Test(kafka, answers)
{
    assert_answer(PROTOCOL_KAFKA, VERSIONS, BYTES("\0\0\1\xa0\0\0\0\7\0\0"), 8,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_KAFKA, VERSIONS, BYTES("\0\0\1\xa0\0\0\0\1\0\0"), 8, ACCEPTANCE_REFUSED);
}
