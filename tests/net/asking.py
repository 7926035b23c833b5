# SPDX-License-Identifier: GPL-2.0-or-later
"""Who asks a DNS server: messages, a resolver that does as stubs do, and honest ones beside a flood
of forged queries. ../interop uses it too."""
import json
import socket
import struct
import threading
import time

from lab import CLIENT_IF, SERVER4, Failure, check, check_equal, run, wait_until

PORT = 53
QR, TC, RD, RA = 0x80, 0x02, 0x01, 0x80
CONNECTION_MORE = 200  # bytes by which the server's side of a connection is longer at most
CALM_S = 10  # to answer in calm, where only a busy machine is slow
LATE_LEAST = 11  # honest queries after the first second
FLOOD_S, RATES = 5, (100000, 25000, 12000)  # queries a second
SEEN_LEAST = 0.98  # of what was sent


def query(number, name="www.Example.test", flags=RD, edns=False):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    head = struct.pack("!HBBHHHH", number, flags, 0, 1, 0, 0, int(edns))
    return head + labels + b"\0\0\1\0\1" + (b"\0\0\x29\x04\xd0\0\0\0\0\0\0" if edns else b"")


def over_udp(message, address=SERVER4, timeout_s=1.0):
    """The answer, or None."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.settimeout(timeout_s)
        one.connect((address, PORT))
        one.send(message)
        try:
            answer = one.recv(4096)
        except TimeoutError:
            return None
        return answer if answer[:2] == message[:2] else None


def over_tcp(message, address=SERVER4, timeout_s=2.0):
    with socket.create_connection((address, PORT), timeout=timeout_s) as one:
        one.sendall(struct.pack("!H", len(message)) + message)
        answer = one.recv(4096)
    return answer[2:] if len(answer) > 2 else None


def resolve(number, address=SERVER4, tries=3, timeout_s=1.0):
    """As a stub does: again after a second, and over TCP where it is told so. How it was answered,
    or None."""
    for _ in range(tries):
        answer = over_udp(query(number), address, timeout_s)
        if answer is None:
            continue
        if not answer[2] & TC:
            return "udp"
        try:
            return "tcp" if over_tcp(query(number), address) else None
        except OSError:
            continue
    return None


def udp_profile(lab):
    for profile in lab.cli("profiles").get("profiles", []):
        if profile["port"] == PORT and profile["transport"] == "udp":
            return profile
    return None


def udp_server(lab):
    for server in lab.cli("status")["servers"]:
        if server["port"] == PORT and server["transport"] == "udp" and server["server"] == SERVER4:
            return server
    return None


def learn(lab, queries=24):
    """Of a server that runs: over TCP, then over UDP."""
    with lab.client.inside():
        for number in range(12):
            check(over_tcp(query(number), timeout_s=CALM_S), "an answer over TCP")
    lab.wait_armed(PORT)

    def armed():
        with lab.client.inside():
            for number in range(queries):
                asked = query(number, edns=number % 2 == 1)
                check(over_udp(asked, timeout_s=CALM_S), "an answer over UDP")
        profile = udp_profile(lab)
        return profile and profile["evidence"]["armed"]

    wait_until(armed, 20, "armed over UDP")


def usual(lab, seconds=13):
    """The server's own past: a few queries a second."""
    end = time.monotonic() + seconds
    with lab.client.inside():
        number = 0
        while time.monotonic() < end:
            number += 1
            check(over_udp(query(number), timeout_s=CALM_S), "an answer in calm")
            time.sleep(0.1)


class Honest(threading.Thread):
    """Asks every 50 ms from the client's namespace, until it is told to stop."""

    def __init__(self, namespace):
        super().__init__()
        self.namespace, self.stop, self.results = namespace, threading.Event(), []

    def run(self):
        with self.namespace.inside():
            number = 0
            while not self.stop.is_set():
                begin, number = time.monotonic(), number + 1
                self.results.append((begin, resolve(number)))
                self.stop.wait(0.05)

    def since(self, begin):
        return [how for at, how in self.results if at > begin]

    def end(self):
        self.stop.set()
        self.join()


