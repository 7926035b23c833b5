#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way in which a command can fail: one line on stderr, the right exit code, nothing on
stdout, and the machine as before.

Each case is run between two pictures of what it could have harmed: interfaces of both namespaces
and of our own, the namespaces, the files of the lab's folder with their contents.

It is longer than most: each way to fail has its case."""
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import socket
import stat
import tempfile

import runner
from lab import PROJECT, SYNWARD, Lab, Process, check, check_equal, run, wait_until

FAILED, USAGE, NOT_FOUND, UNREACHABLE = 1, 2, 3, 4
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]


def contents(path):
    mode = os.lstat(path).st_mode
    if not stat.S_ISREG(mode):
        return stat.S_IFMT(mode)
    with open(path, "rb") as file:
        return file.read()


def interfaces(namespace=None):
    with namespace.inside() if namespace else contextlib.nullcontext():
        return sorted(name for _, name in socket.if_nameindex())


def picture(lab):
    """What a command that failed must have left alone."""
    files = {
        name: contents(os.path.join(lab.folder, name)) for name in sorted(os.listdir(lab.folder))
    }
    for noise in [name for name in files if name.endswith(".log")]:
        del files[noise]
    ours = [name for name in interfaces() if name.startswith("swtest")]
    return files, interfaces(lab.client), interfaces(lab.server), ours


def fails(lab, argv, code, *fragments, before=()):
    """Runs `synward argv...` and demands a proper failure."""
    was = picture(lab)
    done = run(*before, SYNWARD, *argv, ok=False)
    what = f"synward {' '.join(argv)}"
    check_equal(done.returncode, code, f"{what}: exit code ({done.stderr.strip()})")
    check_equal(done.stdout, "", f"{what}: stdout")
    lines = done.stderr.splitlines()
    check_equal(len(lines), 1, f"{what}: lines on stderr: {done.stderr!r}")
    check(lines[0].startswith("synward: "), f"{what}: {lines[0]}")
    for fragment in fragments:
        check(fragment in lines[0], f"{what}: no {fragment!r} in {lines[0]!r}")
    check_equal(picture(lab), was, f"{what}: the machine afterwards")
    return lines[0]


def run_arguments(lab, **other):
    options = {
        "client": f"netns:{lab.client.name}/sw0",
        "server": f"netns:{lab.server.name}/sw1",
        "store": lab.store,
        "control": lab.control,
        **other,
    }
    return ["run", *(word for name, value in options.items() for word in (f"--{name}", value))]


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def test_bad_arguments():
    with Lab() as lab:
        cases = [
            [],
            ["statsu"],
            ["surgeon"],
            ["status", "now"],
            ["status", "--frob"],
            ["profiles", "forget", "10.0.0.1"],
            ["profiles", "x:y"],
            ["learn"],
            ["learn", "perhaps"],
            ["mode", "calm"],
            ["run"],
            ["run", "--client"],
            run_arguments(lab, mode="calm"),
            run_arguments(lab, learn="perhaps"),
            run_arguments(lab, client="sw0"),
            run_arguments(lab, client="netns:/sw0"),
            run_arguments(lab, client="netns:x/"),
            run_arguments(lab, client="tap:" + "x" * 40),
        ]
        for argv in cases:
            fails(lab, argv, USAGE)
        return f"{len(cases)} cases"


def test_daemon_not_reachable():
    with Lab() as lab:
        commands = [
            ["status"],
            ["profiles"],
            ["profiles", "10.0.0.1:80"],
            ["profiles", "export", os.path.join(lab.folder, "out")],
            ["profiles", "forget", "10.0.0.1:80"],
            ["profiles", "set", "10.0.0.1:80", "check=none"],
            ["learn", "on"],
            ["mode"],
            ["mode", "attack", "10.0.0.1"],
            ["flows"],
            ["stats"],
        ]
        for argv in commands:
            fails(lab, [*argv, "--control", lab.control], UNREACHABLE, "synward run")
            fails(lab, [*argv, "--json", "--control", lab.control], UNREACHABLE)
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as stale:
            stale.bind(lab.control)
        fails(lab, ["status", "--control", lab.control], UNREACHABLE, "synward run")
        return f"{len(commands)} commands"


def test_no_tun_device():
    with Lab() as lab:
        hide = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh"]
        fails(lab, run_arguments(lab), FAILED, "/dev/net/tun", before=hide)


def test_not_root():
    with Lab() as lab:
        shutil.copy(SYNWARD, os.path.join(lab.folder, "synward"))
        os.chmod(lab.folder, 0o777)
        was = picture(lab)
        done = run(*NOBODY, os.path.join(lab.folder, "synward"), *run_arguments(lab), ok=False)
        check_equal(done.returncode, FAILED, f"exit code ({done.stderr})")
        check_equal(len(done.stderr.splitlines()), 1, f"lines on stderr {done.stderr!r}")
        check("root" in done.stderr, f"says root: {done.stderr}")
        check_equal(picture(lab), was, "the machine afterwards")


def test_no_such_namespace():
    with Lab() as lab:
        fails(lab, run_arguments(lab, client="netns:swtest-none/sw0"), FAILED, "swtest-none")
        fails(lab, run_arguments(lab, server="netns:swtest-none/sw1"), FAILED, "swtest-none")


def test_too_few_descriptors():
    """That is what it says, and nothing else; a limit that it may raise itself is none."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        for limit in range(8, 136, 8):
            few = ("prlimit", f"--nofile={limit}:{limit}")
            fails(lab, run_arguments(lab), FAILED, f"{limit} files may be open", before=few)
        command = lab.daemon_command
        lab.daemon_command = lambda *words: ["prlimit", "--nofile=16:", *command(*words)]
        lab.start()
        check(lab.cli("status")["uptime_s"] >= 0, "it answers")


