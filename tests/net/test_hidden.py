# SPDX-License-Identifier: GPL-2.0-or-later
"""Protocols that look random: BitTorrent's encrypted handshake and eMule's obfuscated one, learned
on a live wire and then attacked. Sessions in attack mode are those of normal mode; who speaks
anything else never reaches the server."""
import os

import hidden
import runner
from lab import Lab, check, check_equal, wait_until
from services import Service, connect, refused

HAS, HAS_NOT = bytes(range(20)), bytes(range(20, 40))
USER, CLIENT_USER, OTHER_USER = (
    bytes([seed + i * 7 & 255 for i in range(16)]) for seed in (3, 90, 170)
)
PIECE = bytes(range(256)) * 80
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HELLO_TLS = b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + bytes(
    i * 73 & 255 for i in range(200)
)
TEXT = (
    b"what looks like nothing else, but is written with letters, "
    b"and longer than the 96 bytes of a key of MSE"
)
WRONG = (GET, HELLO_TLS, b"EHLO a\r\n", TEXT, bytes(120), b"\xff" * 96 + bytes(24))
PADS = (
    0,
    512,
    17,
    300,
    128,
    499,
    64,
    411,
    230,
    350,
    5,
    180,
)  # so that no chance decides what is learned


def bittorrent_peer(lab, port, plain, choice):
    """A peer that has HAS. In cipher, as `choice` says, and in plain where that is allowed."""
    pads = iter(PADS * 100)

    def speak(connection):
        wire = hidden.Wire(connection)
        if wire.peek(len(hidden.PREFACE)) == hidden.PREFACE:
            first = wire.receive(68) if plain else None
        else:
            first = hidden.mse_accept(wire, HAS, choice, next(pads))
        if first and first[28:48] == HAS:
            wire.send(hidden.handshake(HAS))
            wire.send(wire.receive(4) + PIECE)

    return Service(lab, port, speak)


def piece_of(wire):
    wire.send(b"asks")
    return wire.receive(4 + len(PIECE))


def plain_session(lab, port):
    with connect(lab, port) as client:
        wire = hidden.Wire(client)
        wire.send(hidden.handshake(HAS))
        return wire.receive(68), piece_of(wire)


def encrypted_session(lab, port, pad=None, info_hash=HAS):
    with connect(lab, port) as client:
        wire, first = hidden.mse_connect(client, info_hash, pad=pad)
        return first, piece_of(wire)


def closed_on(session):
    try:
        session()
    except (ConnectionError, TimeoutError):
        return True
    return False


def learned(lab, port, protocol, forms):
    request = lab.profile(port)["application"]["request"]
    check_equal(lab.profile(port)["application"]["protocol"], protocol, "what was learned")
    check_equal(
        (request["protocols"], request.get("forms")),
        ([protocol], forms),
        "accepted protocols and forms",
    )


def wrong_clients_do_not_reach(lab, service, port, wrong):
    accepted = service.accepted
    for data in wrong:
        check(refused(lab, port, data), f"{data[:20]!r} was not refused")
    check_equal(service.accepted, accepted, "connections that the server saw")


def bittorrent(port, plain, choice, forms):
    with Lab() as lab:
        lab.start(mode="normal")
        service = bittorrent_peer(lab, port, plain, choice)
        sessions = [lambda i: encrypted_session(lab, port, PADS[-i % len(PADS)])] + [
            lambda _: plain_session(lab, port)
        ] * plain
        before = [session(i) for i in range(len(PADS)) for session in sessions]
        check(
            all(said == (hidden.handshake(HAS), b"asks" + PIECE) for said in before),
            "a session in normal mode",
        )
        check(
            closed_on(lambda: encrypted_session(lab, port, info_hash=HAS_NOT)),
            "the peer does not have that",
        )
        lab.wait_armed(port)
        if not lab.stand_in:
            learned(lab, port, "bittorrent", forms)
        lab.set_mode("attack")
        accepted = service.accepted
        for i in range(len(PADS)):
            for session in sessions:
                check_equal(session(i), before[0], "a session in attack mode")
        wait_until(
            lambda: service.accepted == accepted + len(PADS) * len(sessions),
            5,
            "each was one connection of the server's",
        )
        wrong_clients_do_not_reach(
            lab, service, port, WRONG if plain else WRONG + (hidden.handshake(HAS),)
        )


def test_bittorrent_plain_and_encrypted():
    bittorrent(6881, True, hidden.CIPHER, {"bittorrent": ["plain", "encrypted"]})


def test_bittorrent_encrypted_only():
    bittorrent(6882, False, hidden.CIPHER, {"bittorrent": ["encrypted"]})


def test_bittorrent_that_goes_on_in_clear():
    bittorrent(6883, False, hidden.CLEAR, {"bittorrent": ["encrypted"]})


def emule_peer(lab, port):
    def speak(connection):
        wire = hidden.Wire(connection)
        if wire.peek(1)[0] not in hidden.MARKS:
            hidden.emule_accept(wire, USER)
        if hidden.receive_message(wire)[5] == hidden.HELLO:
            wire.send(hidden.hello_answer(USER))
            wire.send(hidden.receive_message(wire))

    return Service(lab, port, speak)


def emule_talk(wire):
    wire.send(hidden.hello(CLIENT_USER))
    answer = hidden.receive_message(wire)
    wire.send(hidden.message(0x58, PIECE))
    return answer, hidden.receive_message(wire)


def emule_plain(lab, port):
    with connect(lab, port) as client:
        return emule_talk(hidden.Wire(client))


def emule_obfuscated(lab, port, user=USER, padding=11):
    with connect(lab, port) as client:
        return emule_talk(hidden.emule_connect(client, user, padding))


def test_emule_plain_and_obfuscated():
    with Lab() as lab:
        lab.start(mode="normal")
        service = emule_peer(lab, 4662)
        before = [emule_obfuscated(lab, 4662, padding=20 * i) for i in range(6)] + [
            emule_plain(lab, 4662) for _ in range(6)
        ]
        check(
            all(
                said == (hidden.hello_answer(USER), hidden.message(0x58, PIECE)) for said in before
            ),
            "a session in normal mode",
        )
        lab.wait_armed(4662)
        if not lab.stand_in:
            learned(lab, 4662, "edonkey", {"edonkey": ["plain", "obfuscated"]})
            check_equal(
                lab.profile(4662)["application"]["request"]["keywords"]["user_hash"],
                [USER.hex()],
                "its user hash",
            )
        lab.set_mode("attack")
        accepted = service.accepted
        for i in range(12):
            check_equal(
                emule_obfuscated(lab, 4662, padding=21 * i),
                before[0],
                "an obfuscated session in attack mode",
            )
            check_equal(emule_plain(lab, 4662), before[0], "a plain one")
        wait_until(
            lambda: service.accepted == accepted + 24, 5, "each was one connection of the server's"
        )
        check(closed_on(lambda: emule_obfuscated(lab, 4662, OTHER_USER)), "another's user hash")
        wrong_clients_do_not_reach(
            lab, service, 4662, WRONG + (bytes(range(1, 30)), b"\x01" + os.urandom(200))
        )


runner.main(globals())
