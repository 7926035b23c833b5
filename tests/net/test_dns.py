# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS over UDP on real traffic: a server is learned, told apart from the one over TCP, and its
clients are told to come over TCP while it is attacked."""
import socket

import runner
from asking import (
    CALM_S,
    PORT,
    QR,
    RA,
    RD,
    TC,
    at_a_rate_that_is_kept,
    flood_in_auto,
    learn,
    over_tcp,
    over_udp,
    query,
    resolve,
    udp_profile,
    udp_server,
    usual,
)
from lab import CLIENT_IF, SERVER4, SERVER6, Lab, check, check_equal, wait_until

NOTIFY = 4 << 3


def learned(lab, mode="auto", queries=24, extra=(), **options):
    """A server that is known over both."""
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode=mode, extra=extra)
    server = lab._server("dns_server", PORT, options)
    wait_until(lambda: lab.server.listens(PORT), 20, "it listens")
    learn(lab, queries)
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
            # So this address is known, and no other is.
            check(over_tcp(query(1), timeout_s=CALM_S), "an answer over TCP")
        lab.client.ip(f"addr add 10.77.0.77/24 dev {CLIENT_IF}")
        lab.set_mode("attack", f"{SERVER4}:53/udp")
        check_equal(udp_server(lab)["mode"], "attack", "its mode")
        check_equal(lab.server_mode(PORT), "normal", "that of the one over TCP")
        before = server.counts()["accepted"]
        with lab.client.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("10.77.0.77", 0))
            other.settimeout(CALM_S)
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
        wait_until(lambda: lab.stats()["drops"]["query_odd"] == 1, 20, "it is dropped")
        check_equal(server.counts()["accepted"], before, "queries that reached the server")
        with lab.client.inside():
            # Each from a port of its own, so that every worker meets some.
            how = [resolve(number, timeout_s=CALM_S) for number in range(8)]
            check_equal(how, ["udp"] * 8, "who has asked over TCP before")
            check_equal(server.counts()["accepted"], before + 8, "they reached the server")
        lab.set_mode("default", f"{SERVER4}:53/udp")


def attacked(lab):
    """What `status` tells of the server then: of the flood's last frames some still wait to be read
    when it ends."""

    def told():
        server = udp_server(lab)
        return server["mode"] == "attack" and server

    return wait_until(told, 20, "attack mode")


def test_flood_that_the_server_cannot_answer():
    """No history is needed: what it leaves unanswered tells."""
    with Lab() as lab:
        server = learned(lab)
        lab.cli("profiles", "set", f"{SERVER4}:53/udp", "trigger.query_rate=off")
        server.stop()
        server = lab._server("dns_server", PORT, {"answer_udp": "no"})
        wait_until(lambda: lab.server.listens(PORT), 20, "it listens")
        reached = server.counts()["accepted"]
        lab.flood(PORT, count=20000, rate=20000, dns="yes")
        told = attacked(lab)
        reached = server.counts()["accepted"] - reached
        check("outstanding" in told["cause"], told["cause"])
        check(reached < 5000, f"{reached} reached the server")
        return f"{reached} of 20,000 reached it"


def test_flood_at_many_times_the_usual():
    def attempt(count, rate):
        with Lab() as lab:
            server = learned(lab)
            usual(lab)
            return flood_in_auto(lab, server.accepted, count, rate)

    return at_a_rate_that_is_kept(attempt)


def test_what_is_usual_outlives_a_restart():
    """Of a daemon that has seen no query of its own: that these are many is told at once."""
    with Lab() as lab:
        server = learned(lab)
        usual(lab)
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        lab._start_daemon("auto", ())
        lab.flood(PORT, count=15000, rate=5000, dns="yes")
        told = attacked(lab)
        check(told["cause"].startswith("query rate"), told["cause"])
        check(server.running(), "its server runs on")
        return told["cause"]


def test_flood_over_ipv6():
    with Lab() as lab:
        server = learned(lab)
        with lab.client.inside():
            for number in range(12):
                check(over_tcp(query(number), SERVER6, CALM_S), "an answer over TCP")

        def armed():
            with lab.client.inside():
                for number in range(24):
                    check(over_udp(query(number), SERVER6, CALM_S), "an answer over UDP")
            profiles = [p for p in lab.cli("profiles")["profiles"] if p["transport"] == "udp"]
            return sum(p["evidence"]["armed"] for p in profiles) == 2

        wait_until(armed, 20, "armed over IPv6")
        lab.set_mode("attack")
        before = server.counts()["accepted"]
        lab.flood(PORT, address=SERVER6, count=20000, rate=20000, dns="yes")
        check_equal(server.counts()["accepted"], before, "forged queries that reached the server")
        with lab.client.inside():
            check(resolve(7, SERVER6, timeout_s=CALM_S), "an honest one")
        return f"{lab.stats()['queries']['truncated']:,} told to come over TCP"


def test_comes_back_to_normal():
    with Lab() as lab:
        learned(lab)
        usual(lab)
        lab.flood(PORT, count=50000, rate=50000, dns="yes")
        attacked(lab)
        wait_until(lambda: udp_server(lab)["mode"] == "normal", 90, "it is quiet")


runner.main(globals())
