# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as a process: what it holds in memory, how fast it ends, and that what it says is
already so."""
import signal
import socket

import runner
from lab import (
    CLIENT_IF,
    SERVER_IF,
    SYNWARD,
    WORKERS,
    Lab,
    before_all_others,
    check,
    check_equal,
    in_time,
    run,
    wait_until,
)
from rawtcp import ACK, PSH, SYN, RawClient
from wire_attacks import stranger

RESIDENT_MAX_KIB = (
    64 + 24 * (WORKERS - 1) << 10
)  # with 100,000 flows; a further worker brings its rings
FLOWS = 100_000
FLOW_BYTES = 124
FLOWS_MAX = 262_144
LEARNER_KIB = 12 << 10  # connections that the learner follows, observations under way
KEPT_BY_STRANGERS = 12_288  # three quarters of the slots
SLOTS_KIB = 16 << 10  # for each of these a head of 128 bytes and a chunk of 1 KiB; shares
WEB_PORTS = (80, 8080, 8081)  # a server may have a quarter
BATCH = 200
MSS = b"\2\4\5\xb4"
SO_RCVBUFFORCE = 33
# No record of the kernel path, and no backlog of a veth, which loses what comes too fast.
TAPS = ("--card", "tap")


def daemon_only(lab):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")


def memory_tests(lab):
    daemon_only(lab)
    if "libasan" in run("ldd", SYNWARD):
        raise runner.Skip("a build with AddressSanitizer holds more")


def budget_kib(lab):
    """For as many flows as there are now: of those that are sent beyond 100,000, as some are lost,
    as many have come as the machine had time for."""
    more = max(lab.stats()["flows"]["tracked"] - FLOWS, 0)
    return RESIDENT_MAX_KIB + more * FLOW_BYTES // 1024


def mtu(namespace, interface):
    return int(namespace.run("ip", "-o", "link", "show", interface).split(" mtu ")[1].split()[0])


def test_armed_is_in_force_at_once():
    """From the answer that says `armed` on, attack mode checks requests: no connection passes
    unchecked in between."""
    for port in range(8001, 8011):
        with Lab() as lab:
            daemon_only(lab)
            lab.start(mode="normal")
            http = lab.http(port)
            lab.learn("http", port)
            accepted = http.accepted()
            lab.set_mode("attack")
            lab.talkers(port, count=20, say="bittorrent", hold_ms=100)
            check_equal(http.accepted(), accepted, "connections accepted right after the switch")


def test_memory_with_many_flows():
    with Lab() as lab:
        memory_tests(lab)
        lab.start(mode="normal", extra=TAPS)
        lab.http()
        lab.learn("http", 80)
        before = lab.resident_kib()
        lab.flood(80, count=FLOWS + FLOWS // 10, rate=100_000)
        wait_until(lambda: len(lab.flows()) >= FLOWS, 20, "flows")
        wait_until(
            lambda: lab.resident_kib() <= budget_kib(lab),
            20,
            f"resident within the budget ({lab.resident_kib()} KiB, {budget_kib(lab)})",
        )
        with_flows = lab.resident_kib()
        for _ in range(3):
            lab.flows()
        wait_until(
            lambda: lab.resident_kib() <= with_flows + 1024,
            20,
            "the memory of answers is given back",
        )
        return f"{before >> 10} MiB idle, {with_flows >> 10} MiB with {FLOWS} flows"


def keep_requests(lab, count):
    """So many requests that are begun, each of another source, at the servers in turn. What is lost
    on a busy machine is begun anew by others. How many were kept; the first may have ended by
    now."""
    kept, used = 0, 0
    while kept < count and used < 2 * count:
        begin_requests(lab, range(used, used + count - kept))
        used += count - kept
        kept = lab.stats()["requests"]["need_more"]
    return kept


def begin_requests(lab, numbers):
    raw = RawClient(lab)
    raw.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    for first in range(numbers.start, numbers.stop, BATCH):
        batch = range(first, min(first + BATCH, numbers.stop))
        for i in batch:
            raw.send_segment(20000 + i, WEB_PORTS[i % 3], i, 0, SYN, 64240, MSS, source=stranger(i))
        for _ in batch:
            synack = raw.receive(lambda s: s.flags & (SYN | ACK) == SYN | ACK, 1)
            if not synack:  # lost
                break
            i = synack.dport - 20000
            data = b"GET / HTTP/1.1\r\nX: ".ljust(1000, b"x")  # a chunk
            raw.send_segment(
                *(synack.dport, WEB_PORTS[i % 3], i + 1, synack.seq + 1, PSH | ACK, 64240),
                data=data,
                source=stranger(i),
            )
    raw.close()


def test_memory_with_all_slots_taken():
    """100,000 connections, and as many beginnings of requests as strangers may have kept."""
    with Lab() as lab:
        memory_tests(lab)
        lab.start(mode="normal", extra=TAPS)
        for port in WEB_PORTS:
            lab.http(port)
            lab.learn("http", port)
        lab.flood(80, count=FLOWS + FLOWS // 10, rate=100_000)
        wait_until(lambda: len(lab.flows()) >= FLOWS, 20, "flows")
        lab.set_mode("attack")
        before = lab.resident_kib()
        kept = keep_requests(lab, KEPT_BY_STRANGERS)
        check(kept > KEPT_BY_STRANGERS * 0.98, f"{kept} requests were kept")
        full = lab.resident_kib()
        # What was taken for lost, and begun anew, may have been read late.
        kept = max(kept, lab.stats()["requests"]["need_more"])
        slots_kib = SLOTS_KIB * max(kept, KEPT_BY_STRANGERS) // KEPT_BY_STRANGERS
        check(full <= budget_kib(lab) + slots_kib, f"{full} KiB are resident, {kept} are kept")
        return f"{before >> 10} MiB with {FLOWS} flows, {full >> 10} with {kept} requests kept"


def test_memory_is_bounded_in_normal_mode():
    """A million spoofed SYNs that no trigger may stop: the table fills, and nothing else grows."""
    with Lab() as lab:
        memory_tests(lab)
        lab.start(mode="normal", extra=TAPS)
        lab.http()
        lab.learn("http", 80)
        before = lab.resident_kib()
        lab.flood(80, count=1_000_000)
        grown = lab.resident_kib() - before
        check(grown <= FLOWS_MAX * FLOW_BYTES // 1024 + LEARNER_KIB, f"grown by {grown} KiB")
        lab.flood(80, count=300_000, seed=2)
        again = lab.resident_kib() - before
        check(again <= grown + 1024, f"grown by {grown} KiB, then by {again} KiB")
        return f"{before >> 10} MiB idle, {grown >> 10} MiB more"


def test_the_end_under_load():
    worst = 0
    for mode in ("normal", "attack"):
        for number in (signal.SIGTERM, signal.SIGINT):
            took = in_time(
                0.25, lambda m=mode, n=number: end_under_load(m, n), f"the end in {mode} mode"
            )
            worst = max(worst, took)
    return f"at most {worst * 1000:.0f} ms"


def frames_of_clients(lab):
    """Those that the kernel passes on or answers by itself among them."""
    stats = lab.stats()
    return stats["frames"]["client_in"] + stats["kernel"]["told"] + stats["kernel"]["answered"]


def end_under_load(mode, number):
    """How long it took."""
    with Lab() as lab:
        daemon_only(lab)
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        lab.set_mode(mode)
        flood = lab.start_flood(80, count=100_000_000)
        fetching = lab.start_fetch("http", 80)
        sent = frames_of_clients(lab)
        wait_until(
            lambda: frames_of_clients(lab) > sent + 50_000,
            20,
            "the flood is under way",
        )
        with before_all_others(lab.daemon.pid):
            code, took = lab.stop_daemon(number)
        flood.stop()
        fetching.stop()
        check_equal(code, 0, "exit code")
        return took


def test_an_mtu_is_copied():
    with Lab() as lab:
        daemon_only(lab)
        lab.start(mode="normal")
        ends = (lab.client, CLIENT_IF), (lab.server, SERVER_IF)
        for (here, there), wanted in ((ends, 9000), (ends[::-1], 1400), (ends, 1500)):
            here[0].run("ip", "link", "set", here[1], "mtu", wanted)
            wait_until(lambda: mtu(*there) == wanted, 20, f"MTU {wanted} on the other side")
            check_equal(mtu(*here), wanted, "the MTU that was set")
            check_equal(
                [s["mtu"] for s in lab.cli("status")["sides"].values()],
                [wanted, wanted],
                "MTUs in status",
            )


runner.main(globals())
