# SPDX-License-Identifier: GPL-2.0-or-later
"""Modes that change, and synwards that come and go, while connections open and run: every client
gets its answer.

Crowds of 200 are stopped at one point of their way, all of them; then the mode changes, and they go
on:

    client               wire               server     caught
      | SYN ----------------------------------> |      syn: none arrives (blocked before the server)
      | <------------------------------- SYN-ACK|      synack: none arrives (before the client)
      | ACK ----------------------------------> |      connected
      | <------------------------------ greeting|      greeting: none arrives; greeted
      | part of a request --------------------> |      part
      | the rest -----------------------------> |      asked: none arrives (attack: synward's SYN)
      | <-------------------------------- answer|      answer: none arrives

In attack mode a service that greets has been greeted for at "connected", and nothing of it has
reached the server before "asked"."""
import contextlib
import random
import re
import select
import signal
import socket
import time
from typing import NamedTuple

import runner
from lab import (
    CLIENT4,
    CLIENT6,
    CLIENT_IF,
    SERVER4,
    SERVER6,
    SERVER_IF,
    Failure,
    Lab,
    check,
    check_equal,
    wait_until,
)

CROWD = 200
PATIENCE_S = 30
PATIENCE_MS = PATIENCE_S * 1000
OTHER = {"normal": "attack", "attack": "normal"}

SYN = "tcp flags & (syn | ack) == syn"
SYNACK = "tcp flags & (syn | ack) == syn | ack"
DATA = "tcp flags & psh == psh"


class Place(NamedTuple):
    """Where a crowd is caught: after so many steps, and what is kept from whom, from one of these
    steps on, until the change."""

    steps: int
    blocked_from: int = 0
    side: str = ""
    what: str = ""


PLACES = {
    "syn": Place(1, 0, "server", SYN),
    "synack": Place(1, 0, "client", SYNACK),
    "connected": Place(2),
    "greeting": Place(2, 0, "client", DATA),
    "greeted": Place(3),
    "part": Place(4),
    "opening": Place(5, 4, "server", SYN),
    "asked": Place(5, 4, "server", DATA),
    "answer": Place(5, 4, "client", DATA),
}
IN_NORMAL_MODE = {
    80: ("syn", "synack", "connected", "part", "asked", "answer"),
    110: ("syn", "synack", "connected", "greeting", "greeted", "part", "asked", "answer"),
}
IN_ATTACK_MODE = {
    80: ("synack", "connected", "part", "opening", "asked", "answer"),
    110: ("synack", "connected", "greeting", "greeted", "part", "opening", "asked", "answer"),
}
# Elsewhere the loss is total already, and for a second and more: with 2 % besides it may take all
# four greetings (README, Limits).
WITH_LOSS = ("connected", "greeted", "part", "opening", "asked")


class Http:
    port = 80
    greeting = b""
    request = b"GET / HTTP/1.1\r\nHost: synward.example\r\nConnection: close\r\n\r\n"

    @staticmethod
    def whole(answer):
        return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"synward test server\n")


class Pop3:
    port = 110
    greeting = b"+OK ready\r\n"
    request = b"USER test\r\n"

    @staticmethod
    def whole(answer):
        return answer == b"+OK\r\n"


class Crowd:
    """Many clients that take each step together. A step waits for the last of them."""

    def __init__(self, lab, service, address=SERVER4):
        self.service, self.server = service, (address, service.port)
        self.steps = [
            self.connect,
            self.connected,
            self.hear_greeting,
            lambda: self.say(service.request[:2]),
            lambda: self.say(service.request[2:]),
            self.hear_answer,
        ]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with lab.client.inside():
            self.clients = [socket.socket(family) for _ in range(CROWD)]

    def go(self, begin, end=None):
        """Takes the steps from one number to another."""
        for step in self.steps[begin:end]:
            step()

    def connect(self):
        for client in self.clients:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.connect_ex(self.server)

    def connected(self):
        waiting, poll = {c.fileno(): c for c in self.clients}, select.poll()
        for number in waiting:
            poll.register(number, select.POLLOUT)
        end = time.monotonic() + PATIENCE_S
        while waiting:
            check(
                time.monotonic() < end,
                f"{len(waiting)} of {CROWD} are not connected after {PATIENCE_S} s",
            )
            for number, _ in poll.poll(100):
                error = waiting[number].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                check(not error, f"a client could not connect: error {error}")
                poll.unregister(number)
                del waiting[number]
        for client in self.clients:
            client.settimeout(PATIENCE_S)

    def say(self, data):
        for client in self.clients:
            client.sendall(data)

    def hear(self, whole, what):
        for number, client in enumerate(self.clients):
            heard = b""
            while not whole(heard):
                try:
                    part = client.recv(65536)
                except OSError as error:
                    part = str(error).encode()
                    check(False, f"{what} of client {number}: {error} after {heard!r}")
                check(part, f"{what} of client {number}: closed after {heard!r}")
                heard += part

    def hear_greeting(self):
        self.hear(lambda heard: heard == self.service.greeting, "greeting")

    def hear_answer(self):
        self.hear(self.service.whole, "answer")

    def close(self):
        for client in self.clients:
            client.close()


