# SPDX-License-Identifier: GPL-2.0-or-later
"""Each of the six attacks, in short: no honest client fails. Crowds behind one address, two
servers, memory."""
import attacks
import runner
from lab import Lab, check, check_equal, wait_until

SYNS_MOST = 1000  # of an attack, before its server is protected
SECONDS = 3
PATIENCE_MS = 20000  # of an honest client that waits for its answer
MEMORY_MAY_MOVE_KIB = 1024


def daemon_lab():
    lab = Lab()
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    return lab


def attacked(part_of_name, port):
    attack = next(a for a in attacks.ATTACKS if part_of_name in a.name)
    with daemon_lab() as lab:
        result = attacks.measure(
            lab, attacks.start(lab), attack, port, SECONDS + (2 if attack.slow else 0)
        )
        if attack.switches:  # it has come, and stays for a while; a busy machine may look late
            wait_until(lambda: result["watch"].attack_s, 20, "attack mode is seen")
        result["watch"].stop()
        attacks.check_nobody_failed(result)
        check_equal(result["other_mode"], "normal", "mode of the other server")
        check_equal(
            result["watch"].attack_s is not None,
            attack.switches,
            f"attack mode came (cause {result['watch'].cause})",
        )
        if attack.stops:
            check(result["syns"] <= SYNS_MOST, f"{result['syns']} SYNs reached the server")
            check(result["accepts"] <= SYNS_MOST, f"the server accepted {result['accepts']}")
        reached = f"{result['syns']:,} SYNs and {result['accepts']:,} accepts reached the server"
        return f"of {result['begun']:,} {reached}, cause {result['watch'].cause}"


def test_spoofed_syns():
    return attacked("spoofed", 80)


def test_silent():
    return attacked("say nothing", 110)


def test_wrong_requests():
    return attacked("wrong requests", 80)


def test_wrong_requests_where_the_trigger_is_set():
    return attacked("trigger.mismatch", 110)


def test_right_requests_of_few():
    return attacked("right requests", 110)


def test_refused():
    return attacked("makes the server refuse", 110)


def test_refused_where_the_trigger_is_set():
    return attacked("trigger.refused", 80)


def test_trickle_of_half_open():
    return attacked("half-open", 110)


def test_500_honest_and_20_bad_clients_behind_one_address():
    """They ask at a person's pace; the bad ones as often as they are let. A tenth of the requests
    must be right, of those of a few seconds: so the bad ones come when each honest one has asked,
    as a process that begins late would be none of many."""
    with daemon_lab() as lab:
        web = attacks.start(lab)[80]
        lab.set_mode("attack")
        accepted = web.accepted()
        honest = lab.start_talkers(
            80,
            count=4000,
            concurrency=500,
            say="http",
            hold_ms=1000,
            patience_ms=PATIENCE_MS,
            sources="10.78.0.7/32",
        )
        wait_until(lambda: web.accepted() - accepted >= 500, 60, "the honest ones have come")
        bad = lab.start_talkers(
            80, count=10**9, concurrency=20, say="bittorrent", hold_ms=200, sources="10.78.0.7/32"
        )
        report = honest.report()
        found = [(s["address"], s["state"]) for s in lab.cli("sources")["sources"]]
        wrong = bad.stop_report()["started"]
        check_equal(
            report["answered"],
            4000,
            f"honest clients that were answered ({report}; sources {found}; {wrong} wrong)",
        )
        check_equal(found, [("10.78.0.7", "limited")], "sources")
        return f"beside {wrong:,} wrong requests"


def test_two_servers_one_attacked():
    """Of the same protocol, at one address: the mode is one server's alone."""
    with daemon_lab() as lab:
        attacks.start(lab)
        lab.http(8080)
        lab.learn("http", 8080)
        other = lab.start_fetch(
            "http", 8080, count=0, interval_ms=5, concurrency=2, timeout_ms=PATIENCE_MS
        )
        flood = lab.start_flood(80, count=150000, rate=50000)
        silent = lab.talkers(80, count=2000, concurrency=200, hold_ms=300, connect_timeout_ms=1000)
        flood.report()
        seen = other.stop_report()
        check_equal(lab.server_mode(80), "attack", "mode of the attacked server")
        check_equal(lab.server_mode(8080), "normal", "mode of the other server")
        check_equal(seen["failed"], 0, f"fetches of the other server ({seen})")
        check(seen["ok"] >= 50, f"it was asked all the while ({seen})")
        beside = f"the flood and {silent['started']:,} silent clients"
        return f"{seen['ok']} fetches of the other, beside {beside}"


def test_memory_through_spoofed_sources():
    with daemon_lab() as lab:
        attacks.start(lab)
        return flat(attacks.memory_of_spoofed(lab, 2_000_000))


def test_memory_through_real_sources():
    with daemon_lab() as lab:
        attacks.start(lab)
        return flat(attacks.memory_of_real(lab, 100_000))


def flat(memory):
    check(
        abs(memory["moved_kib"]) <= MEMORY_MAY_MOVE_KIB,
        f"resident memory moved by {memory['moved_kib']} KiB",
    )
    return f"memory moved by {memory['moved_kib']} KiB"


runner.main(globals())
