# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward watch`: what happens is told as it happens, with cause and figure; whoever does not
listen disturbs nobody."""
import contextlib
import http.server
import json
import os
import signal
import socket
import tempfile
import threading
import time

import runner
from lab import CLIENT4, PROJECT, SYNWARD, Lab, check, check_equal, run, wait_until


class Watcher:
    """A running `synward watch --json`; `lines` grows as events come."""

    def __init__(self, lab, *options):
        self.lines = []
        argv = (SYNWARD, "watch", "--json", "--control", lab.control, *options)
        self.process = lab.spawn(*argv)
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

    def expect(self, event, timeout_s=20, **fields):
        """Waits for an event with these fields, and returns it."""
        return wait_until(
            lambda: self.seen(event, **fields),
            timeout_s,
            f"event {event} {fields} among {[(e['event'], e.get('state')) for e in self.lines]}",
        )

    def stop(self, how=signal.SIGINT):
        """Ctrl-C; the exit code."""
        self.process.popen.send_signal(how)
        return self.process.popen.wait(timeout=20)


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
        back = watcher.expect("mode", timeout_s=90, state="normal", server="10.77.0.2", port=80)
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
        lab.start_talkers(
            80,
            count=10_000,
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

        event = wait_until(told, 20, "the other greeting is told")
        check(CLIENT4 in event["cause"], f"the cause: {event['cause']}")


def test_the_store():
    with Lab() as lab:
        folder = os.path.join(lab.folder, "store")
        os.mkdir(folder)
        lab.store = os.path.join(folder, "profiles.json")
        watcher = watched_lab(lab)
        lab.http()
        lab.fetch("http", 80, count=3)
        watcher.expect("store", timeout_s=30, state="saved")
        os.rename(folder, folder + ".aside")
        lab.fetch("http", 80, count=3, address="fd77::2")
        failed = watcher.expect("store", timeout_s=30, state="failed")
        check(lab.store in failed["cause"], f"the cause: {failed['cause']}")
        os.rename(folder + ".aside", folder)
        wait_until(
            lambda: sum(e["event"] == "store" and e["state"] == "saved" for e in watcher.lines)
            >= 2,
            30,
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
        check_equal(process.popen.wait(timeout=20), 4, "exit code when the daemon ends")
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
        wait_until(
            lambda: sum(e["event"] == "learning" for e in watcher.lines) >= 64,
            20,
            "the one who reads hears of it",
        )
        for one in deaf:
            with contextlib.closing(one):
                one.settimeout(20)
                check(b'"event":"watch"' in one.recv(65536), "the first line")
        wait_until(
            lambda: run(SYNWARD, "status", "--control", lab.control), 20, "the daemon answers"
        )
        return f"{each * 1000:.1f} ms for each of 200 commands"


def test_numbers_and_kinds():
    """Who comes back hears what it has missed, of the kinds that it wants; also after a restart."""
    with Lab() as lab:
        watcher = watched_lab(lab)
        lab.cli("learn", "off")
        lab.set_mode("attack")
        lab.cli("learn", "on")
        last = watcher.expect("learning", state="on")["number"]
        numbers = [line["number"] for line in watcher.lines if line["event"] != "watch"]
        check_equal(numbers, list(range(numbers[0], last + 1)), "numbers")
        first = numbers[0] - 1
        later = Watcher(lab, "--since", first, "--kind", "learning,mode")
        later.expect("learning", number=last)
        told = [(line["event"], line.get("state")) for line in later.lines]
        check_equal(told, [("watch", "attack"), ("learning", "off"), ("learning", "on")], "told")
        for wrong, code in (("--kind=mood", 2), ("--since=x", 2)):
            done = run(SYNWARD, "watch", wrong, "--control", lab.control, ok=False)
            check_equal(done.returncode, code, f"{wrong}: {done.stderr}")
        lab.restart("auto", signal.SIGTERM)
        lab.cli("learn", "off")
        again = Watcher(lab, "--since", last).expect("learning", state="off")["number"]
        check(again > last, f"{again} comes after {last}")


def test_examples_of_dist():
    """Each is given an event as --exec gives it; what they call is ours."""
    event = {"event": "source", "state": "aside", "source": "198.51.100.7/32", "text": "aside"}
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "curl"), "w") as file:
            file.write(f'#!/bin/sh\ncat >{folder}/posted\necho "$@" >{folder}/arguments\n')
        os.chmod(os.path.join(folder, "curl"), 0o755)
        os.mkfifo(os.path.join(folder, "pipe"))
        pipe = os.open(os.path.join(folder, "pipe"), os.O_RDONLY | os.O_NONBLOCK)
        there = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "SYNWARD_WEBHOOK": "https://hooks.example/x",
            "EXABGP_PIPE": os.path.join(folder, "pipe"),
        }
        give = lambda name, **more: run(
            *("env", *(f"{key}={value}" for key, value in there.items())),
            os.path.join(PROJECT, "dist/watch", name),
            said=json.dumps({**event, **more}),
        )
        give("webhook.sh")
        with open(os.path.join(folder, "posted")) as posted:
            check_equal(json.load(posted), event, "what is posted")
        with open(os.path.join(folder, "arguments")) as arguments:
            check(arguments.read().endswith(" https://hooks.example/x\n"), "where to")
        flow = "flow route { match { source 198.51.100.7/32; } then { discard; } }\n"
        give("exabgp-flow.py")
        check_equal(os.read(pipe, 4096).decode(), f"announce {flow}", "put aside")
        give("exabgp-flow.py", state="released")
        check_equal(os.read(pipe, 4096).decode(), f"withdraw {flow}", "released")
        give("exabgp-flow.py", source="0.0.0.0/0")
        give("exabgp-flow.py", event="mode", source=None)
        check_equal(os.read(pipe, 4096), b"", "nothing else")
        os.close(pipe)


def test_fail2ban_action():
    """Its commands, as fail2ban fills them in."""
    with Lab() as lab:
        watched_lab(lab)
        with open(os.path.join(PROJECT, "dist/fail2ban-synward.conf")) as file:
            action = dict(line.split(" = ", 1) for line in file if " = " in line[:20])
        for command, known in (("actionban", ["198.51.100.7"]), ("actionunban", [])):
            filled = action[command].replace("<ip>", "198.51.100.7")
            filled = filled.replace("<control>", lab.control).replace("synward ", f"{SYNWARD} ", 1)
            run("sh", "-c", filled)
            found = [s["address"] for s in lab.cli("sources")["sources"]]
            check_equal(found, known, command)


class LocalApi(http.server.BaseHTTPRequestHandler):
    """CrowdSec's: bans in answers[begin or news], one after the other, the last one again. The test
    says by them what is told next."""

    answers, asked = {}, []

    def do_GET(self):
        begin = "startup=true" in self.path
        self.asked.append((self.path.split("?")[0], begin, self.headers["X-Api-Key"]))
        answers = self.answers[begin]
        told = answers.pop(0) if len(answers) > 1 else answers[0]
        if told is None:
            self.send_error(500)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *words):
        pass


def ban(number, value, **more):
    scope = "Range" if "/" in value else "Ip"
    return {"id": number, "type": "ban", "scope": scope, "value": value, **more}


def test_crowdsec_bouncer():
    """Against an API that tells all, then news, then fails, then has begun anew."""
    with Lab() as lab:
        watched_lab(lab)
        one, two = ban(1, "198.51.100.7"), ban(2, "203.0.113.0/24")
        odd = [ban(3, "0.0.0.0/0"), ban(4, "nobody"), ban(5, "192.0.2.1", type="captcha")]
        again = ban(6, "198.51.100.7")
        nothing = {"new": None, "deleted": None}
        LocalApi.answers = {
            True: [{"new": [one, two, *odd], "deleted": []}, {"new": [ban(9, "192.0.2.9")]}],
            False: [nothing],
        }
        with lab.client.inside():
            server = http.server.HTTPServer(("127.0.0.1", 0), LocalApi)
        with contextlib.closing(server.socket):
            threading.Thread(target=server.serve_forever, daemon=True).start()
            os.symlink(SYNWARD, os.path.join(lab.folder, "synward"))
            bouncer = lab.spawn(
                *("env", f"PATH={lab.folder}:{os.environ['PATH']}", "CROWDSEC_KEY=secret"),
                *(f"CROWDSEC_URL=http://127.0.0.1:{server.server_port}", "CROWDSEC_EVERY_S=0.5"),
                *(os.path.join(PROJECT, "dist/crowdsec-bouncer.py"), "--control", lab.control),
            )
            lists = lambda: {each["name"]: each["prefixes"] for each in lab.cli("sources")["lists"]}
            wait_until(lambda: lists() == {"crowdsec": 2}, 20, "two are banned")
            LocalApi.answers[False] = [{"new": [again], "deleted": [one, two]}, nothing]
            wait_until(lambda: lists() == {"crowdsec": 1}, 20, "one is, for another reason")
            LocalApi.answers[False] = [None]
            wait_until(
                lambda: (True in [b for _, b, _ in LocalApi.asked[1:]]), 20, "it begins anew"
            )
            check_equal({path for path, _, _ in LocalApi.asked}, {"/v1/decisions/stream"}, "asked")
            check_equal({key for _, _, key in LocalApi.asked}, {"secret"}, "key")
            check("the list stays" in bouncer.errors(), bouncer.errors())
            bouncer.stop()
            server.shutdown()
        done = run(
            "env", "-u", "CROWDSEC_KEY", os.path.join(PROJECT, "dist/crowdsec-bouncer.py"), ok=False
        )
        check("cscli bouncers add" in done.stderr, done.stderr)


def test_a_program_for_each_event():
    with Lab() as lab:
        watched_lab(lab)
        out = os.path.join(lab.folder, "out")
        program = os.path.join(lab.folder, "program")
        with open(program, "w") as file:
            file.write(f"#!/bin/sh\necho begin >>{out}\ncat >>{out}\necho end >>{out}\nexit 3\n")
        os.chmod(program, 0o755)
        watch = lab.spawn(SYNWARD, "watch", "--exec", program, "--control", lab.control)
        read = lambda: open(out).read() if os.path.exists(out) else ""

        def four_were_told():
            lab.cli("learn", "off")  # also until it listens
            lab.cli("learn", "on")
            return read().count("end") >= 4

        wait_until(four_were_told, 30, "events are given to the program")
        lines = read().splitlines()
        check_equal(lines[0::3][:4], ["begin"] * 4, "one after the other")
        events = [json.loads(line) for line in lines[1::3][:4]]
        check_equal({e["event"] for e in events}, {"learning"}, "events")
        check_equal(
            [e["number"] for e in events],
            list(range(events[0]["number"], events[0]["number"] + 4)),
            "in order",
        )
        check(f"exec {program}: exit code 3" in watch.errors(), watch.errors())
        watch.popen.send_signal(signal.SIGINT)
        check_equal(watch.popen.wait(timeout=20), 0, "exit code after Ctrl-C")


runner.main(globals())
