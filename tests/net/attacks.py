# SPDX-License-Identifier: GPL-2.0-or-later
"""Six attacks on one server, with honest clients of two servers all the while: what came through,
and what it cost these.

    result = measure(lab, ATTACKS[0], port=80, seconds=3)

The lab runs in auto mode, and both servers are known.

Attackers have addresses of their own (10.78/16 those that are real, 10.200/16 those that are not),
so what reaches the server is told apart from honest clients by its source."""
import contextlib
import json
import re
import socket
import threading
import time

from lab import CLIENT4, FLOOD, SERVER_IF, check_equal

KINDS = {80: "http", 110: "pop3"}
REFUSED = "10.78.0.9"  # whom the servers turn away
PATIENCE_S = 900  # a million connections on a busy machine
HONEST_MS = 20000  # that they wait for an answer, as elsewhere
WRONG_WORDS = {80: "bittorrent", 110: "http"}


class Attack:
    """`words`: what real addresses say (None: the sources are spoofed). `setting`: set before it.
    `switches`: to attack mode, which `stops` it."""

    def __init__(
        self,
        name,
        words=None,
        sources=None,
        rate=None,
        setting=None,
        switches=True,
        stops=None,
        concurrency=200,
        hold_ms=200,
    ):
        self.name, self.words, self.sources, self.rate, self.setting = (
            name,
            words,
            sources,
            rate,
            setting,
        )
        self.switches, self.stops = switches, switches if stops is None else stops
        self.concurrency, self.hold_ms = concurrency, hold_ms
        self.slow = rate is not None and rate < 100

    def start(self, lab, port, seconds):
        if self.words is None:
            return lab.start_flood(port, count=self.rate * seconds, rate=self.rate, sources=FLOOD)
        words = {"wrong": WRONG_WORDS[port], "right": KINDS[port]}.get(self.words, self.words)
        return lab.start_talkers(
            port,
            count=10**9,
            concurrency=self.concurrency,
            say=words,
            hold_ms=self.hold_ms,
            sources=self.sources,
            connect_timeout_ms=2000,
        )

    def end(self, process):
        """How many connections it began."""
        return process.report()["sent"] if self.words is None else process.stop_report()["started"]


ATTACKS = [
    Attack("SYNs from spoofed addresses", rate=20000),
    Attack(
        "real addresses that say nothing", "nothing", "10.78.0.0/16", concurrency=500, hold_ms=1000
    ),
    Attack("real addresses, wrong requests", "wrong", "10.78.0.0/16", switches=False),
    Attack(
        "the same with trigger.mismatch=100",
        "wrong",
        "10.78.0.0/16",
        setting="trigger.mismatch=100",
    ),
    Attack(
        "the same from 4 addresses only", "wrong", "10.78.0.0/30", setting="trigger.mismatch=100"
    ),
    Attack(
        "right requests from 4 addresses",
        "right",
        "10.78.0.0/30",
        concurrency=50,
        hold_ms=20,
        switches=False,
    ),
    Attack(
        "one client makes the server refuse",
        "right",
        f"{REFUSED}/32",
        concurrency=20,
        hold_ms=100,
        switches=False,
    ),
    Attack(
        "the same with trigger.refused=100",
        "right",
        f"{REFUSED}/32",
        setting="trigger.refused=100",
        stops=False,
        concurrency=20,
        hold_ms=100,
    ),
    Attack("half-open connections, 60 a second", rate=60),
]


def start(lab):
    """The lab's two servers, known and in auto mode."""
    # What reaches the servers is counted by SYNs: a grant of the hook has none.
    lab.start(mode="auto", extra=("--hook", "off"))
    servers = {80: lab.http(80, refuse=REFUSED), 110: lab.pop3(110, refuse=REFUSED)}
    for port, kind in KINDS.items():
        lab.learn(kind, port)
    chain = (
        f"chain in {{ type filter hook ingress device {SERVER_IF} priority 0; "
        f"ip saddr != {CLIENT4} tcp flags & (syn | ack) == syn counter; }}"
    )
    lab.server.run("nft", "table netdev seen {\n" + chain + "\n}\n")
    return servers


def syns_seen(lab):
    """SYNs of attackers that have reached the server."""
    return int(
        re.search(
            r"counter packets (\d+)", lab.server.run("nft", "list", "table", "netdev", "seen")
        ).group(1)
    )


def ask(lab, **question):
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(lab.control)
        control.sendall(json.dumps(question).encode() + b"\n")
        return json.loads(b"".join(iter(lambda: control.recv(65536), b"")))


