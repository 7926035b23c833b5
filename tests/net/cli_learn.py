#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward learn --pcap`: what it says and writes, with captures made here. Needs no root, no
namespace and no daemon.

The formats of files and frames have unit tests (tests/profiles/capture/test_capture.c); here it is
the command: words, --json, stores, exit codes."""
import gzip
import json
import os
import struct
import tempfile

import runner
from lab import SYNWARD, check, check_equal, run

FIRST = 1767225600
SYN, ACK, FIN, PSH = 2, 16, 1, 8
GET, OK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"


def segment(ports, seq, ack, flags, payload=b""):
    """An IPv4 packet from 127.0.0.1 to itself, its checksums not finished."""
    tcp = (
        struct.pack(">HHIIBBHHHI", *ports, seq, ack, 6 << 4, flags, 60000, 0, 0, 0x020405B4)
        + payload
    )
    return (
        struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
        )
        + tcp
    )


def fetch(port, client=40000):
    there, back = (client, port), (port, client)
    asked, said = 1001 + len(GET), 5001 + len(OK)
    return [
        segment(there, 1000, 0, SYN),
        segment(back, 5000, 1001, SYN | ACK),
        segment(there, 1001, 5001, ACK),
        segment(there, 1001, 5001, ACK | PSH, GET),
        segment(back, 5001, asked, ACK | PSH, OK),
        segment(there, asked, said, ACK | FIN),
        segment(back, said, asked + 1, ACK | FIN),
    ]


def pcap(packets):
    records = [
        struct.pack("<IIII", FIRST + i, 0, len(p), len(p)) + p for i, p in enumerate(packets)
    ]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + b"".join(records)


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def learn(folder, content, *options, ok=True):
    capture = os.path.join(folder, "capture")
    write(capture, content)
    return run(
        SYNWARD,
        "learn",
        "--pcap",
        capture,
        "--store",
        os.path.join(folder, "store"),
        *options,
        ok=ok,
    )


def profiles(folder):
    with open(os.path.join(folder, "store"), encoding="utf-8") as file:
        return {profile["port"]: profile for profile in json.load(file)["profiles"]}


def refuses(folder, content, *fragments):
    was = sorted(os.listdir(folder))
    done = learn(folder, content, ok=False)
    check_equal((done.returncode, done.stdout), (1, ""), "exit code and output")
    check_equal(len(done.stderr.splitlines()), 1, f"lines on stderr: {done.stderr!r}")
    for fragment in (os.path.join(folder, "capture"), *fragments):
        check(fragment in done.stderr, f"no {fragment!r} in {done.stderr!r}")
    check_equal(
        [name for name in sorted(os.listdir(folder)) if name != "capture"],
        [n for n in was if n != "capture"],
        "files",
    )


def test_words():
    with tempfile.TemporaryDirectory() as folder:
        udp = bytearray(segment((1, 2), 0, 0, 0))
        udp[9] = 17
        words = learn(folder, pcap(fetch(8080) + [segment((9, 8081), 7, 7, ACK), bytes(udp)]))
        for line in (
            ": 9 frames, 8 of TCP, 1 passed over",
            "learned from 1 connections: 1 handshakes, 1 accepted requests",
            "1 of IP but not TCP",
            "1 of a connection whose handshake is not in the capture",
            "8 with checksums that are wrong or not finished",
            f"`synward profiles --store {folder}/store` shows them",
        ):
            check(line in words, f"no {line!r} in {words!r}")
        shown = run(SYNWARD, "profiles", "--store", os.path.join(folder, "store"))
        check("127.0.0.1:8080" in shown and "http" in shown, shown)


def test_json():
    with tempfile.TemporaryDirectory() as folder:
        document = json.loads(learn(folder, pcap(fetch(8080))[:-5], "--json"))
        check_equal(next(iter(document)), "synward", "first key")
        capture = document["capture"]
        check_equal(
            (capture["frames"], capture["handshakes"], capture["requests"], capture["truncated"]),
            (6, 1, 1, True),
            "figures",
        )
        check_equal(
            capture["frames"],
            capture["tcp_frames"] + sum(capture["passed_over"].values()),
            "every frame has its place",
        )
        check_equal(document["profiles"], 1, "profiles")


def test_store_is_merged_into():
    with tempfile.TemporaryDirectory() as folder:
        learn(folder, pcap(fetch(8080)))
        learn(folder, pcap(fetch(8081) + fetch(8080, 40001)))
        learned = profiles(folder)
        check_equal(
            {port: learned[port]["evidence"]["handshakes"] for port in learned},
            {8080: 2, 8081: 1},
            "handshakes",
        )
        learn(folder, pcap([]))
        check_equal(profiles(folder), learned, "after a capture without frames")


def test_bad_store_stays_as_it_is():
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store")
        for bad in (b"", b"no store", b'{"synward": {"schema": 99}, "profiles": []}'):
            write(store, bad)
            done = learn(folder, pcap(fetch(8080)), ok=False)
            check_equal(
                (done.returncode, done.stdout, len(done.stderr.splitlines())),
                (1, "", 1),
                f"{bad}: {done.stderr!r}",
            )
            check(store in done.stderr, done.stderr)
            with open(store, "rb") as file:
                check_equal(file.read(), bad, "the store afterwards")


def test_what_is_no_capture():
    with tempfile.TemporaryDirectory() as folder:
        whole = pcap(fetch(8080))
        refuses(folder, b"", "it is empty")
        refuses(folder, b"this is no capture, although it is long enough for the header of one\n")
        refuses(folder, whole[:20])
        refuses(folder, gzip.compress(whole), "gunzip")
        learn(folder, whole)
        was = profiles(folder)
        refuses(folder, gzip.compress(whole), "gunzip")
        check_equal(profiles(folder), was, "the store afterwards")


def test_cut_anywhere():
    with tempfile.TemporaryDirectory() as folder:
        whole = pcap(fetch(8080))
        for end in (24, 25, 39, 40, 41, 100, len(whole) - 1):
            learn(folder, whole[:end])
        return f"{len(whole)} bytes"


if __name__ == "__main__":
    runner.main(globals())