def learned_lab(lab, mode, address=SERVER4, **pop3):
    # What is caught is our SYN to the server, and its answer: a grant has neither.
    lab.start(mode="normal", extra=("--hook", "off"))
    lab.http()
    lab.pop3(**pop3)
    lab.learn("http", 80, address)
    lab.learn("pop3", 110, address)
    lab.set_mode(mode)


def catch(lab, service, where, address=SERVER4):
    """A crowd that has come to this place: nearly all of it, where the wire itself loses frames
    too."""
    place, crowd = PLACES[where], Crowd(lab, service, address)
    crowd.go(0, place.blocked_from)
    if place.side:
        lab.block(place.side, place.what)
    crowd.go(place.blocked_from, place.steps)
    if place.side:
        enough = CROWD if lab.lost() == 0 else CROWD * 8 // 10
        wait_until(
            lambda: lab.kept_away(place.side) >= enough, 20, f"{enough} frames are kept away"
        )
    return crowd


def release(lab, crowd, where):
    """Lets it go on to the end."""
    place = PLACES[where]
    if place.side:
        lab.unblock(place.side)
    crowd.go(place.steps)
    crowd.close()


def all_places(mode, service, loss=0, address=SERVER4):
    """One crowd after the other, each caught by a switch from `mode`."""
    places = (IN_NORMAL_MODE if mode == "normal" else IN_ATTACK_MODE)[service.port]
    if loss:
        places = [place for place in places if place in WITH_LOSS]
    with Lab() as lab:
        learned_lab(lab, mode, address)
        if loss:
            lab.lose(loss, "client")
        never = {"opening"} if lab.stand_in else set()
        if mode == "attack" and not lab.stand_in:
            # One address, of which no server has had so many in calm, and all at once: not in turn.
            for crowd in (CLIENT4, CLIENT6):
                lab.cli("sources", "allow", crowd)
        figures = []
        for where in [place for place in places if place not in never]:
            lab.set_mode(mode)
            try:
                crowd = catch(lab, service, where, address)
                begin = time.monotonic()
                lab.set_mode(OTHER[mode])
                release(lab, crowd, where)
            except Failure as failure:
                raise Failure(f"{where}: {failure}") from None
            figures.append(f"{where} {time.monotonic() - begin:.1f} s")
        return f"{CROWD} each: " + ", ".join(figures)


def test_http_clients_caught_by_attack():
    return all_places("normal", Http)


def test_pop3_clients_caught_by_attack():
    return all_places("normal", Pop3)


def test_http_clients_caught_by_peace():
    return all_places("attack", Http)


def test_pop3_clients_caught_by_peace():
    return all_places("attack", Pop3)


def test_http_clients_caught_by_attack_with_loss():
    return all_places("normal", Http, 2, SERVER6)


def test_pop3_clients_caught_by_attack_with_loss():
    return all_places("normal", Pop3, 2)


def test_http_clients_caught_by_peace_with_loss():
    return all_places("attack", Http, 2)


def test_pop3_clients_caught_by_peace_with_loss():
    return all_places("attack", Pop3, 2, SERVER6)


def test_caught_while_the_real_greeting_is_due():
    """Their requests are held until the server has greeted, 200 ms after it was opened. Then the
    mode is another."""
    with Lab() as lab:
        learned_lab(lab, "attack", greeting_delay_ms=200)
        crowd = Crowd(lab, Pop3)
        crowd.go(0, 5)
        lab.set_mode("normal")
        crowd.go(5)
        crowd.close()