class ModeWatch(threading.Thread):
    """Notes when the server at a port is first seen in attack mode, and when in normal mode after
    that."""

    def __init__(self, lab, port):
        super().__init__(daemon=True)
        self.lab, self.port, self.over = lab, port, threading.Event()
        self.attack_s = self.normal_s = self.cause = None
        self.start()

    def run(self):
        with contextlib.suppress(OSError, ValueError):
            while not self.normal_s and not self.over.wait(0.005 if self.attack_s is None else 0.1):
                mode, cause = next(
                    (s["mode"], s["cause"])
                    for s in ask(self.lab, command="status")["servers"]
                    if s["port"] == self.port
                )
                if mode == "attack" and self.attack_s is None:
                    self.attack_s, self.cause = time.monotonic(), cause
                if mode == "normal" and self.attack_s is not None:
                    self.normal_s = time.monotonic()

    def stop(self):
        self.over.set()
        self.join()


class Honest:
    """Clients of both servers, one connection after the other, until report()."""

    def __init__(self, lab, interval_ms=10, concurrency=2):
        self.fetching = {
            port: lab.start_fetch(
                kind,
                port,
                count=0,
                interval_ms=interval_ms,
                concurrency=concurrency,
                timeout_ms=HONEST_MS,
            )
            for port, kind in KINDS.items()
        }

    def report(self):
        return {port: fetch.stop_report() for port, fetch in self.fetching.items()}


def measure(lab, servers, attack, port, seconds):
    """Runs it; what came of it. `watch` goes on until the server is in normal mode again, or is
    stopped."""
    if attack.setting:
        lab.cli("profiles", "set", f"10.77.0.2:{port}", attack.setting)
    lab.wait_no_flows()
    accepted, syns = servers[port].accepted(), syns_seen(lab)
    overflow = lab.stats()["frames"]["tap_overflow"]
    honest = Honest(lab)
    time.sleep(0.5)  # so that some are under way
    watch = ModeWatch(lab, port)
    begin_s = time.monotonic()
    process = attack.start(lab, port, seconds)
    time.sleep(seconds)
    begun = attack.end(process)
    end_s = time.monotonic()
    time.sleep(0.5)
    reports = honest.report()
    mine = reports[port]
    other = next(p for p in KINDS if p != port)
    return {
        "attack": attack,
        "port": port,
        "begun": begun,
        "syns": syns_seen(lab) - syns,
        "watch": watch,
        "begin_s": begin_s,
        "end_s": end_s,
        "accepts": max(
            0,
            servers[port].accepted() - accepted - sum(mine[k] for k in ("ok", "failed", "stopped")),
        ),
        "honest": mine,
        "other": reports[other],
        "aside": len(ask(lab, command="sources")["sources"]),
        "other_mode": lab.server_mode(other),
        "overflow": lab.stats()["frames"]["tap_overflow"] - overflow,
    }


def check_nobody_failed(result):
    for whose in ("honest", "other"):
        check_equal(
            result[whose]["failed"], 0, f"failures of honest clients ({whose}: {result[whose]})"
        )


def memory_of_spoofed(lab, count):
    """Resident memory around a flood of so many SYNs, each from an address of its own; it begins in
    normal mode."""
    lab.server.run("ip", "route", "replace", "11.0.0.0/8", "via", CLIENT4)
    return _memory(
        lab,
        lambda: lab.start_flood(80, count=count, sources="11.0.0.0/8").report(timeout=PATIENCE_S),
    )


def memory_of_real(lab, count):
    """The same around so many handshakes, each from an address of its own, and each with a wrong
    request."""
    lab.client.run("ip", "route", "replace", "local", "10.128.0.0/12", "dev", "lo")
    lab.server.run("ip", "route", "replace", "10.128.0.0/12", "via", CLIENT4)
    lab.set_mode("attack")
    seen = {}

    def clients():
        talkers = lab.start_talkers(
            80,
            count=count,
            sources="10.128.0.0/12",
            concurrency=200,
            say="bittorrent",
            hold_ms=1000,
        )
        seen.update(talkers.report(timeout=PATIENCE_S))

    result = _memory(lab, clients)
    check_equal(seen["connected"], count, f"handshakes ({seen})")
    return result


def _memory(lab, what):
    lab.wait_no_flows()
    before_kib = lab.resident_kib()
    what()
    return {"moved_kib": lab.resident_kib() - before_kib, "resident_kib": lab.resident_kib()}