def test_name_taken():
    with Lab() as lab:
        for namespace, interface in ((lab.client, "sw0"), (lab.server, "sw1")):
            namespace.run("ip", "link", "add", interface, "type", "veth", "peer", "name", "taken")
            fails(lab, run_arguments(lab), FAILED, interface)
            namespace.run("ip", "link", "del", interface)


def event_of_the_store(lab):
    """What who asks later is told of it."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(30)
        control.connect(lab.control)
        control.sendall(b'{"command": "watch", "since": 0}\n')
        for line in control.makefile():
            event = json.loads(line)
            if event["event"] == "store":
                return event


def check_put_aside(lab, text, line):
    """The daemon starts without a store that does not read, and keeps it and its votes."""
    write(f"{lab.store}.votes", "votes")
    lab._start_daemon("normal", ())
    event = event_of_the_store(lab)
    check(event["state"] == "broken" and lab.store + line in event["cause"], f"told: {event}")
    lab.stop_daemon()
    moved = glob.glob(f"{glob.escape(lab.store)}.broken-*Z")
    check_equal(len(moved), 1, "stores put aside")
    check_equal(contents(moved[0]), text.encode(), "what was put aside")
    check_equal(contents(f"{moved[0]}.votes"), b"votes", "its votes")
    with open(lab.daemon.log) as log:
        said = [words for words in log if lab.store + line in words]
    check(len(said) == 1 and moved[0] in said[0], f"the log names both: {said}")
    check_equal(run(SYNWARD, "profiles", "--store", lab.store, ok=False).returncode, 0, "store")
    for left in (moved[0], f"{moved[0]}.votes", lab.store):
        os.unlink(left)


def test_store_that_does_not_parse():
    with Lab() as lab:
        head = '{"synward": {"version": "0.1.0", "schema": 1},\n "profiles": [\n'
        bad = [
            ('{"synward": {"version": "0.1.0", "schema": 1},\n "profiles": [}', ":2:"),
            ("", ":1:"),
            ("[]", ":1:"),
            (head, ":"),
            (head + '  {"server": "nowhere", "port": 80, "vlan": []}]}', ":3:"),
            ("\x00\x01\x02", ":1:"),
        ]
        for text, line in bad:
            write(lab.store, text)
            fails(lab, ["profiles", "--store", lab.store], FAILED, lab.store, line)
            fails(
                lab, ["learn", "--pcap", "/dev/null", "--store", lab.store], FAILED, lab.store, line
            )
            check_put_aside(lab, text, line)
        return f"{len(bad)} stores"


def test_store_that_is_no_file():
    with Lab() as lab:
        os.mkfifo(lab.store)
        fails(lab, run_arguments(lab), FAILED, lab.store, "a pipe")
        fails(lab, run_arguments(lab, store=lab.folder), FAILED, lab.folder, "a folder")
        fails(lab, run_arguments(lab, store="/dev/null"), FAILED, "/dev/null", "a device")


def test_store_in_use():
    with Lab() as lab, Lab() as other:
        write(lab.store, '{"synward": {"version": "0.1.0", "schema": 1}, "profiles": []}')
        lab.start()
        alias = os.path.join(other.folder, "alias.json")
        os.symlink(lab.store, alias)
        for store in (lab.store, alias):
            fails(other, run_arguments(other, store=store), FAILED, store, str(lab.daemon.pid))
        lab.stop_daemon()
        check(not os.path.exists(f"{lab.store}.lock"), "the lock is gone")


def test_missing_folder():
    with Lab() as lab:
        missing = os.path.join(lab.folder, "missing")
        fails(lab, run_arguments(lab, store=f"{missing}/profiles.json"), FAILED, missing)
        fails(lab, run_arguments(lab, control=f"{missing}/control.sock"), FAILED, missing)
        fails(
            lab, ["learn", "--pcap", "/dev/null", "--store", f"{missing}/p.json"], FAILED, missing
        )
        fails(lab, ["profiles", "--store", f"{missing}/p.json"], FAILED, missing)
        fails(lab, run_arguments(lab, config=f"{missing}/c.conf"), FAILED, missing)


def bad_configurations():
    """Those of the parser's own test, which says what is told of each."""
    with open(os.path.join(PROJECT, "tests/bridge/text/test_config.c")) as file:
        table = file.read().partition("} bad[] = {")[2].partition("};")[0]
    texts = re.findall(r'^        \{"((?:[^"\\]|\\.)*)",', table, re.M)
    check(len(texts) >= 30, f"bad configurations: {texts}")
    return [text.encode().decode("unicode_escape").encode("latin-1") for text in texts]


