#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration file while synward runs: `synward reload`, SIGHUP, what is said of servers."""
import contextlib
import json
import os
import signal
import sys

import runner
from lab import SERVER4, SYNWARD, Lab, check, check_equal, run, wait_until

RELOADS = 20
DATAGRAMS = 20000
SENDER = """
import socket, sys, time
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(int(sys.argv[2])):
    link.sendto(number.to_bytes(4, "big"), (sys.argv[1], 9))
    if number % 50 == 0:
        time.sleep(0.01)
"""
RECEIVER = """
import socket, sys  # 33 is SO_RCVBUFFORCE
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)
link.bind((sys.argv[1], 9))
print("bound", file=sys.stderr, flush=True)
seen = set()
link.settimeout(60)
try:
    while len(seen) < int(sys.argv[2]):
        seen.add(link.recv(16))
        link.settimeout(20)
except TimeoutError:
    pass
print("seen", len(seen), file=sys.stderr, flush=True)
"""


class Config:
    """The file of a lab, and a daemon that was started with it."""

    def __init__(self, lab, *lines, mode="auto"):
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        self.lab = lab
        self.path = os.path.join(lab.folder, "lab.conf")
        self.write(*lines)
        whole = lab.daemon_command
        # The command line would count before the file.
        lab.daemon_command = lambda _, extra=(): without_mode(whole(mode, extra))
        lab.start(extra=("--config", self.path))

    def write(self, *lines):
        with open(self.path, "w") as file:
            file.write("\n".join(lines) + "\n")

    def reload(self, *lines):
        self.write(*lines)
        return {
            (change["key"], change["server"]): (change["was"], change["is"], change["restart"])
            for change in self.lab.cli("reload")["changes"]
        }

    def refused(self, *lines):
        self.write(*lines)
        done = run(SYNWARD, "reload", "--control", self.lab.control, ok=False)
        check_equal((done.returncode, done.stdout), (1, ""), f"reload: {done.stderr}")
        return done.stderr.strip()


def said(process):
    """On stderr, all of it."""
    with open(process.log) as log:
        return log.read()


def without_mode(argv):
    at = argv.index("--mode")
    return argv[:at] + argv[at + 2 :]


def test_what_changes_and_what_waits():
    with Lab() as lab:
        config = Config(lab, "mode = normal", "learn = on")
        lab.http()
        lab.learn("http", 80)
        check_equal(config.reload("mode = normal", "learn = on"), {}, "nothing is new")
        changes = config.reload(
            "mode = auto",
            "learn = off",
            "unknown = drop",
            "workers = 2",
            "trigger.half_open = 400",
            f"[server {SERVER4}:80]",
            "mode = attack",
            "open_per_second = 7",
        )
        server = f"{SERVER4}:80"
        check_equal(
            changes,
            {
                ("mode", None): ("normal", "auto", False),
                ("learn", None): ("on", "off", False),
                ("unknown", None): ("cookie", "drop", False),
                ("workers", None): ("1", "2", True),
                ("trigger.half_open", None): ("default", "400", False),
                ("mode", server): (None, "attack", False),
                ("open_per_second", server): (None, "7", False),
            },
            "what has changed",
        )
        status = lab.cli("status")
        check_equal((status["mode"], status["learning"]), ("auto", False), "in force")
        check_equal(lab.server_mode(80), "attack", "the server's mode")
        check_equal(lab.profile(80)["configured"], {"open_per_second": "7"}, "the server's setting")
        check_equal(lab.fetch("http", port=80, count=5)["failed"], 0, "fetches")

        lab.set_mode("normal", server)  # an operator in a hurry
        changes = config.reload("workers = 2", f"[server {SERVER4}:80]", "mode = attack")
        check_equal(changes[("workers", None)], ("1", "2", True), "what still waits is told again")
        check_equal(lab.server_mode(80), "normal", "what the file has not changed stays")
        changes = config.reload("mode = auto")
        check_equal(changes[("mode", server)], ("attack", None, False), "taken out")
        check("configured" not in lab.profile(80), "taken out")


