# SPDX-License-Identifier: GPL-2.0-or-later
"""Keywords: a poisoned index of a P2P network sends 2,000 real clients for what the server lacks; a
host that no server has."""
import re
import signal

import runner
from lab import SYNWARD, Lab, check, check_equal, run, wait_until

PEER_PORT = 6881
HAS, LACKS = "aaaabbbbccccddddeeee", "0000111122223333ffff"
RIGHT_SOURCES, WRONG_SOURCES = "10.78.128.0/17", "10.78.0.0/17"
POISONED, RIGHT = 2000, 300
# Whoever is to be answered or reset waits for that; who has been answered goes after hold_ms.
PATIENT = {"patience_ms": 20000, "connect_timeout_ms": 20000}


def peer_lab(lab, extra=()):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode="normal", extra=extra)
    peer = lab._server("peer_server", PEER_PORT, {"hash": HAS})
    seen = ask(
        lab, HAS, 20, RIGHT_SOURCES, concurrency=2, hold_ms=50
    )  # two at a time: the first are compared with nothing
    check_equal(seen["answered"], 20, f"peers that were answered while learning ({seen})")
    lab.wait_armed(PEER_PORT)
    return peer


def ask(lab, wanted, count, sources, **options):
    return start_asking(lab, wanted, count, sources, **options).report()


def start_asking(lab, wanted, count, sources, hold_ms=1000, concurrency=200):
    return lab.start_talkers(
        PEER_PORT,
        count=count,
        concurrency=concurrency,
        say="bittorrent",
        hash=wanted,
        sources=sources,
        hold_ms=hold_ms,
        **PATIENT,
    )


def keywords(lab, port):
    return lab.profile(port)["application"]["request"]["keywords"]


def refused(lab, *arguments):
    """(exit code, what it said) of a command that fails."""
    try:
        run(SYNWARD, *arguments, "--control", lab.control)
    except Exception as error:
        return str(error)
    return None


class Arrivals:
    """SYNs that reach the server's host, counted by its packet filter before its TCP sees them."""

    def __init__(self, lab):
        self.namespace = lab.server
        rules = "\n".join(
            f"ip saddr {source} tcp dport {PEER_PORT} tcp flags & (syn | ack) == syn counter"
            for source in (WRONG_SOURCES, RIGHT_SOURCES)
        )
        self.namespace.run(
            "nft",
            "table ip arrivals {\nchain in {\ntype filter hook prerouting priority 0;\n"
            + rules
            + "\n}\n}\n",
        )

    def wrong_and_right(self):
        text = self.namespace.run("nft", "list", "table", "ip", "arrivals")
        return tuple(int(n) for n in re.findall(r"counter packets (\d+)", text))


def test_poisoned_index():
    with Lab() as lab:
        peer = peer_lab(lab, ("--hook", "off"))  # our SYNs are counted: a grant has none
        ask(lab, LACKS, 10, WRONG_SOURCES)  # refused by the peer: not learned
        check_equal(keywords(lab, PEER_PORT), {"info_hash": [HAS.encode().hex()]}, "keywords")
        lab.cli("profiles", "set", f"10.77.0.2:{PEER_PORT}", "check=keyword")
        lab.set_mode("attack")
        arrivals, before, opened = (
            Arrivals(lab),
            peer.counts(),
            lab.server.counter("TcpPassiveOpens"),
        )
        poisoned = start_asking(lab, LACKS, POISONED, WRONG_SOURCES)
        right = ask(lab, HAS, RIGHT, RIGHT_SOURCES, concurrency=30)
        poisoned = poisoned.report()
        check_equal(
            poisoned["connected"],
            POISONED,
            f"poisoned clients whose handshake was answered ({poisoned})",
        )
        check_equal(
            (poisoned["reset"], poisoned["answered"]),
            (POISONED, 0),
            f"poisoned clients reset, answered ({poisoned})",
        )
        check_equal(right["answered"], RIGHT, f"right clients that were answered ({right})")
        after = peer.counts()
        check_equal(after["refused"] - before["refused"], 0, "handshakes that the peer refused")
        check_equal(
            after["accepted"] - before["accepted"], RIGHT, "connections that the peer accepted"
        )
        check_equal(
            lab.server.counter("TcpPassiveOpens") - opened,
            RIGHT,
            "connections that the server's kernel completed",
        )
        wrong_syns, right_syns = arrivals.wrong_and_right()
        check_equal(wrong_syns, 0, "SYNs of poisoned clients that came to the server")
        check(right_syns >= RIGHT, f"SYNs of right clients that came to the server: {right_syns}")
        drops = lab.stats()["drops"]
        check(drops["keyword"] >= POISONED, f"drops for their keyword: {drops['keyword']}")
        check_equal(lab.cli("sources")["sources"], [], "sources put aside")
        poisoned = f"{POISONED:,} poisoned clients: {wrong_syns} SYNs at the server"
        return f"{poisoned}; {RIGHT} right ones: {right['answered']} answered"