def test_config_that_does_not_fit():
    """`check` and the start say the same of it, word for word, with file and line."""
    with Lab() as lab:
        path = os.path.join(lab.folder, "lab.conf")
        sides = "client = tap:a\nserver = tap:b\n"
        places = f"store = {lab.store}\ncontrol = {lab.control}\n"
        missing = os.path.join(lab.folder, "missing")
        for text, line, reason in (
            ("# calm\nmode = calm", 2, "mode: not a mode: calm"),
            ("clients = x", 1, "clients: unknown key"),
            ('{"client": "tap:a"}', 1, "JSON is read no longer: write each"),
            ("client =", 1, "client: is empty"),
            ("client = tap:a\n", 2, "server: is missing: give both sides"),
            ("client = wire:a\nserver = tap:b", 1, "client: side wire:a: write netns:NAME"),
            ("client = tap:a\n\nserver = b", 3, "server: side b: write netns:NAME"),
            ("client = tap:a\nserver = tap:a", 2, "server: both sides are tap:a"),
            (sides + f"store = {missing}/p.json\ncontrol = {lab.control}", 3, "store: no folder"),
            (sides + f"store = /\ncontrol = {lab.control}", 3, "store: the store / is a folder"),
            (sides + f"store = {lab.store}\ncontrol = {missing}/c", 4, "control: control socket"),
            (sides + places + "[server 10.0.0.5:80]\nopen_per_second = x", 6, "open_per_second"),
        ):
            write(path, text + "\n")
            said = fails(lab, ["check", path], FAILED, f"config: {path}:{line}: {reason}")
            started = fails(lab, ["run", "--config", path], FAILED)
            check_equal(said, started, "what check says, and the start")
        for text in bad_configurations():
            with open(path, "wb") as file:
                file.write(text)
            said = fails(lab, ["check", path], FAILED, f"config: {path}:")
            started = fails(lab, ["run", "--config", path], FAILED)
            check_equal(said, started, f"what check says of {text}, and the start")
        write(path, sides + places)
        check_equal(run(SYNWARD, "check", path), f"{path}: fit to start with\n", "a good one")


