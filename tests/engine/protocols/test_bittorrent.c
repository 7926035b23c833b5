/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_bittorrent.c - the plain handshake of BitTorrent's peers. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_keywords.h"
#include "tests/engine/protocols/support_samples.h"

#define BEGIN "\023BitTorrent protocol"
#define HASH  "01234567890123456789"
#define ASKED BYTES(BEGIN "\0\0\0\0\0\x10\0\5" HASH "-TR3000-abcdefghijkl")

Test(bittorrent, handshakes)
{
    assert_samples(PROTOCOL_BITTORRENT);
    assert_fixed("bittorrent", 0, 20);
}

Test(bittorrent, peer_id_does_not_matter)
{
    cr_assert_eq(check_bytes(PROTOCOL_BITTORRENT, BYTES(BEGIN "\0\0\0\0\0\0\0\0" HASH)), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_BITTORRENT,
                             BYTES(BEGIN "\0\0\0\0\0\0\0\0" HASH "\3BS36.........UDP0")),
                 MATCH_YES);
}

Test(bittorrent, answers)
{
    assert_answer(PROTOCOL_BITTORRENT, ASKED, BYTES(BEGIN "\0\0\0\0\0\0\0\1" HASH "peer"), 48,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_BITTORRENT, ASKED,
                  BYTES(BEGIN "\0\0\0\0\0\0\0\1"
                              "x1234567890123456789"),
                  29, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_BITTORRENT, ASKED, BYTES("HTTP/1.1 400"), 1, ACCEPTANCE_REFUSED);
    cr_assert_eq(
        answer_bytes(PROTOCOL_BITTORRENT, BYTES(BEGIN), BYTES(BEGIN "\0\0\0\0\0\0\0\1" HASH)),
        ACCEPTANCE_REFUSED, "who has not said what it wants was not answered");
}

Test(bittorrent, asks_for_a_hash)
{
    assert_keywords(PROTOCOL_BITTORRENT, ASKED, 48,
                    "info_hash=3031323334353637383930313233343536373839");
}
