# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS over UDP on real traffic: a server is learned, told apart from the one over TCP, and its
clients are told to come over TCP while it is attacked."""
import json
import socket
import struct
import threading
import time

import runner
from lab import CLIENT_IF, SERVER4, SERVER6, Lab, check, check_equal, run, wait_until

PORT = 53
QR, TC, RD, RA = 0x80, 0x02, 0x01, 0x80
NOTIFY = 4 << 3
ANSWER_MORE, CONNECTION_MORE = 16, 200  # bytes by which an answer may be longer than its query


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


def learned(lab, mode="auto", queries=24, extra=(), **options):
    """A server that is known over both."""
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode=mode, extra=extra)
    server = lab._server("dns_server", PORT, options)
    wait_until(lambda: lab.server.listens(PORT), 5, "it listens")
    with lab.client.inside():
        for number in range(12):
            check(over_tcp(query(number)), "an answer over TCP")
    lab.wait_armed(PORT)

    def armed():
        with lab.client.inside():
            for number in range(queries):
                check(over_udp(query(number, edns=number % 2 == 1)), "an answer over UDP")
        profile = udp_profile(lab)
        return profile and profile["evidence"]["armed"]

    wait_until(armed, 10, "armed over UDP")
    return server


def test_is_learned_and_shown():
    with Lab() as lab:
        learned(lab)
        profile = udp_profile(lab)
        check_equal(profile["enforced"], "a query over TCP first", "what is enforced")
        facts = {name: fact for name, fact in profile["dns"].items() if isinstance(fact, dict)}
        for name in ("question_same", "rd_copied", "ra_set", "edns"):
            check(facts[name]["yes"] == facts[name]["of"] > 0, f"{name}: {facts[name]}")
        check_equal(facts["aa_set"]["yes"], 0, "AA")
        check(f"{SERVER4}:53/udp" in lab.cli_text("status"), "status names it")
        check(f"{SERVER4}:53/udp" in lab.cli_text("profiles"), "profiles names it")
        check("transport  " in lab.cli_text("profiles", f"{SERVER4}:53/udp"), "it is shown")
        check(f'server="{SERVER4}:53/udp"' in run_metrics(lab), "metrics name it")
        check_equal(
            [p["transport"] for p in lab.cli("profiles", f"{SERVER4}:53/tcp")["profiles"]],
            ["tcp"],
            "the other one alone",
        )


def run_metrics(lab):
    return lab.cli_text("metrics")


def test_under_attack_by_the_operator():
    with Lab() as lab:
        server = learned(lab)
        with lab.client.inside():
            check(over_tcp(query(1)), "an answer over TCP")  # so this address is known, no other is
        lab.client.ip(f"addr add 10.77.0.77/24 dev {CLIENT_IF}")
        lab.set_mode("attack", f"{SERVER4}:53/udp")
        check_equal(udp_server(lab)["mode"], "attack", "its mode")
        check_equal(lab.server_mode(PORT), "normal", "that of the one over TCP")
        before = server.counts()["accepted"]
        with lab.client.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("10.77.0.77", 0))
            other.settimeout(2)
            asked = query(0xBEEF, "wWw.eXaMpLe.TeSt", edns=True)
            other.sendto(asked, (SERVER4, PORT))
            answer = other.recv(4096)
            check_equal(answer[:2], asked[:2], "the id")
            check_equal(answer[2] & ~0x04, QR | TC | RD, "its flags")
            check_equal(answer[3], RA, "its flags")
            check_equal(answer[12:], asked[12:], "question and EDNS to the byte")
            other.settimeout(0.5)
            other.sendto(query(1, flags=NOTIFY), (SERVER4, PORT))
            try:
                check(not other.recv(4096), "an answer to NOTIFY")
            except TimeoutError:
                pass
        check_equal(server.counts()["accepted"], before, "queries that reached the server")
        check_equal(lab.stats()["drops"]["query_odd"], 1, "drops")
        with lab.client.inside():
            check_equal(resolve(1), "udp", "who has asked over TCP before")
            check_equal(server.counts()["accepted"], before + 1, "it reached the server")
        lab.set_mode("default", f"{SERVER4}:53/udp")


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


def interface_bytes(lab):
    """(sent, received) by the client's card."""
    shown = json.loads(run("ip", "-n", lab.client.name, "-s", "-j", "link", "show", CLIENT_IF))
    stats = shown[0]["stats64"]
    return stats["tx"]["bytes"], stats["rx"]["bytes"]