def test_config_that_names_what_is_not_there():
    """Interfaces, namespaces and the key: `check` and the start say the same, word for word."""
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.make_ports()
        path = os.path.join(lab.folder, "lab.conf")
        places = f"store = {lab.store}\ncontrol = {lab.control}\n"
        client, server = lab.side_names()
        there = f"client = {client}\nserver = {server}\n{places}"
        at = f"@{lab.bridge.name}"
        lab.bridge.ip("link add br9 type bridge", "link add v8 type veth peer name v9")
        lab.bridge.ip("link set v9 master br9", "tuntap add dev t8 mode tap")
        taken, tap = f"netns:{lab.bridge.name}/v8", f"netns:{lab.bridge.name}/t8"
        for text, line, reason in (
            (f"client = {client}\nserver = port:gone0{at}", 2, f"server: side port:gone0{at}: "),
            (f"client = port:gone0{at}\nserver = {server}", 1, f"client: side port:gone0{at}: "),
            (f"client = {client}\nserver = port:br9@gone9", 2, "server: no namespace gone9: "),
            (f"client = {client}\nserver = netns:gone9/eth0", 2, "server: no namespace gone9: "),
            (f"client = {client}\nserver = port:lo{at}", 2, f"server: side port:lo{at}: lo is not"),
            (f"client = {client}\nserver = port:v9{at}", 2, f"server: side port:v9{at}: v9 is a m"),
            (f"# a guest\ninline = gone0{at}", 2, f"inline: side inline:gone0{at}: "),
            (f"inline = br9{at}", 1, f"inline: side port:br9{at}: br9 is the bridge itself"),
            (
                f"client = {client}\nserver = tap:x\nkernel-path = on",
                3,
                "kernel-path: no kernel path",
            ),
            (f"{there}server-stack = gone9", 5, "server-stack: no namespace gone9: "),
            (f"{there}cluster-key = {path}", 5, "cluster-key: "),
            (f"client = tap:lo\nserver = {server}", 1, "client: the name lo is taken by an interf"),
            (f"client = {client}\nserver = {taken}", 2, "server: the name v8 in namespace "),
            (f"card = veth\nclient = {client}\nserver = {taken}", 3, "server: the name v8 in name"),
            (f"card = veth\nclient = {client}\nserver = {tap}", 3, "server: the name t8 in name"),
            (f"{there}hook = on", 5, "hook: no hook: the servers' namespace is not known"),
        ):
            write(path, text + "\n" + ("" if places in text else places))
            said = fails(lab, ["check", path], FAILED, f"config: {path}:{line}: {reason}")
            started = fails(lab, ["run", "--config", path], FAILED)
            check_equal(said, started, "what check says, and the start")
            check_equal(
                run(SYNWARD, "check", "--elsewhere", path),
                f"{path}: fit to start with, as far as it goes\n",
                "for another machine",
            )
        write(path, there)
        check_equal(run(SYNWARD, "check", path), f"{path}: fit to start with\n", "a good one")
        lab.start()
        check_equal(run(SYNWARD, "check", path), f"{path}: fit to start with\n", "as it runs")


def test_check_without_privileges():
    """What only root can look at is named, and is no fault."""
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.make_ports()
        with tempfile.TemporaryDirectory(prefix="synward-check-") as folder:
            os.chmod(folder, 0o777)
            path = os.path.join(folder, "lab.conf")
            synward = shutil.copy(SYNWARD, folder)
            places = f"store = {folder}/profiles.json\ncontrol = {folder}/control.sock\n"
            client, server = lab.side_names()
            write(path, f"client = {client}\nserver = {server}\n{places}")
            said = run(*NOBODY, synward, "check", path)
            check(said.startswith(f"{path}: fit to start with\n"), said)
            check("not all interfaces were looked at: " in said and "run as root" in said, said)
            write(path, f"client = {client}\nserver = port:eth0@gone9\n{places}")
            done = run(*NOBODY, synward, "check", path, ok=False)
            check_equal(done.returncode, FAILED, f"{done}")
            check("no namespace gone9" in done.stderr, done.stderr)


def test_capture_that_is_none():
    with Lab() as lab:
        path = os.path.join(lab.folder, "capture.pcap")
        fails(lab, ["learn", "--pcap", path, "--store", lab.store], FAILED, path)
        write(path, "this is no capture, although it is long enough for the header of one\n")
        fails(lab, ["learn", "--pcap", path, "--store", lab.store], FAILED, path)