def test_without_keywords_they_all_come():
    """The same clients speak the server's protocol: the check by protocol must let them in."""
    with Lab() as lab:
        peer = peer_lab(lab)
        lab.set_mode("attack")
        before = peer.counts()["refused"]
        seen = ask(lab, LACKS, 300, WRONG_SOURCES)
        check_equal(seen["connected"], 300, f"handshakes ({seen})")
        check_equal(
            peer.counts()["refused"] - before, 300, "handshakes that the peer had to refuse itself"
        )


def test_new_content_is_learned_and_in_force():
    with Lab() as lab:
        peer = peer_lab(lab)
        lab.cli("profiles", "set", f"10.77.0.2:{PEER_PORT}", "check=keyword")
        lab.set_mode("attack")
        other = lab._server("peer_server", PEER_PORT + 1, {"hash": LACKS})
        check_equal(
            ask(lab, LACKS, 20, WRONG_SOURCES)["answered"], 0, "answers for what the server lacks"
        )
        check_equal(
            keywords(lab, PEER_PORT),
            {"info_hash": [HAS.encode().hex()]},
            "keywords after refused requests",
        )
        peer.stop()
        other.stop()
        both = lab._server("peer_server", PEER_PORT, {"hash": LACKS})
        lab.set_mode("normal")
        check_equal(ask(lab, LACKS, 3, RIGHT_SOURCES)["answered"], 3, "answers in normal mode")
        wait_until(
            lambda: len(keywords(lab, PEER_PORT)["info_hash"]) == 2, 20, "the new hash is learned"
        )
        lab.set_mode("attack")
        check_equal(
            ask(lab, LACKS, 20, RIGHT_SOURCES)["answered"], 20, "answers for what was learned"
        )
        check_equal(both.counts()["refused"], 0, "handshakes refused")


def test_hosts_and_the_command_line():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.persistent_cards()
        lab.start(mode="normal")
        http = lab.http()
        why = refused(lab, "profiles", "set", "10.77.0.2:80", "check=keyword")
        check(why, "keywords of a server that nobody knows were set")
        lab.learn("http", 80)
        check_equal(
            keywords(lab, 80),
            {"host": ["10.77.0.2"]},
            "keywords of a web server asked by its address",
        )
        shown = lab.cli("profiles", "set", "10.77.0.2:80", "check=keyword")["profiles"][0]
        check_equal(shown["application"]["request"]["check"], "keyword", "the check that is shown")
        check("10.77.0.2" in lab.cli_text("profiles", "10.77.0.2:80"), "the host is shown")
        lab.set_mode("attack")
        accepted = http.accepted()
        seen = lab.talkers(
            80, count=200, concurrency=50, say="http", hold_ms=1000, **PATIENT
        )  # Host: wrong.example
        check_equal(
            (seen["reset"], http.accepted() - accepted),
            (200, 0),
            f"other hosts: reset, accepted ({seen})",
        )
        check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches of the right host")
        lab.restart("attack", how=signal.SIGTERM)
        check_equal(keywords(lab, 80), {"host": ["10.77.0.2"]}, "keywords after a restart")
        seen = lab.talkers(80, count=50, concurrency=50, say="http", hold_ms=1000, **PATIENT)
        check_equal(seen["reset"], 50, f"other hosts after a restart ({seen})")
        check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches after a restart")
        lab.cli("profiles", "set", "10.77.0.2:80", "check=protocol")
        seen = lab.talkers(80, count=50, concurrency=50, say="http", hold_ms=300, **PATIENT)
        check_equal(
            seen["answered"], 50, f"other hosts where only the protocol is checked ({seen})"
        )


runner.main(globals())
