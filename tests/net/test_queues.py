# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues and workers: SYNs push nothing out that flows, on netns: and port: sides; TAPs made with
and without many queues."""
import contextlib
import os
import re
import signal
import socket

import runner
from rawtcp import RawClient
from lab import CLIENT_IF, SERVER4, SERVER_IF, WORKERS, Lab, check, check_equal, run

QUEUE_FRAMES = 8192  # of each queue of a TAP that synward makes
PATIENCE_S = 20  # of who hears: a worker may have thousands of frames before his
PINGS, SYNS = 200, 2 * QUEUE_FRAMES * max(WORKERS, 2)
TAPS = ("--card", "tap")  # whose queues are looked at


@contextlib.contextmanager
def halted(process):
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def send_syns(lab):
    """One after the other, whether there is room for them or not; `flood` would wait for it."""
    raw = RawClient(lab)
    for number in range(SYNS):
        with contextlib.suppress(OSError):  # no room
            raw.send_segment(1024 + number % 60000, 80, number, 0, 0x02, 64240)
    raw.close()


def arrived_beside_a_flood(sides, *extra):
    """A daemon that does not get to run for a moment, while SYNs come in and behind them what
    flows: how much of this arrives."""
    with Lab(sides=sides) as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(extra=extra)
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        with lab.server.inside():
            ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with lab.client.inside():
            mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with ear, mouth:
            ear.bind((SERVER4, 7777))
            ear.settimeout(PATIENCE_S)
            with halted(lab.daemon):
                send_syns(lab)
                for number in range(PINGS):
                    mouth.sendto(b"%d" % number, (SERVER4, 7777))
            arrived = 0
            with contextlib.suppress(TimeoutError):
                for arrived in range(PINGS):
                    check_equal(ear.recv(16), b"%d" % arrived, "datagrams in order")
                arrived = PINGS
        lost = lab.stats()["frames"]["tap_overflow"]
        check(lost >= SYNS / 4, f"only {lost} of {SYNS} SYNs had no room in a queue")
        result = lab.fetch("http", 80, count=20)
        check_equal(result["failed"], 0, f"fetches afterwards ({result})")
        return arrived


def test_syns_push_nothing_out():
    for extra in ([], ["--single-reads"], ["--workers", "2"]):
        check_equal(
            arrived_beside_a_flood("netns", *TAPS, *extra),
            PINGS,
            f"datagrams that arrived ({extra})",
        )


def test_syns_push_nothing_out_at_ports():
    for extra in ([], ["--workers", "2"]):
        # Which answers SYNs before any queue; and what waits for long is not thrown away.
        extra += ["--kernel-path", "off", "--when-dead", "closed"]
        check_equal(
            arrived_beside_a_flood("port", *extra), PINGS, f"datagrams that arrived ({extra})"
        )


def test_in_one_queue_they_do():
    arrived = arrived_beside_a_flood("netns", *TAPS, "--single-queue", "--workers", "1")
    check(arrived < PINGS, f"all {arrived} datagrams arrived, whatever this is good for")
    return f"{arrived} of {PINGS} arrived"


def queue_frames(namespace, interface):
    return int(
        re.search(r"qlen (\d+)", namespace.run("ip", "-o", "link", "show", interface)).group(1)
    )


def make_cards(lab, *options):
    for namespace, interface in ((lab.client, CLIENT_IF), (lab.server, SERVER_IF)):
        run(
            "ip",
            "-n",
            namespace.name,
            "tuntap",
            "add",
            "dev",
            interface,
            "mode",
            "tap",
            "vnet_hdr",
            *options,
        )


def works(lab):
    result = lab.fetch("http", 80, count=40, concurrency=4)
    check_equal(result["failed"], 0, f"fetches ({result})")


def test_cards_that_were_made_with_many_queues():
    """Taken over, also from a killed daemon, and left as they were."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        make_cards(lab, "multi_queue")
        made = queue_frames(lab.client, CLIENT_IF)
        lab.start(extra=["--workers", "2"])
        lab.http()
        works(lab)
        check("one queue" not in lab.daemon.said(), lab.daemon.errors())
        check_equal(
            queue_frames(lab.client, CLIENT_IF),
            made,
            "length of the queues of a card that somebody else made",
        )
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            lab.restart("normal", how, extra=["--workers", "3"])
            check("one queue" not in lab.daemon.said(), lab.daemon.errors())
            works(lab)
        # Who has queues of it, has it.
        argv = lab.daemon_command()
        for what in ("--control", "--store"):
            argv[argv.index(what) + 1] += ".other"
        for workers in ("1", "2"):
            other = run(*argv, "--workers", workers, ok=False)
            check_equal(other.returncode, 1, f"another daemon on the same TAPs ({other.stderr})")
            check("is taken by a TAP that another process holds" in other.stderr, other.stderr)
        works(lab)
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        card = run("ip", "-n", lab.client.name, "-d", "link", "show", CLIENT_IF)
        check("multi_queue" in card, f"the card is still there: {card}")


def test_cards_that_were_made_with_one_queue():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        make_cards(lab)
        lab.start(extra=["--workers", "2"])
        said = lab.daemon.said()
        check(
            "has one queue: was it made without multi_queue?: one worker instead of those asked for"
            in said,
            said,
        )
        check_equal(len(lab.daemon_threads()), 2, "threads")
        lab.http()
        works(lab)


def test_threads():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(extra=["--workers", "4", *TAPS])
        check_equal(len(lab.daemon_threads()), 5, "threads: workers and the main one")
        check_equal(
            (queue_frames(lab.client, CLIENT_IF), queue_frames(lab.server, SERVER_IF)),
            (QUEUE_FRAMES, QUEUE_FRAMES),
            "length of the queues of cards that it made",
        )
        check(
            "qdisc noqueue" in lab.client.run("ip", "link", "show", CLIENT_IF),
            "a discipline in front of them costs the kernel 48 MB",
        )
        code, took_s = lab.stop_daemon()
        check_equal(code, 0, "exit code")
        return f"ended in {took_s * 1000:.0f} ms"


runner.main(globals())