def test_control_path_is_no_socket():
    with Lab() as lab:
        write(lab.control, "keep me")
        fails(lab, run_arguments(lab), FAILED, lab.control)


def test_socket_in_use():
    with Lab() as lab, Lab() as other:
        lab.start()
        line = fails(
            other,
            run_arguments(other, control=lab.control),
            FAILED,
            lab.control,
            "in use",
            str(lab.daemon.pid),
        )
        run(SYNWARD, "status", "--control", lab.control)
        return line.split(": ", 1)[1][:40]


def test_stale_socket_is_replaced():
    with Lab() as lab:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as stale:
            stale.bind(lab.control)
        daemon = lab._keep(Process([SYNWARD, *run_arguments(lab)], lab.log("stale")))
        wait_until(
            lambda: run(SYNWARD, "status", "--control", lab.control, ok=False).returncode == 0,
            30,
            "the daemon answers",
        )
        check_equal(stat.S_IMODE(os.stat(lab.control).st_mode), 0o600, "mode of the socket")
        code, _ = daemon.stop()
        check_equal(code, 0, "exit code")
        check(not os.path.exists(lab.control), "the socket is gone")


def test_socket_of_a_killed_daemon():
    with Lab() as lab:
        taps = [*run_arguments(lab), "--card", "tap"]
        first = Process([SYNWARD, *taps], lab.log("first"))
        try:
            wait_until(lambda: os.path.exists(lab.control), 30, "the first daemon is ready")
        finally:
            first.stop(signal.SIGKILL)
        # The kernel takes the TAPs of a dead process away in its own time.
        wait_until(
            lambda: "sw0" not in interfaces(lab.client) and "sw1" not in interfaces(lab.server),
            20,
            "TAPs gone",
        )
        fails(lab, ["status", "--control", lab.control], UNREACHABLE)
        lab._keep(Process([SYNWARD, *taps], lab.log("second")))
        wait_until(
            lambda: run(SYNWARD, "status", "--control", lab.control, ok=False).returncode == 0,
            30,
            "the second answers",
        )


def test_unknown_server():
    with Lab() as lab:
        lab.start()
        at = ["--control", lab.control]
        fails(lab, ["profiles", "10.9.9.9", *at], NOT_FOUND, "10.9.9.9")
        fails(lab, ["profiles", "[fd99::9]:80", "--json", *at], NOT_FOUND, "[fd99::9]:80")
        fails(lab, ["profiles", "forget", "10.9.9.9:80", *at], NOT_FOUND, "10.9.9.9:80")
        fails(lab, ["profiles", "set", "10.9.9.9:80", "check=none", *at], NOT_FOUND, "10.9.9.9:80")
        fails(lab, ["mode", "attack", "10.9.9.9:80", *at], NOT_FOUND, "10.9.9.9:80")
        fails(lab, ["mode", "10.9.9.9", *at], NOT_FOUND, "10.9.9.9")


