# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's life: auto mode and back, connections across a switch, the end by signal, the store
read again."""
import json
import os
import signal
import time

import runner
from lab import CLIENT_IF, SERVER_IF, Lab, check, check_equal, in_time, run, wait_until

QUIET_S = 30


def daemon_only(lab):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")


def test_auto_attack_and_back():
    with Lab() as lab:
        daemon_only(lab)
        lab.start(mode="auto")
        http = lab.http()
        lab.learn("http", 80)
        check_equal(lab.server_mode(80), "normal", "mode before")
        accepted = http.accepted()
        begin = time.monotonic()
        lab.flood(80, count=5000)
        wait_until(lambda: lab.server_mode(80) == "attack", 20, "attack mode")
        # The flood passed until it was noticed; what the server was asked is far less than what was
        # sent.
        wait_until(
            lambda: lab.stats()["cookies"]["sent"] >= 4000, 20, "cookies for most of 5,000 SYNs"
        )
        check_equal(lab.fetch("http", 80, count=50)["failed"], 0, "fetches in attack mode")
        check_equal(http.accepted() - accepted, 50, "connections accepted")
        cause = next(s["cause"] for s in lab.cli("status")["servers"] if s["port"] == 80)
        check("half-open" in (cause or ""), f"the cause: {cause}")
        wait_until(lambda: lab.server_mode(80) == "normal", QUIET_S + 15, "back to normal")
        took = time.monotonic() - begin
        check(took >= QUIET_S - 2, f"back after only {took:.1f} s")
        check_equal(lab.fetch("http", 80, count=50)["failed"], 0, "fetches after it")
        return f"back after {took:.1f} s"


def test_open_connections_survive_switches():
    with Lab() as lab:
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        download = lab.start_fetch("download", 80, count=3, bytes=150_000_000, timeout_ms=20000)
        fetching = lab.start_fetch("http", 80)
        for mode in ("attack", "normal", "attack", "normal"):
            time.sleep(0.2)  # the traffic goes on meanwhile; any moment will do
            lab.set_mode(mode)
        check_equal(download.report()["failed"], 0, "downloads across four switches")
        fetched = fetching.stop_report()
        check_equal(fetched["failed"], 0, f"fetches across four switches ({fetched})")
        return f"{fetched['ok']} fetches"


def test_the_end():
    for number in (signal.SIGTERM, signal.SIGINT):
        in_time(0.25, lambda n=number: the_end(n), f"the end by {number.name}")


def the_end(number):
    """How long it took, with cards that go with the daemon."""
    with Lab() as lab:
        daemon_only(lab)
        lab.start(mode="normal", extra=("--card", "tap"))
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        code, took = lab.stop_daemon(number)
        check_equal(code, 0, f"exit code after {number.name}")
        check(not os.path.exists(lab.control), f"{number.name}: the socket is still there")
        for namespace, interface in ((lab.client, CLIENT_IF), (lab.server, SERVER_IF)):
            check(
                run("ip", "-n", namespace.name, "link", "show", interface, ok=False).returncode
                != 0,
                f"{number.name}: {interface} is still there",
            )
        with open(lab.store) as store:
            profiles = json.load(store)["profiles"]
        check_equal(
            [(p["port"], p["evidence"]["armed"]) for p in profiles],
            [(80, True)],
            f"{number.name}: the saved store",
        )
        return took


def test_the_peak_of_calm_outlives_the_daemon():
    with Lab() as lab:
        daemon_only(lab)
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        wait_until(lambda: lab.profile(80)["evidence"].get("held_peak"), 30, "a peak is learned")
        lab.stop_daemon()
        with open(lab.store) as store:
            saved = json.load(store)
        evidence = next(p["evidence"] for p in saved["profiles"] if p["server"] == "10.77.0.2")
        check(evidence["held_peak"] >= 1, f"saved: {evidence}")
        evidence["held_peak"] = 200
        with open(lab.store, "w") as store:
            json.dump(saved, store)
        os.remove(f"{lab.store}.flows")  # else the shard's own is taken over
        lab.start(mode="attack")
        servers = lab.cli("status")["servers"]
        server = next(s for s in servers if (s["server"], s["port"]) == ("10.77.0.2", 80))
        check_equal(server["held_mark"], 300, "the mark of a server with a peak of 200")


def test_a_saved_profile_protects_at_once():
    with Lab() as lab:
        daemon_only(lab)
        lab.start(mode="normal")
        http, pop3 = lab.http(), lab.pop3()
        lab.learn("http", 80)
        lab.learn("pop3", 110)
        lab.stop_daemon()
        lab.start(mode="attack")
        accepted = http.accepted(), pop3.accepted()
        lab.talkers(80, count=200, say="bittorrent", hold_ms=500)
        lab.talkers(110, count=200, say="http", hold_ms=500)
        check_equal((http.accepted(), pop3.accepted()), accepted, "connections accepted")
        check_equal(
            lab.fetch("http", 80, count=20)["failed"] + lab.fetch("pop3", 110, count=20)["failed"],
            0,
            "fetches",
        )


def test_single_reads():
    """The fallback where the kernel has no multishot reads."""
    with Lab() as lab:
        daemon_only(lab)
        lab.start(mode="normal", extra=["--single-reads"])
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        check_equal(lab.fetch("http", 80, count=200)["failed"], 0, "fetches")
        check_equal(
            lab.fetch("download", 80, bytes=50_000_000, timeout_ms=20000)["failed"], 0, "download"
        )


runner.main(globals())