def interface_bytes(lab):
    """(sent, received) by the client's card."""
    shown = json.loads(run("ip", "-n", lab.client.name, "-s", "-j", "link", "show", CLIENT_IF))
    stats = shown[0]["stats64"]
    return stats["tx"]["bytes"], stats["rx"]["bytes"]


def check_bytes(honest, others, reached, answer_more, out_bytes, in_bytes):
    """The server's own answers are longer than what they answer: to honest clients, and to what of
    the flood has reached it."""
    how = [how for _, how in honest.results]
    own = answer_more * (how.count("udp") + reached)
    own += (answer_more + CONNECTION_MORE) * (how.count("tcp") + others)
    check(out_bytes <= in_bytes + own, f"{out_bytes} bytes out, {in_bytes} in, {own} of the server")


class Overrun(Failure):
    """Somebody failed, but synward was never shown what he sent: the machine lost frames on the
    way, which says nothing of synward."""


def at_a_rate_that_is_kept(attempt):
    """attempt(count, rate) in a lab of its own; where the machine loses frames of it, slower."""
    for rate in RATES[:-1]:
        try:
            return attempt(FLOOD_S * rate, rate)
        except Overrun as why:
            slower = str(why)
    return f"{attempt(FLOOD_S * RATES[-1], RATES[-1])}; faster: {slower}"


def judge(seen, sent, begin, honest, others):
    """Nobody who asked after the first second failed: `others` as (when, whether he did not)."""
    late = [bool(how) for how in honest.since(begin + 1)] + [
        ok for at, ok in others if at > begin + 1
    ]
    if not all(late) and seen < SEEN_LEAST * sent:
        raise Overrun(f"{late.count(False)} failed, of {sent:,} queries {seen:,} came to synward")
    check(all(late), f"failures after the first second: {honest.results} {others}")


def flood_in_auto(lab, reached_it, count, rate, beside=None):
    """Honest clients beside a flood: how much further `reached_it()` is afterwards, and what they
    met. `beside()` asks once, says whether it was answered, and is called over and over until the
    flood has ended."""
    with lab.client.inside():
        answer_more = len(over_udp(query(1), timeout_s=CALM_S)) - len(query(1))
    honest, others = Honest(lab.client), []
    before, seen = reached_it(), udp_server(lab)["figures"]["queries"]
    sent, received = interface_bytes(lab)
    honest.start()
    try:
        begin = time.monotonic()
        flood = lab.start_flood(PORT, count=count, rate=rate, dns="yes")
        # Where the machine is busy: attack mode outlasts the flood.
        while beside and (flood.running() or not others or others[-1][0] <= begin + 1):
            at = time.monotonic()
            others.append((at, beside()))
        report = flood.report()
        took = time.monotonic() - begin
        state = udp_server(lab)
        wait_until(lambda: len(honest.since(begin + 1)) >= LATE_LEAST, 60, "honest queries")
    finally:
        honest.end()
    now_sent, now_received = interface_bytes(lab)
    out_bytes, in_bytes = now_received - received, now_sent - sent
    reached, seen = reached_it() - before, udp_server(lab)["figures"]["queries"] - seen
    check_equal(state["mode"], "attack", f"the mode ({state})")
    check_bytes(honest, len(others), reached, answer_more, out_bytes, in_bytes)
    check(reached < report["sent"] // 10, f"of {report['sent']} {reached} reached the server")
    judge(seen, report["sent"], begin, honest, others)
    late = honest.since(begin + 1)
    early = [how for at, how in honest.results if at <= begin + 1]
    return (
        f"{report['sent']:,} forged queries in {took:.1f} s, {seen:,} seen, {reached:,} reached "
        f"the server, cause {state['cause']}, honest {len(late)} without a failure after the first "
        f"second ({late.count('tcp')} over TCP), {early.count(None)} of {len(early)} failed in it, "
        f"{out_bytes:,} bytes out for {in_bytes:,} in"
    )