def test_what_an_operator_mistypes():
    """What, where, and what to do, in one line; the daemon that is there goes on."""
    with Lab() as lab:
        lab.start()
        at, folder = ["--control", lab.control], lab.folder
        path = os.path.join
        files = {
            "zero": b"192.0.2.0/24\n\0\0",
            "latin": b"192.0.2.0/24\n\xff\xfe\n",
            "word": b"192.0.2.0/24\nfoo\n",
            "everybody": b"0.0.0.0/0\n",
            "half.json": b'{"synward": {',
            "mark": b"\xef\xbb\xbf192.0.2.0/24\nfoo\n",
            "newer.json": b'{"synward": {"version": "9.0.0", "schema": 99}, "profiles": []}',
            "bytes.json": b"\xff\xfe\x00\x01",
            "not_run": b"#!/bin/sh\n",
        }
        for name, content in files.items():
            with open(path(folder, name), "wb") as file:
                file.write(content)
        cases = [
            (["stauts"], USAGE, "did you mean `synward stats`?"),
            (["sources", "ad", "10.0.0.1"], USAGE, "did you mean `synward sources add`?"),
            (["profiles", "export", "a", "b"], USAGE, "see `synward help profiles export`"),
            (["status", "--jsn"], USAGE, "did you mean --json?"),
            (["status", "-o", "foo", *at], USAGE, "there are SERVER,MODE"),
            (["mode", "atack", *at], USAGE, "write auto, normal or attack"),
            (["mode", "default", *at], USAGE, "write `mode auto` for all"),
            (["mode", "attack", "10.0.0", *at], USAGE, "not a server: 10.0.0: write"),
            (["mode", "attack", "fd77::2:80", *at], NOT_FOUND, "it is written [fd77::2]:80"),
            (["profiles", "forget", "fd77::2:80", *at], USAGE, "write [fd77::2]:80"),
            (["mode", "attack", "10.0.0.1:99999", *at], USAGE, "a number from 1 to 65535"),
            (["stats", "10.0.0.1:80:90", *at], USAGE, "not a server: 10.0.0.1:80:90"),
            (["stats", "10.9.9.9", *at], NOT_FOUND, "`synward status` lists those known"),
            (["sources", "add", "10.0.0.0/33", *at], USAGE, "the length is 0 to 32"),
            (["sources", "add", "foo", *at], USAGE, "write ADDRESS or ADDRESS/LENGTH"),
            (["sources", "add", "10.0.0.1", "--for", "9" * 20, *at], USAGE, "1 to 31536000"),
            (["sources", "remove", "10.0.0.1", *at], NOT_FOUND, "`synward sources` lists"),
            (["sources", "import", "../x", path(folder, "word"), *at], USAGE, "up to 63 letters"),
            (
                ["sources", "import", "l", path(folder, "zero"), *at],
                FAILED,
                "zero: has a zero byte",
            ),
            (
                ["sources", "import", "l", path(folder, "latin"), *at],
                FAILED,
                "latin:2: not a source",
            ),
            (["sources", "import", "l", path(folder, "word"), *at], FAILED, "word:2: not a source"),
            (["sources", "import", "l", path(folder, "mark"), *at], FAILED, "mark:2: not a source"),
            (
                ["sources", "import", "l", path(folder, "everybody"), *at],
                FAILED,
                "that is everybody",
            ),
            (["sources", "import", "l", "/dev/full", *at], FAILED, "import it in parts"),
            (["sources", "import", "l", folder, *at], FAILED, "Is a directory: give another"),
            (
                ["profiles", "import", path(folder, "half.json"), *at],
                FAILED,
                "half.json:1: ends too",
            ),
            (["profiles", "import", path(folder, "newer.json"), *at], FAILED, "schema 99 is newer"),
            (["profiles", "import", path(folder, "bytes.json"), *at], FAILED, "bytes.json:1: "),
            (["profiles", "export", "/dev/full", *at], FAILED, "/dev/full: No space left"),
            (["profiles", "set", "10.0.0.1:80", "check", *at], USAGE, "write KEY=VALUE"),
            (["watch", "--kind", "foo", *at], USAGE, "known are mode, setting"),
            (["watch", "--since", "9" * 30, *at], USAGE, "the number of an event"),
            (["watch", "--exec", "/nope", *at], FAILED, "--exec /nope: no program"),
            (["watch", "--exec", folder, *at], FAILED, "no program that can be run"),
            (["watch", "--exec", path(folder, "not_run"), *at], FAILED, "make it executable"),
            (["watch", "--exec", "no-such-program", *at], FAILED, "give its path"),
            (["rehearse", "--for", "48h", *at], USAGE, "24h at most"),
            (["reload", *at], FAILED, "without --config"),
            (["support", "/dev/full", *at], FAILED, "/dev/full"),
            (["check", path(folder, "nope")], FAILED, "nope: No such file or directory: give"),
            (["check", folder], FAILED, "not a file: give another"),
            (["web", "--listen", "0.0.0.0:80", *at], USAGE, "others reach it by `ssh -L`"),
            (["web", "--listen", "127.0.0.1:99999", *at], USAGE, "write 127.0.0.1:PORT"),
            (["web", "--listen", "127.0.0.1:1", "--token", "/nope", *at], FAILED, "give another"),
            (["top", *at], USAGE, "--once prints one frame"),
            (["completion", "ksh"], USAGE, "write bash, zsh or fish"),
            (["help", "no-such-thing"], USAGE, "`synward help` lists them"),
            (["detach", "foo"], USAGE, "side foo: write netns:NAME/IFNAME"),
            (run_arguments(lab, inline="nope"), USAGE, "--inline"),
            (run_arguments(lab, workers="2x"), USAGE, "write 1 to 64"),
            (run_arguments(lab, workers="9" * 20), USAGE, "write 1 to 64"),
            (
                run_arguments(lab, store="/dev/full", control=path(folder, "other")),
                FAILED,
                "is a device",
            ),
            (run_arguments(lab, store=path(folder, "x"), client="port:nope"), FAILED, "in use"),
        ]
        was = picture(lab)
        for argv, code, fragment in cases:
            done = run(SYNWARD, *argv, ok=False)
            what = f"synward {' '.join(argv)}"
            check_equal((done.returncode, done.stdout), (code, ""), f"{what}: {done.stderr}")
            check_equal(len(done.stderr.splitlines()), 1, f"{what}: {done.stderr}")
            check(fragment in done.stderr, f"{what}: no {fragment!r} in {done.stderr!r}")
        check_equal(picture(lab), was, "the machine afterwards")
        check_equal(lab.cli("status")["mode"], "normal", "the daemon goes on")
        return f"{len(cases)} cases"


