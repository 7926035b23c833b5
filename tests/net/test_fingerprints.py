# SPDX-License-Identifier: GPL-2.0-or-later
"""p0f and nmap -O see the same server in normal and in attack mode."""
import os
import re
import socket
import struct
import time

import runner
from lab import CLIENT_IF, SERVER4, Lab, check, check_equal, make_root

# What nmap finds out from SYN-ACKs: option layouts, windows, the answer to an ECN SYN and to the
# first probe.
FROM_SYNACKS = ("OPS", "WIN", "ECN", "T1")


def capture_of(lab, name, action):
    """Runs the action and writes what crossed the client's interface meanwhile as a pcap; its path
    inside the private root."""
    with lab.client.inside():
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    tap.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)  # SO_RCVBUFFORCE
    action()
    tap.setblocking(False)
    with open(os.path.join(lab.folder, name), "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        while True:
            try:
                frame, meta = tap.recvfrom(70000)
            except BlockingIOError:
                break
            if meta[0] == CLIENT_IF:
                now = time.time()
                out.write(
                    struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame))
                    + frame
                )
    tap.close()
    return f"/mnt/{name}"


def p0f_view(lab, name):
    path = capture_of(lab, name, lambda: lab.fetch("http", 80, count=20))
    text = lab.in_root("p0f", "-f", "/etc/p0f/p0f.fp", "-r", path)
    blocks = [b for b in text.split(".-[ ") if "(syn+ack)" in b]
    check(len(blocks) >= 20, f"p0f saw {len(blocks)} SYN-ACKs of 20")
    return sorted(
        {
            line.strip()
            for b in blocks
            for line in b.splitlines()
            if re.match(r"\|\s*(os|dist|params|raw_sig)\s*=", line)
        }
    )


def test_p0f():
    make_root()
    with Lab() as lab:
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        normal = p0f_view(lab, "normal.pcap")
        lab.set_mode("attack")
        check_equal(p0f_view(lab, "attack.pcap"), normal, "p0f's view")
        return next(line.split("=")[1].strip() for line in normal if "raw_sig" in line)


def nmap_view(lab):
    text = lab.in_root(
        "nmap", "-O", "-d", "-n", "-Pn", "-p", "80,81", "--max-os-tries", "1", SERVER4, timeout=120
    )
    joined = re.sub(r"\nOS:", "", text)
    tests = dict(re.findall(r"\b(OPS|WIN|ECN|T\d)\(([^)]*)\)", joined))
    check(all(t in tests for t in FROM_SYNACKS), f"nmap's fingerprint is incomplete: {text[-600:]}")
    guesses = re.findall(r"^(?:OS details|Aggressive OS guesses|Running.*?): (.*)$", text, re.M)
    return tests, guesses


def test_nmap():
    make_root()
    with Lab() as lab:
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        nmap_view(lab)  # each of its odd SYNs is a variant that must have been seen
        normal, normal_guesses = nmap_view(lab)
        lab.set_mode("attack")
        attack, attack_guesses = nmap_view(lab)
        different = [
            f"{t}: {attack[t]}, the server's {normal[t]}"
            for t in FROM_SYNACKS
            if attack[t] != normal[t]
        ]
        check(not different, "; ".join(different))
        check_equal(attack_guesses, normal_guesses, "nmap's guess")
        others = [t for t in normal if t not in FROM_SYNACKS and attack.get(t) != normal[t]]
        guess = normal_guesses[-1] if normal_guesses else "no guess in both"
        return f"{guess}; differing beyond SYN-ACKs: {', '.join(others) or 'none'}"


runner.main(globals())
