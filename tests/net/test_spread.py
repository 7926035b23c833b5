# SPDX-License-Identifier: GPL-2.0-or-later
"""Three bridges before one server, their keys and what they know in common: each segment of a
handshake by another one, a flood over all of them."""
import time

import runner
from lab import check, check_equal, make_root, wait_until
from spread import BY_CONNECTION, BY_SEGMENT, NAMES, Spread

CONNECTIONS = 10_000


def learned(lab):
    """All three have the profile that one of them has learned."""
    lab.http(80)
    for name in NAMES:
        lab.start_bridge(name)
    for name in NAMES:
        wait_until(lambda n=name: lab.bridges(n) == 3, 30, f"{name} has joined")
    lab.spread(BY_CONNECTION)
    check_equal(lab.fetch("http", port=80, count=60)["failed"], 0, "fetches while learning")
    for name in NAMES:
        wait_until(
            lambda n=name: any(p["evidence"]["armed"] for p in lab.profiles_of(n)),
            30,
            f"{name} has the profile: {lab.profiles_of(name)}",
        )


def test_each_segment_by_another_bridge():
    make_root()
    with Spread() as lab:
        learned(lab)
        for name in NAMES:
            lab.ask(name, "mode", "attack")
        lab.spread(BY_SEGMENT)
        report = lab.fetch("http", port=80, count=CONNECTIONS, concurrency=16, timeout_ms=5000)
        check_equal((report["ok"], report["failed"]), (CONNECTIONS, 0), f"fetches: {report}")
        # What the kernel has answered is counted a moment later.
        wait_until(
            lambda: lab.ask("a", "stats")["cookies"]["sent"] >= CONNECTIONS, 20, "a answers SYNs"
        )
        asked, taken, opened = [lab.ask(n, "stats") for n in NAMES]
        if lab.ask("a", "status")["kernel_path"]["answers"]:  # by the same keys and time
            check(asked["kernel"]["answered"] > CONNECTIONS // 2, f"a's kernel: {asked['kernel']}")
        # A port that is used again keeps its count, and its ACK goes by c: of some thousand.
        check(taken["cookies"]["accepted"] >= CONNECTIONS // 2, f"b takes: {taken['cookies']}")
        check(opened["requests"]["matched"] >= CONNECTIONS, f"c opens: {opened['requests']}")
        return f"{CONNECTIONS:,} fetches, SYN by a, ACK by b, request by c: none failed"


def test_a_flood_over_three_switches_all():
    make_root()
    with Spread() as lab:
        learned(lab)
        floods = [lab.start_flood_at(number, 10_000) for number in range(3)]

        def attacked():
            return [name for name in NAMES if "attack" in lab.mode_at(name)]

        wait_until(attacked, 20, "one is attacked")
        begin = time.monotonic()
        wait_until(lambda: len(attacked()) == 3, 20, f"all are: {attacked()}")
        took = time.monotonic() - begin
        check(took < 2, f"{took:.1f} s after the first")
        report = lab.fetch("http", port=80, count=200, timeout_ms=5000)
        check_equal(report["failed"], 0, f"fetches under it: {report}")
        for flood in floods:
            flood.stop()
        return f"all within {took:.1f} s of the first; 200 fetches, none failed"


def test_cookies_that_come_back_elsewhere_are_not_half_open():
    """Honest clients, whose SYN goes by a and all else by b and c: when a flood has ended, a knows
    that they are no flood."""
    make_root()
    with Spread() as lab:
        learned(lab)
        flood = lab.start_flood_at(0, 10_000)
        wait_until(
            lambda: all("attack" in lab.mode_at(name) for name in NAMES), 20, "all are attacked"
        )
        lab.spread(BY_SEGMENT)
        clients = lab.start_fetch(
            "http", port=80, concurrency=8, interval_ms=10, timeout_ms=5000, count=1_000_000
        )
        flood.stop()

        def half_open():
            found = [s for s in lab.ask("a", "status")["servers"] if s["port"] == 80]
            return found[0]["figures"]["half_open"]

        def few():
            return sorted(half_open() for _ in range(20) if not time.sleep(0.1))[15] < 67

        wait_until(few, 40, f"few are half-open: {half_open()}")
        before = lab.ask("a", "stats")["cookies"]["sent"]
        check(few(), f"and stay so: {half_open()}")
        sent = lab.ask("a", "stats")["cookies"]["sent"] - before
        check(sent > 200, f"clients go on asking: {sent} SYN-ACKs in 2 s")
        report = clients.stop_report()
        check(report["ok"] > 1000 and report["failed"] == 0, f"fetches: {report}")
        return f"fewer than 67 half-open of {sent} that a asked in 2 s; {report['ok']:,} fetches"


if __name__ == "__main__":
    runner.main(globals())