def flood_in_auto(lab, server, count, rate, address=SERVER4):
    """Honest clients beside a flood: what reached the server, and what they met."""
    honest = Honest(lab.client)
    before = server.counts()["accepted"]
    sent, received = interface_bytes(lab)
    honest.start()
    begin = time.monotonic()
    report = lab.flood(PORT, address=address, count=count, rate=rate, dns="yes")
    took = time.monotonic() - begin
    state = udp_server(lab)
    honest.stop.set()
    honest.join()
    now_sent, now_received = interface_bytes(lab)
    late = [how for at, how in honest.results if at > begin + 1]
    check_equal(state["mode"], "attack", f"the mode ({state})")
    check(len(late) > 10, f"honest queries: {len(late)}")
    check_equal(late.count(None), 0, f"failures after the first second ({honest.results})")
    # The server's own answers to honest clients are longer than what they asked.
    how = [how for _, how in honest.results]
    own = ANSWER_MORE * how.count("udp") + CONNECTION_MORE * how.count("tcp")
    out_bytes, in_bytes = now_received - received, now_sent - sent
    check(out_bytes <= in_bytes + own, f"{out_bytes} bytes out, {in_bytes} in, {own} of the server")
    reached = server.counts()["accepted"] - before
    early = [how for at, how in honest.results if at <= begin + 1]
    return reached, (
        f"{report['sent']:,} forged queries in {took:.1f} s, {reached:,} reached the server, "
        f"cause {state['cause']}, honest {len(late)} without a failure after the first second "
        f"({late.count('tcp')} over TCP), {early.count(None)} of {len(early)} failed in it, "
        f"{out_bytes:,} bytes out for {in_bytes:,} in"
    )


def test_flood_that_the_server_cannot_answer():
    """No history is needed: what it leaves unanswered tells."""
    with Lab() as lab:
        server = learned(lab)
        lab.cli("profiles", "set", f"{SERVER4}:53/udp", "trigger.query_rate=off")
        server.stop()
        server = lab._server("dns_server", PORT, {"answer_udp": "no"})
        wait_until(lambda: lab.server.listens(PORT), 5, "it listens")
        reached = server.counts()["accepted"]
        lab.flood(PORT, count=20000, rate=20000, dns="yes")
        reached = server.counts()["accepted"] - reached
        check_equal(udp_server(lab)["mode"], "attack", f"the mode ({udp_server(lab)})")
        check("outstanding" in udp_server(lab)["cause"], udp_server(lab)["cause"])
        check(reached < 5000, f"{reached} reached the server")
        return f"{reached} of 20,000 reached it"


def test_flood_at_many_times_the_usual():
    with Lab() as lab:
        server = learned(lab)
        usual(lab)
        reached, text = flood_in_auto(lab, server, 500000, 100000)
        check(reached < 50000, f"{reached} forged queries reached the server")
        return text


def test_flood_over_ipv6():
    with Lab() as lab:
        server = learned(lab)
        with lab.client.inside():
            for number in range(12):
                check(over_tcp(query(number), SERVER6), "an answer over TCP")

        def armed():
            with lab.client.inside():
                for number in range(24):
                    check(over_udp(query(number), SERVER6), "an answer over UDP")
            profiles = [p for p in lab.cli("profiles")["profiles"] if p["transport"] == "udp"]
            return sum(p["evidence"]["armed"] for p in profiles) == 2

        wait_until(armed, 10, "armed over IPv6")
        lab.set_mode("attack")
        before = server.counts()["accepted"]
        lab.flood(PORT, address=SERVER6, count=20000, rate=20000, dns="yes")
        check_equal(server.counts()["accepted"], before, "forged queries that reached the server")
        with lab.client.inside():
            check(resolve(7, SERVER6), "an honest one")
        return f"{lab.stats()['queries']['truncated']:,} told to come over TCP"


def usual(lab, seconds=13):
    """The server's own past: a few queries a second."""
    end = time.monotonic() + seconds
    with lab.client.inside():
        number = 0
        while time.monotonic() < end:
            number += 1
            check(over_udp(query(number)), "an answer in calm")
            time.sleep(0.1)


def test_comes_back_to_normal():
    with Lab() as lab:
        learned(lab)
        usual(lab)
        lab.flood(PORT, count=50000, rate=50000, dns="yes")
        check_equal(udp_server(lab)["mode"], "attack", "under a flood")
        wait_until(lambda: udp_server(lab)["mode"] == "normal", 45, "it is quiet")


runner.main(globals())