def test_an_answer_is_json_whatever_was_asked():
    """An error quotes the question, which may be no UTF-8."""
    with Lab() as lab:
        lab.start()
        for asked in (
            b'{"command":"mode","setting":"attack","server":"10.0.0.1:80\xff"}\n',
            b'{"command":"stats","server":"\xc3"}\n',
            b'{"command":"\xf0\x9f"}\n',
            b"\xff\xfe\n",
            b"[]\n",
        ):
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(lab.control)
                control.sendall(asked)
                answer = control.makefile("rb").read()
            check_equal(json.loads(answer)["error"]["code"], USAGE, f"{asked}: {answer}")


def test_a_report_without_a_daemon_says_so():
    with Lab() as lab:
        report = os.path.join(lab.folder, "report.tar.gz")
        done = run(SYNWARD, "support", report, "--control", lab.control, ok=False)
        check_equal((done.returncode, done.stdout), (0, ""), done.stderr)
        said = f"warning: no daemon answers at {lab.control}"
        check(said in done.stderr and "this machine only" in done.stderr, done.stderr)
        check(os.path.getsize(report) > 0, "the report is there")


def test_a_socket_that_cannot_be_made():
    """The message has the name that was given."""
    with Lab() as lab:
        done = run(SYNWARD, *run_arguments(lab, control="/proc/here.sock"), ok=False)
        check_equal(done.returncode, FAILED, done.stderr)
        for line in done.stderr.splitlines():
            check("control socket: /proc/here.sock" in line, line)


def test_bad_import_changes_nothing():
    with Lab() as lab:
        lab.start()
        path = os.path.join(lab.folder, "import.json")
        write(path, '{"synward": {"version": "0.1.0", "schema": 1},\n "profiles": [}')
        before = run(SYNWARD, "profiles", "--json", "--control", lab.control)
        fails(lab, ["profiles", "import", path, "--control", lab.control], FAILED, path, ":2:")
        fails(
            lab, ["profiles", "import", path + "-missing", "--control", lab.control], FAILED, path
        )
        fails(
            lab,
            [
                "profiles",
                "export",
                os.path.join(lab.folder, "missing/out"),
                "--control",
                lab.control,
            ],
            FAILED,
            "missing/out",
        )
        check_equal(
            run(SYNWARD, "profiles", "--json", "--control", lab.control), before, "profiles"
        )


def test_permission_denied():
    with Lab() as lab:
        lab.start()
        shutil.copy(SYNWARD, os.path.join(lab.folder, "synward"))
        os.chmod(lab.folder, 0o755)
        done = run(
            *NOBODY,
            os.path.join(lab.folder, "synward"),
            "status",
            "--control",
            lab.control,
            ok=False,
        )
        check_equal(
            (done.returncode, done.stdout),
            (UNREACHABLE, ""),
            f"exit code and output ({done.stderr})",
        )
        check("permission denied: run as root" in done.stderr, done.stderr)


if __name__ == "__main__":
    runner.main(globals())
