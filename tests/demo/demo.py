#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""demo.py [--real]: synward's main job on real traffic, told in plain words, in about half a
minute.

Two namespaces are joined by synward; behind it stand two servers (small ones of tests/, or nginx
and dovecot with --real). synward learns them; then the same attack comes twice, without and with
protection, while real clients go on fetching. The table at the end is measured, not promised.
Everything is bounded, and removed at the end and on Ctrl-C."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
from lab import FLOOD, TALKERS, Failure, Lab, make_root  # noqa: E402

SYNS = 100_000  # spoofed, both servers together
SYNS_PER_SECOND = 40_000
SILENT = 500  # real clients that connect and say nothing
WRONG = 500  # real clients that ask in the wrong protocol
ATTACK_S = 6
SLOTS = 200  # connections that one server serves at a time
LEARN = 12  # real fetches per server before the attack
REAL = 4  # real clients of each server in the attack
# Theirs: a SYN that finds no room in a TAP on a busy machine is sent again after 1 s and 3 s
# (RFC 6298).
PATIENCE_S = 4
KINDS = (("http", 80, "bittorrent"), ("pop3", 110, "http"))


def say(text=""):
    print(text, flush=True)


def start_servers(lab, real):
    if real:
        lab.nginx()
        lab.dovecot()
    else:
        lab.http(max_connections=SLOTS)
        lab.pop3(max_connections=SLOTS)


def attack(lab, seed):
    """Everything at once for ATTACK_S seconds; what came of it."""
    resident = lab.resident_kib()
    accepted = lab.server.counter("TcpPassiveOpens")
    clients = {
        kind: lab.start_fetch(
            kind, port, timeout_ms=PATIENCE_S * 1000, interval_ms=20, concurrency=REAL
        )
        for kind, port, _ in KINDS
    }
    begin = time.monotonic()
    attackers = []
    for number, (_, port, wrong) in enumerate(KINDS):
        hold = {"hold_ms": ATTACK_S * 1000, "connect_timeout_ms": ATTACK_S * 1000}
        attackers.append(
            lab.start_talkers(
                port, count=SILENT // 2, concurrency=SILENT // 2, say="nothing", **hold
            )
        )
        attackers.append(
            lab.start_talkers(port, count=WRONG // 2, concurrency=WRONG // 2, say=wrong, **hold)
        )
        attackers.append(
            lab.start_flood(port, count=SYNS // 2, rate=SYNS_PER_SECOND // 2, seed=seed + number)
        )
    time.sleep(max(0.0, begin + ATTACK_S - time.monotonic()))
    fetched = {kind: client.stop_report() for kind, client in clients.items()}
    for attacker in attackers:
        attacker.stop()
    return {
        "accepted": lab.server.counter("TcpPassiveOpens") - accepted,
        "clients": fetched,
        "memory": (resident, lab.resident_kib()),
    }


def table(without, protected):
    def clients(result, kind):
        c = result["clients"][kind]
        return f"{c['ok']} fetched, {c['failed']} failed"

    def times(result, kind):
        c = result["clients"][kind]
        return f"{c['p50_us'] / 1000:.2f} / {c['p99_us'] / 1000:.2f} ms" if c["ok"] else "-"

    def memory(result):
        before, after = result["memory"]
        return f"{after / 1024:.1f} MiB ({(after - before) / 1024:+.1f})"

    rows = [
        ("", "without protection", "with protection"),
        (
            "connections the servers had to accept",
            *(f"{r['accepted']}" for r in (without, protected)),
        ),
    ]
    for kind, _, _ in KINDS:
        rows.append(
            (f"the real {kind.upper()} clients", *(clients(r, kind) for r in (without, protected)))
        )
        rows.append(("  their time, p50 / p99", *(times(r, kind) for r in (without, protected))))
    rows.append(("memory of synward", memory(without), memory(protected)))
    for row in rows:
        say(f"  {row[0]:<40}{row[1]:>24}{row[2]:>24}".rstrip())


def conclusion(protected):
    real = sum(c["ok"] + c["failed"] + c["stopped"] for c in protected["clients"].values())
    got_through = max(0, protected["accepted"] - real)
    failed = sum(c["failed"] for c in protected["clients"].values())
    say(
        f"With protection {got_through} of the {SILENT + WRONG:,} bad clients reached a server, "
        f"and {failed} of the real clients' {real:,} fetches failed."
    )
    return 0 if got_through == 0 and failed == 0 else 1


def demo(lab, real):
    names = (
        "nginx (HTTP) and dovecot (POP3)" if real else "a small HTTP server and a small POP3 server"
    )
    say("Two network namespaces, a client's and a server's, are joined by nothing but synward.")
    lab.start(mode="normal")
    start_servers(lab, real)
    slots = "a few hundred" if real else SLOTS
    say(f"Behind it stand {names}; each can serve {slots} connections at a time.")
    say()
    say(f"synward watches {LEARN} ordinary clients of each and learns what the servers are like:")
    for kind, port, _ in KINDS:
        lab.learn(kind, port, count=LEARN)
    say()
    say(lab.cli_text("profiles").rstrip())
    say()
    say(
        f"Now an attack, for {ATTACK_S} seconds: {SYNS:,} SYNs from made-up addresses ({FLOOD}), "
        f"{SILENT} real clients"
    )
    say(
        f"that connect and say nothing, and {WRONG} that ask in the wrong protocol (from "
        f"{TALKERS}). Meanwhile {REAL} real clients"
    )
    say(f"of each server go on fetching, and give up on a fetch after {PATIENCE_S} seconds.")
    say()
    say("1. Without protection (synward mode normal): every frame passes ...")
    without = attack(lab, seed=1)
    say(
        "2. With protection (synward mode attack): "
        "synward answers until a client has proved itself ..."
    )
    lab.set_mode("attack")
    protected = attack(lab, seed=11)
    say()
    table(without, protected)
    say()
    return conclusion(protected)


def main():
    real = "--real" in sys.argv[1:] or os.environ.get("REAL") == "1"
    begin = time.monotonic()
    try:
        if real:
            make_root()
        with Lab() as lab:
            code = demo(lab, real)
    except KeyboardInterrupt:
        say("\nStopped; everything has been removed.")
        return 130
    except Failure as why:
        print(f"demo: {why}", file=sys.stderr)
        return 1
    took_s = time.monotonic() - begin
    say(f"That took {took_s:.0f} s; the namespaces and everything in them are gone.")
    return code


sys.exit(main())