def test_all_or_nothing():
    with Lab() as lab:
        config = Config(lab, "mode = auto")
        lab.http()
        lab.learn("http", 80)
        for line, reason in (
            ("mode = calm", "mode: not a mode"),
            ("sandbox = no", "sandbox: not a sandbox"),
            ('{"mode": "attack"}', "JSON is read no longer"),
            ("[server 1]", "[server 1]: not a server"),
        ):
            said = config.refused("learn = off", f"trigger.silent = 3\n{line}")
            check(f"config: {config.path}:3: {reason}" in said, said)
            check_equal(lab.cli("status")["learning"], True, f"after {line}")
        os.unlink(config.path)
        done = run(SYNWARD, "reload", "--control", lab.control, ok=False)
        check("No such file" in done.stderr and done.returncode == 1, done.stderr)
        os.mkfifo(config.path)
        done = run(SYNWARD, "reload", "--control", lab.control, ok=False)
        check("not a file" in done.stderr and done.returncode == 1, done.stderr)
        os.unlink(config.path)
        check_equal(config.reload("mode = auto"), {}, "as at the start")


def test_sighup_and_events():
    with Lab() as lab:
        config = Config(lab, "mode = auto")
        watch = lab.spawn("sh", "-c", f"exec {SYNWARD} watch --json --control {lab.control} >&2")
        wait_until(lambda: "watch" in said(watch), 20, "it watches")
        config.write("mode = attack")
        lab.daemon.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: lab.cli("status")["mode"] == "attack", 20, "the mode of the file")
        config.write("mode = calm")
        lab.daemon.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: '"refused"' in said(watch), 20, "it is refused")
        events = [json.loads(line) for line in said(watch).splitlines()]
        told = [(e["state"], e.get("value")) for e in events if e["event"] == "config"]
        check_equal(told, [("reloaded", 1), ("refused", None)], "events")
        check_equal(lab.cli("status")["mode"], "attack", "what was in force stays so")


def test_no_frame_is_lost():
    """While requests come and datagrams pass; the policy is another one each time."""
    with Lab() as lab:
        config = Config(lab, "mode = auto")
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        python = (sys.executable, "-c")
        receiver = lab.spawn(*python, RECEIVER, SERVER4, DATAGRAMS, side="server")
        wait_until(lambda: "bound" in said(receiver), 20, "the receiver is bound")
        sender = lab.spawn(*python, SENDER, SERVER4, DATAGRAMS)
        for number in range(RELOADS):
            config.reload(
                f"trigger.half_open = {300 + number}",
                f"[server {SERVER4}:80]",
                f"open_per_second = {500 + number}",
            )
            check_equal(lab.fetch("http", port=80, count=10)["failed"], 0, "fetches")
            # One word of it is wrong: nothing of it is taken, also while all this comes.
            config.refused(f"[server {SERVER4}:80]", "open_per_second = 1", "check = whole")
            limit = lab.profile(80)["configured"]["open_per_second"]
            check_equal(limit, str(500 + number), "what was in force stays so")
        wait_until(lambda: not sender.running(), 60, "all is sent")
        wait_until(lambda: "seen" in said(receiver), 60, "all is received")
        check_equal(said(receiver).split()[-1], str(DATAGRAMS), "datagrams that came")
        check_equal(lab.stats()["frames"]["tap_overflow"], 0, "frames that the TAPs lost")
    return f"{RELOADS} reloads, and as many that were refused"


def test_a_server_that_comes_later():
    """It has the mode and the settings of its section when it is known."""
    with Lab() as lab:
        Config(lab, f"[server {SERVER4}:80]", "mode = attack", "check = none", mode="auto")
        lab.http()
        with contextlib.suppress(Exception):
            lab.fetch("http", port=80, count=3)
        wait_until(lambda: lab.server_mode(80) == "attack", 20, "the mode of the file")
        check_equal(lab.fetch("http", port=80, count=5)["failed"], 0, "fetches")
        done = run(
            *(SYNWARD, "profiles", "set", f"{SERVER4}:80", "check=protocol"),
            *("--control", lab.control),
            ok=False,
        )
        profile = lab.profile(80)
        if profile:
            check(f"{lab.folder}/lab.conf:3 says none" in done.stderr, done.stderr)
            check_equal(profile["configured"], {"check": "none"}, "its settings")


runner.main(globals())
