# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward watch`: what happens is told as it happens, with cause and figure; whoever does not
listen disturbs nobody."""
import contextlib
import json
import os
import signal
import socket
import threading
import time

import runner
from lab import CLIENT4, SYNWARD, Lab, check, check_equal, run, wait_until


class Watcher:
    """A running `synward watch --json`; `lines` grows as events come."""

    def __init__(self, lab):
        self.lines = []
        self.process = lab.spawn(SYNWARD, "watch", "--json", "--control", lab.control)
        threading.Thread(target=self._read, daemon=True).start()
        self.expect("watch")

    def _read(self):
        for line in self.process.popen.stdout:
            self.lines.append(json.loads(line))

    def seen(self, event, **fields):
        """An event with these fields that has come, or None."""
        for line in list(self.lines):
            if line["event"] == event and all(line.get(k) == v for k, v in fields.items()):
                return line
        return None

    def expect(self, event, timeout_s=10, **fields):
        """Waits for an event with these fields, and returns it."""
        return wait_until(
            lambda: self.seen(event, **fields),
            timeout_s,
            f"event {event} {fields} among {[(e['event'], e.get('state')) for e in self.lines]}",
        )

    def stop(self, how=signal.SIGINT):
        """Ctrl-C; the exit code."""
        self.process.popen.send_signal(how)
        return self.process.popen.wait(timeout=5)


def watched_lab(lab, mode="auto"):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode=mode)
    return Watcher(lab)


def test_an_attack_from_its_beginning():
    with Lab() as lab:
        watcher = watched_lab(lab)
        lab.http()
        lab.learn("http", 80)
        armed = watcher.expect("profile", state="armed", server="10.77.0.2", port=80)
        check_equal(next(iter(armed)), "synward", "first key of a line")
        lab.flood(80, count=20000, rate=20000)
        attack = watcher.expect("mode", state="attack", server="10.77.0.2", port=80, vlan=[])
        check_equal(attack["cause"], f"half-open {attack['value']}", "cause and value")
        check(attack["value"] > 200, f"the figure: {attack['value']}")
        check(
            attack["time"].endswith("Z") and "attack mode" in attack["text"],
            f"time and text: {attack}",
        )
        check_equal(sum(e["event"] == "mode" for e in watcher.lines), 1, "switches told")
        back = watcher.expect("mode", timeout_s=45, state="normal", server="10.77.0.2", port=80)
        check_equal(back["cause"], "quiet", "cause of the return")
        check_equal(watcher.stop(), 0, "exit code after Ctrl-C")
        return attack["cause"]


def test_what_the_operator_does():
    with Lab() as lab:
        watcher = watched_lab(lab)
        lab.http()
        lab.fetch("http", 80)
        lab.cli("learn", "off")
        lab.cli("learn", "on")
        lab.cli("mode", "attack", "10.77.0.2:80")
        lab.cli("mode", "auto")
        lab.cli("sources", "add", "198.51.100.0/24", "--for", "2")
        watcher.expect("learning", state="off")
        watcher.expect("learning", state="on")
        watcher.expect("setting", state="attack", server="10.77.0.2", port=80)
        check(
            "server" not in watcher.expect("setting", state="auto"),
            "a setting for all names no server",
        )
        watcher.expect("source", state="aside", source="198.51.100.0/24", cause="operator")
        watcher.expect("source", state="released", source="198.51.100.0/24", cause="time")
        check_equal(watcher.stop(signal.SIGTERM), 0, "exit code after SIGTERM")


def test_a_bad_address():
    with Lab() as lab:
        watcher = watched_lab(lab)
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        lab.talkers(
            80,
            count=150,
            sources="10.78.0.7/32",
            concurrency=10,
            say="bittorrent",
            hold_ms=100,
            connect_timeout_ms=500,
        )
        aside = watcher.expect("source", state="aside", source="10.78.0.7/32")
        check(
            "wrong requests" in aside["cause"] and aside["value"] >= 100,
            f"cause and value: {aside}",
        )


def test_another_greeting():
    with Lab() as lab:
        watcher = watched_lab(lab)
        pop3 = lab.pop3()
        lab.learn("pop3", 110)
        lab.set_mode("attack")
        pop3.stop()
        lab.pop3(greeting="+OK another one")

        # Where synward looked while nobody listened, the first clients are the server's own to
        # answer: their greeting is not compared.
        def told():
            lab.fetch("pop3", 110, count=1)
            return watcher.seen("greeting", state="unequal", server="10.77.0.2", port=110)

        event = wait_until(told, 10, "the other greeting is told")
        check(CLIENT4 in event["cause"], f"the cause: {event['cause']}")


def test_the_store():
    with Lab() as lab:
        folder = os.path.join(lab.folder, "store")
        os.mkdir(folder)
        lab.store = os.path.join(folder, "profiles.json")
        watcher = watched_lab(lab)
        lab.http()
        lab.fetch("http", 80, count=3)
        watcher.expect("store", timeout_s=15, state="saved")
        os.rename(folder, folder + ".aside")
        lab.fetch("http", 80, count=3, address="fd77::2")
        failed = watcher.expect("store", timeout_s=20, state="failed")
        check(lab.store in failed["cause"], f"the cause: {failed['cause']}")
        os.rename(folder + ".aside", folder)
        wait_until(
            lambda: sum(e["event"] == "store" and e["state"] == "saved" for e in watcher.lines)
            >= 2,
            15,
            "saved again",
        )


def test_a_side_that_goes_and_comes_back():
    with Lab(sides="port") as lab:
        watcher = watched_lab(lab)
        side = f"port:p1@{lab.bridge.name}"
        run("ip", "-n", lab.server.name, "link", "del", "sw1")
        watcher.expect("side", state="lost", side=side)
        run(
            "ip",
            "link",
            "add",
            "sw1",
            "netns",
            lab.server.name,
            "type",
            "veth",
            "peer",
            "name",
            "p1",
            "netns",
            lab.bridge.name,
        )
        watcher.expect("side", state="back", side=side)


def test_lines_for_people():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start()
        process = lab.spawn(SYNWARD, "watch", "--control", lab.control)
        process.popen.stdout.readline()
        lab.cli("learn", "off")
        line = process.popen.stdout.readline().decode()
        check(line.endswith("Z  learning off\n"), f"the line: {line!r}")
        lab.stop_daemon()
        check_equal(process.popen.wait(timeout=5), 4, "exit code when the daemon ends")
        check("has ended" in process.errors(), f"what it says: {process.errors()}")


def test_watchers_that_do_not_read():
    with Lab() as lab:
        watcher = watched_lab(lab)
        lab.http()
        lab.learn("http", 80)
        deaf = []
        for _ in range(7):
            deaf.append(socket.socket(socket.AF_UNIX))
            deaf[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf[-1].connect(lab.control)
            deaf[-1].sendall(b'{"command": "watch"}\n')
        refused = run(SYNWARD, "watch", "--control", lab.control, ok=False)
        check_equal(refused.returncode, 1, f"a ninth watcher ({refused.stderr})")
        begin = time.monotonic()
        for _ in range(100):
            lab.cli("learn", "off")
            lab.cli("learn", "on")
        each = (time.monotonic() - begin) / 200
        check_equal(lab.fetch("http", 80, count=500)["failed"], 0, "fetches meanwhile")
        check(
            sum(e["event"] == "learning" for e in watcher.lines) >= 64,
            "the one who reads hears of it",
        )
        for one in deaf:
            with contextlib.closing(one):
                one.settimeout(5)
                check(b'"event":"watch"' in one.recv(65536), "the first line")
        wait_until(
            lambda: run(SYNWARD, "status", "--control", lab.control), 5, "the daemon answers"
        )
        return f"{each * 1000:.1f} ms for each of 200 commands"


runner.main(globals())
