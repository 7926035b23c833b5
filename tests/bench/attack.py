#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Attacks on an HTTP and on a POP3 server, one after the other, each in namespaces of its own: what
they came to.

    attack.py [--seconds N] [--attack PART-OF-A-NAME] [--port 80|110] [--only auto|rows]
              [--no-memory] [--write]

Two tables are printed; --write puts them into doc/attacks.md too. `auto`: six attacks on servers in
auto mode. The 30 s of quiet after which a server returns to normal mode are waited for by all labs
together, with honest clients in each. Last, memory: 10 million spoofed sources, 1 million real
ones. `rows`: every attack of doc/threats.md that is made on the wire, in normal mode, in attack
mode, behind nft's synproxy (attack_rows.py)."""
import argparse
import os
import platform
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "net"))
import attack_rows  # noqa: E402
import attacks  # noqa: E402
from lab import PROJECT, Failure, Lab, check_equal, wait_until  # noqa: E402

DOCUMENT = os.path.join(PROJECT, "doc", "attacks.md")
RETURN_WITHIN_S = 60
HEAD = [
    "attack",
    "on",
    "began",
    "to attack mode",
    "cause",
    "SYNs at server",
    "accepts",
    "put aside",
    "clients that failed",
    "p99 of its clients",
    "p99 of the other server's",
    "lost at TAPs",
    "back to normal",
]


def calm(seconds):
    """What honest clients see while nothing happens."""
    with Lab() as lab:
        attacks.start(lab)
        honest = attacks.Honest(lab)
        time.sleep(seconds)
        reports = honest.report()
    return [
        [
            "(none)",
            attacks.KINDS[port],
            "",
            "",
            "",
            "",
            "",
            "",
            str(reports[port]["failed"]),
            ms(reports[port]["p99_us"]),
            "",
            "",
            "",
        ]
        for port in attacks.KINDS
    ]


def ms(us):
    return f"{us / 1000:.1f} ms"


def run_attack(lab, attack, port, seconds):
    """The attack itself; slow clients then stay until the server has returned."""
    servers = attacks.start(lab)
    result = attacks.measure(lab, servers, attack, port, seconds)
    result["lab"] = lab
    if result["watch"].attack_s is None:
        result["watch"].stop()
        lab.close()
    else:
        result["tail"] = attacks.Honest(lab, interval_ms=200, concurrency=1)
    return result


def wait_for_return(result):
    """Waits until it is back to normal, and a second more, in which its clients must still be
    served."""
    watch = result["watch"]
    if "tail" not in result:
        return
    wait_until(
        lambda: watch.normal_s, RETURN_WITHIN_S, f"normal mode after: {result['attack'].name}"
    )
    time.sleep(1)
    reports = result["tail"].report()
    for whose, port in (
        ("honest", result["port"]),
        ("other", next(p for p in attacks.KINDS if p != result["port"])),
    ):
        result[whose]["failed"] += reports[port]["failed"]
    result["lab"].close()


def row(result):
    watch, mine, other = result["watch"], result["honest"], result["other"]
    switched = watch.attack_s is not None
    return [
        result["attack"].name,
        attacks.KINDS[result["port"]],
        f"{result['begun']:,}",
        f"{(watch.attack_s - result['begin_s']) * 1000:.0f} ms" if switched else "never",
        watch.cause or "",
        f"{result['syns']:,}",
        f"{result['accepts']:,}",
        str(result["aside"]),
        str(mine["failed"] + other["failed"]),
        ms(mine["p99_us"]),
        ms(other["p99_us"]),
        f"{result['overflow']:,}",
        f"{watch.normal_s - result['end_s']:.0f} s" if switched else "",
    ]


def table(rows):
    widths = [max(len(line[i]) for line in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
        for line in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def memory():
    with Lab() as lab:
        attacks.start(lab)
        spoofed = attacks.memory_of_spoofed(lab, 10_000_000)
    with Lab() as lab:
        attacks.start(lab)
        real = attacks.memory_of_real(lab, 1_000_000)
    return [
        "10,000,000 SYNs from as many spoofed addresses, from normal mode on: "
        f"resident memory moved by {spoofed['moved_kib']} KiB (of {spoofed['resident_kib']:,}).",
        "1,000,000 handshakes of as many real addresses, each with a wrong request, "
        f"in attack mode: by {real['moved_kib']} KiB (of {real['resident_kib']:,}).",
    ]


def machine():
    with open("/proc/cpuinfo") as cpus:
        model = re.search(r"model name\s*:\s*(.*)", cpus.read())
    cores = f"{os.cpu_count()} cores{f' ({model.group(1)})' if model else ''}"
    load = f"load before the start {os.getloadavg()[0]:.1f}"
    return f"{cores}, Linux {platform.release()}, {load}"


def write(name, where, rows, notes, seconds):
    """One of the two tables."""
    with open(DOCUMENT) as old:
        text = old.read()
    begin, end = f"<!-- made by `make bench-attack WRITE=1`: {name} -->\n", "<!-- end -->\n"
    head, rest = text.split(begin)
    lines = [f"Measured {time.strftime('%Y-%m-%d')} on {where}; {seconds} s of each attack.", ""]
    lines += [table(rows)] + ([""] + [f"- {note}" for note in notes] if notes else [])
    made = "\n".join(lines) + "\n"
    with open(DOCUMENT, "w") as new:
        new.write(head + begin + made + end + rest.split(end, 1)[1])


def say(text):
    print(text, file=sys.stderr, flush=True)


def in_auto_mode(options, where):
    rows = [HEAD] + calm(options.seconds)
    results = []
    for port in [options.port] if options.port else attacks.KINDS:
        for attack in (a for a in attacks.ATTACKS if options.attack in a.name):
            say(f"{attacks.KINDS[port]}: {attack.name}")
            results.append(run_attack(Lab(), attack, port, options.seconds))
    say("waiting for normal mode")
    for result in results:
        wait_for_return(result)
        rows.append(row(result))
    print("\n".join([table(rows), ""]), flush=True)
    notes = [] if options.no_memory else memory()
    print("\n".join(notes))
    if options.write:
        write("auto", where, rows, notes, options.seconds)
    for result in results:
        attacks.check_nobody_failed(result)
        check_equal(
            result["other_mode"], "normal", f"mode of the other server ({result['attack'].name})"
        )


def each_row(options, where):
    rows = attack_rows.rows(options.row_seconds, options.attack, say)
    print(table(rows), flush=True)
    if options.write:
        write("rows", where, rows, [], options.row_seconds)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=8, help="of each attack in auto mode (8)")
    parser.add_argument("--row-seconds", type=int, default=3, help="of each other one (3)")
    parser.add_argument("--attack", default="", help="only those whose name has this in it")
    parser.add_argument("--port", type=int, choices=list(attacks.KINDS), help="only on this server")
    parser.add_argument("--only", choices=["auto", "rows"], help="one of the tables")
    parser.add_argument("--no-memory", action="store_true", help="without memory in auto mode")
    parser.add_argument("--write", action="store_true", help="into doc/attacks.md too")
    options = parser.parse_args()
    where = machine()
    print(where, end="\n\n")
    if options.only != "auto":
        each_row(options, where)
    if options.only != "rows":
        in_auto_mode(options, where)


try:
    main()
except Failure as failure:
    sys.exit(f"attack.py: {failure}")
