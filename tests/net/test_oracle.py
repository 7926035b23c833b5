#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Odd frames, given to the kernel and to the engine (tests/oracle/oracle.c): what a host answers
does not pass a server in attack mode, and is answered. One in a hundred of them goes through the
daemon as well, between two veth pairs (`port:` sides): it says of each what the engine said.

`make check` tries 50,000; `make oracle` one million, with their number and seed as arguments."""
import os
import subprocess
import sys

import runner
from frames import Wire, untag
from lab import BUILD, CLIENT_IF, SERVER_IF, Lab, check, check_equal
from rawtcp import ACK, SYN, parse

NUMBERS = [word for word in sys.argv[1:] if word.isdigit()]
sys.argv[1:] = [word for word in sys.argv[1:] if not word.isdigit()]
MUTANTS = int(NUMBERS[0]) if NUMBERS else 50000
SEED = NUMBERS[1:2] or ["20240607"]
ORACLE = os.path.join(BUILD, "tests/oracle/oracle")
CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
NETWORKS = (("10.9.0.1", "10.9.0.2", 24), ("fd09::1", "fd09::2", 64))
AT_ONCE = 200  # frames, so that no queue on the way is ever full
MARK = bytes.fromhex("0180c200000e" "020000000001" "88cc") + b"marker" + bytes(40)


def test_kernel_and_engine():
    done = subprocess.run(
        [ORACLE, str(MUTANTS)] + SEED, check=False, capture_output=True, text=True
    )
    if MUTANTS > 50000 or done.returncode:
        print(done.stdout + done.stderr, flush=True)
    check_equal(done.returncode, 0, "exit code of the oracle")
    return f"{MUTANTS:,} mutants"


def listed(mutants):
    """(class, what the engine did, ISN, frames) of each."""
    text = subprocess.run(
        [ORACLE, "list", str(mutants)] + SEED, check=True, capture_output=True, text=True
    ).stdout
    for line in text.splitlines():
        name, word, isn, frames = line.split("\t")
        if name != "offloads":  # they are about what stands in front of a frame, which no wire has
            yield name, word, int(isn), [bytes.fromhex(frame) for frame in frames.split()]


def the_oracles_network(lab):
    """The addresses that the mutants are for, on both ends."""
    sides = ((lab.client, CLIENT_IF, CLIENT_MAC), (lab.server, SERVER_IF, SERVER_MAC))
    for side, (host, card, mac) in enumerate(sides):
        host.run("ip", "link", "set", card, "address", mac)
        for network in NETWORKS:
            nodad = ["nodad"] if network[2] == 64 else []
            host.run("ip", "addr", "add", f"{network[side]}/{network[2]}", "dev", card, *nodad)
            peer = (network[1 - side], "lladdr", sides[1 - side][2])
            host.run("ip", "neigh", "replace", *peer, "dev", card, "nud", "permanent")
    lab.http()
    for _, server, _ in NETWORKS:
        check_equal(lab.fetch("http", 80, server, count=5)["failed"], 0, f"fetches of {server}")
    lab.set_mode("attack")


def frames_in(wire, until):
    """What comes in, up to the frame for which until(frame) is true."""
    while True:
        seen = wire.next()
        check(seen is not None, "the marker has been lost")
        if seen[0]:
            yield seen[1]
            if until(seen[1]):
                return


def acknowledged(frame):
    """The ISN that a SYN-ACK answers, or None."""
    segment = parse(untag(frame)[1])
    if segment is None or segment.flags & (SYN | ACK) != SYN | ACK:
        return None
    return (segment.ack - 1) & 0xFFFFFFFF


def send_all(mutants, client, server, last_syn, last_isn):
    """All of them, some at a time: (ISNs that were answered, frames that reached the server)."""
    answered, reached = set(), set()
    for at in range(0, len(mutants), AT_ONCE):
        for _, _, _, frames in mutants[at : at + AT_ONCE]:
            for frame in frames:
                client.send(frame)
        # Plain SYNs have a queue of their own, and may be answered before what came earlier: the
        # last one is sent when all else has been looked at.
        client.send(MARK)
        reached.update(frames_in(server, lambda f: f == MARK))
        client.send(last_syn)
        for frame in frames_in(client, lambda f: acknowledged(f) == last_isn):
            answered.add(acknowledged(frame))
    return answered, reached


def test_daemon_and_engine():
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal")
        the_oracles_network(lab)
        mutants = list(listed(MUTANTS // 100))
        plain = next(m for m in mutants if m[0] == "plain")
        mutants.remove(plain)
        client, server = Wire(lab.client, CLIENT_IF), Wire(lab.server, SERVER_IF)
        answered, reached = send_all(mutants, client, server, plain[3][0], plain[2])
        for name, word, isn, frames in mutants:
            seen = "answered" if isn in answered and word == "answered" else "kept away"
            if any(frame in reached for frame in frames):
                seen = "let through"
            check(word in ("-", seen), f"{name}: {seen}, not {word}: {[f.hex() for f in frames]}")
        words = [word for _, word, _, _ in mutants]
        return ", ".join(f"{words.count(w)} {w}" for w in ("answered", "kept away"))


runner.main(globals())