@contextlib.contextmanager
def on_a_slow_wire(lab):
    """Else a transfer may have ended before the last one has begun, or before the mode changes."""
    cards = ((lab.client, CLIENT_IF), (lab.server, SERVER_IF))
    for host, card in cards:
        slow = f"qdisc add dev {card} root tbf rate 200mbit burst 256kb latency 50ms"
        host.run("tc", *slow.split())
    yield
    for host, card in cards:
        host.run("tc", "qdisc", "del", "dev", card, "root")


def start_transfers(lab, bulk_bytes):
    return [
        lab.start_fetch(kind, 80, address, count=1, bytes=bulk_bytes, timeout_ms=PATIENCE_MS)
        for address in (SERVER4, SERVER6)
        for kind in ("download", "upload")
    ]


def under_way(lab, running):
    """All four move data: the server has accepted them, and more than a handshake has crossed."""

    def moving():
        text = lab.client.run("ss", "-Htin", "state", "established", "dport", "=", ":80")
        return len(
            [moved for moved in re.findall(r"segs_out:(\d+)", text) if int(moved) > 20]
        ) >= len(running)

    wait_until(moving, 20, "four transfers are under way")


def finish_transfers(running, what):
    for fetch in running:
        result = fetch.report()
        check_equal(result["ok"], 1, f"{what} ({result})")


def transfers_across(mode, loss, bulk_bytes):
    with Lab() as lab:
        learned_lab(lab, mode)
        if loss:
            lab.single_segments()
            lab.lose(loss, "ends")
        with on_a_slow_wire(lab):
            running = start_transfers(lab, bulk_bytes)
            under_way(lab, running)
            lab.set_mode(OTHER[mode])
            going_on = len([fetch for fetch in running if fetch.running()])
        check(going_on, "all transfers had ended before the switch: it proves nothing")
        finish_transfers(running, f"transfer across a switch from {mode}")
        return f"{going_on} of 4 under way"


def test_transfers_across_attack():
    return transfers_across("normal", 0, 150_000_000)


def test_transfers_across_peace():
    return transfers_across("attack", 0, 150_000_000)


def test_transfers_across_attack_with_loss():
    return transfers_across("normal", 2, 50_000_000)


def test_transfers_across_peace_with_loss():
    return transfers_across("attack", 2, 50_000_000)


def test_sessions_while_modes_flap():
    """Switches at any moment, with loss: whoever comes gets through."""
    with Lab() as lab:
        learned_lab(lab, "normal")
        lab.lose(2, "client")
        running = [
            lab.start_fetch(kind, port, count=0, concurrency=50, timeout_ms=PATIENCE_MS)
            for kind, port in (("http", 80), ("pop3", 110))
        ]
        switches, moments, end = 0, random.Random(1), time.monotonic() + 4
        while time.monotonic() < end:
            lab.set_mode(OTHER[lab.mode])
            switches += 1
            time.sleep(moments.uniform(0, 0.1))  # the traffic goes on meanwhile; any moment will do
        reports = [fetch.stop_report() for fetch in running]
        for report in reports:
            check_equal(report["failed"], 0, f"sessions across {switches} switches ({report})")
        return f"{switches} switches, {reports[0]['ok']} + {reports[1]['ok']} sessions"


def older_connections(how, service, places):
    """Connections that synward has not seen the beginning of, in attack mode: they were there
    before it (rule 5.13)."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.persistent_cards()
        learned_lab(lab, "normal")
        running = start_transfers(lab, 50_000_000) + start_transfers(lab, 50_000_000)
        # The blocked one is caught last, lest the others be kept away too, and goes on first.
        crowds = {where: catch(lab, service, where) for where in reversed(places)}
        lab.restart("attack", how)
        for where, crowd in sorted(crowds.items(), key=lambda caught: places.index(caught[0])):
            try:
                release(lab, crowd, where)
            except Failure as failure:
                raise Failure(f"{where}: {failure}") from None
        finish_transfers(running, "transfer older than synward")
        check_equal(lab.fetch("http", 80, count=50)["failed"], 0, "new sessions")


def test_http_clients_older_than_synward():
    older_connections(signal.SIGKILL, Http, ("asked", "connected", "part"))


def test_pop3_clients_older_than_synward():
    older_connections(signal.SIGTERM, Pop3, ("asked", "greeted", "part"))


runner.main(globals())
