# SPDX-License-Identifier: GPL-2.0-or-later
"""After its start the daemon is worth little: no privilege, no file, and whoever tries what it has
no reason to do dies. What needs privileges goes on, by the keeper."""
import contextlib
import json
import os
import signal
import struct
import subprocess
import tempfile

import runner
from lab import PORTS, SYNWARD, Lab, check, check_equal, run, wait_until

NO_CAPABILITIES = "0" * 16
SYSTEM_USERS_END = 61184  # from here on no user of a system is found


def threads(pid):
    """What the kernel says of each thread: a dict of /proc/PID/task/TID/status."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        # One of io_uring's comes where it is needed, and may have gone meanwhile.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/task/{task}/status") as status:
                lines = status.read().splitlines()
            found[int(task)] = dict(line.split(":\t", 1) for line in lines)
    return found


def keeper_of(pid):
    """The id of the daemon's one child; None: it has none."""
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        found = [int(child) for child in children.read().split()]
    check(len(found) <= 1, f"children of the daemon: {found}")
    return found[0] if found else None


@contextlib.contextmanager
def running(sides="netns", mode="auto", extra=(), **options):
    with Lab(sides=sides, **options) as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode=mode, extra=extra)
        wait_until(lambda: lab.cli("status")["uptime_s"] >= 0, 20, "the daemon answers")
        yield lab


def check_confined(pid):
    for task, status in threads(pid).items():
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            check_equal(status[name], NO_CAPABILITIES, f"{name} of thread {task}")
        check_equal(status["NoNewPrivs"], "1", f"NoNewPrivs of thread {task}")
        check_equal(status["Seccomp"], "2", f"Seccomp of thread {task}")
        for name in ("Uid", "Gid"):
            ids = set(status[name].split())
            check(min(map(int, ids)) >= SYSTEM_USERS_END, f"{name} of thread {task}: {ids}")
        check_equal(status["Groups"].strip(), "", f"groups of thread {task}")
    check_equal(os.stat(f"/proc/{pid}/status").st_uid, 0, "owner in /proc: it can be dumped")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # there is no such folder
        check_equal(os.listdir(f"/proc/{pid}/root"), [], "what it sees of the file system")


def test_no_thread_has_a_privilege():
    for sides in ("netns", "port"):
        with running(sides, extra=("--workers", "2", "--sandbox", "on")) as lab:
            check_equal(len(lab.daemon_threads()), 3, "threads")
            check_confined(lab.daemon.pid)
            check_equal(
                lab.cli("status")["sandbox"],
                {"state": "on", "keeper": True, "why": None},
                "the sandbox in status",
            )
            check("sandbox: on\n" in lab.cli_text("status"), "the line in status")


def test_the_keeper_has_few_and_runs_no_program():
    """Between ports, as cards are that are veth ends, it has a second thread, which waits for the
    daemon's death."""
    for sides, extra, count in (("netns", ("--card", "tap"), 1), ("netns", (), 2), ("port", (), 2)):
        with running(sides, extra=extra) as lab:
            found = threads(keeper_of(lab.daemon.pid)).values()
            check_equal(len(found), count, f"threads of the keeper of {sides} sides {extra}")
            for status in found:
                check_equal(status["Name"], "synward-keeper", "its name")
                check_equal(status["CapBnd"], NO_CAPABILITIES, "its bounding set")
                check(int(status["CapEff"], 16).bit_count() <= 8, f"has {status['CapEff']}")
                check_equal(status["NoNewPrivs"], "1", "its NoNewPrivs")
                check_equal(status["Seccomp"], "2", "its Seccomp")


def escape(way, sandbox="on"):
    """What becomes of a daemon that tries it: its exit code, and what it said."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        command = lab.daemon_command("auto", ("--sandbox", sandbox, "--escape", way))
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stderr


FIRST = ("open", "socket", "execve")
DEADLY = FIRST + ("fork", "ptrace", "kill", "code", "io_uring", "bpf", "setns")


def test_a_worker_that_leaves_dies():
    for way in DEADLY:
        code, said = escape(f"worker:{way}")
        check_equal(code, -signal.SIGSYS, f"worker:{way}: {said}")


def test_the_main_thread_that_leaves_dies():
    for way in FIRST:
        code, said = escape(f"main:{way}")
        if way == "open":  # a library may look for a file: there is none
            check(code == 1 and "Permission denied" in said, f"main:{way}: {code} {said}")
        else:
            check_equal(code, -signal.SIGSYS, f"main:{way}: {said}")


def test_what_stands_on_no_list_fails():
    for role in ("worker", "main"):
        code, said = escape(f"{role}:unlink")
        check(code == 1 and "Operation not permitted" in said, f"{role}:unlink: {code} {said}")


def test_without_it_they_would_have_got_away():
    """That nothing else stops them: else the tests above would say nothing."""
    for way in FIRST + ("fork", "code", "io_uring", "bpf"):
        code, said = escape(f"worker:{way}", sandbox="off")
        # What runs instead of us ends well.
        check("it is out" in said or way == "execve" and code == 0, f"worker:{way}: {code} {said}")


def test_off_leaves_it_as_it_was():
    with running(extra=("--sandbox", "off")) as lab:
        for task, status in threads(lab.daemon.pid).items():
            check_equal(status["Seccomp"], "0", f"Seccomp of thread {task}")
        check_equal(keeper_of(lab.daemon.pid), None, "a keeper")
        check_equal(lab.cli("status")["sandbox"]["state"], "off", "the state in status")


def owner(path):
    found = os.stat(path)
    return found.st_uid, found.st_gid, found.st_mode & 0o777


def test_files_are_saved_and_belong_to_whom_they_did():
    found = {}
    for sandbox in ("off", "on"):
        with running(extra=("--sandbox", sandbox)) as lab:
            lab.http()
            lab.learn("http", 80)
            run(SYNWARD, "mode", "attack", "--control", lab.control)
            wait_until(lambda: os.path.exists(lab.store + ".state"), 30, "the state is saved")
            control = owner(lab.control)
            check_equal(lab.stop_daemon()[0], 0, f"exit code, {sandbox}")
            found[sandbox] = [control] + [
                owner(lab.store + end) for end in ("", ".votes", ".state", ".flows")
            ]
            with open(lab.store) as store:
                check_equal(len(json.load(store)["profiles"]), 1, f"profiles saved, {sandbox}")
            left = sorted(name for name in os.listdir(lab.folder) if "profiles" in name)
            check("profiles.json.flows" in left, f"what connections leave, {sandbox}: {left}")
            left.remove("profiles.json.flows")
            check_equal(
                left,
                ["profiles.json", "profiles.json.state", "profiles.json.votes"],
                f"files beside the store, {sandbox}",
            )
            check(not os.path.exists(lab.control), "the control socket is gone")
    check_equal(found["on"], found["off"], "owners and modes")


def test_a_full_disk_leaves_the_old_store():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        folder = os.path.join(lab.folder, "small")
        os.mkdir(folder)
        run("mount", "-t", "tmpfs", "-o", "size=64k", "none", folder)
        try:
            lab.store = os.path.join(folder, "profiles.json")
            lab.start(mode="auto", extra=("--sandbox", "on"))
            lab.http()
            lab.learn("http", 80)
            with open(os.path.join(folder, "fill"), "wb") as fill:
                with contextlib.suppress(OSError):
                    fill.write(b"x" * (1 << 20))
                    fill.flush()
            code, _ = lab.daemon.stop()
            said = lab.daemon.said()
            check(code == 1 and "No space left" in said, f"exit code {code}: {said}")
            check(not os.path.exists(lab.store + ".new"), "what was begun is gone")
        finally:
            lab.daemon = None
            run("umount", "-l", folder)


def test_the_keeper_ends_with_the_daemon():
    for how in (signal.SIGTERM, signal.SIGKILL):
        with running("port") as lab:
            keeper = keeper_of(lab.daemon.pid)
            lab.daemon.stop(how)
            wait_until(lambda k=keeper: not os.path.exists(f"/proc/{k}"), 20, "the keeper is gone")


def test_the_wire_outlives_the_keeper():
    with running("port") as lab:
        lab.http()
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches")
        os.kill(keeper_of(lab.daemon.pid), signal.SIGKILL)
        wait_until(lambda: not lab.cli("status")["sandbox"]["keeper"], 20, "status tells it")
        check("keeper is gone" in lab.daemon.said(), "the log tells it")
        check("its keeper is gone" in lab.cli_text("status"), "the line in status")
        for side in lab.cli("status")["sides"].values():
            check(not side.get("cut"), f"nothing is cut: {side}")
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches without a keeper")
        check_confined(lab.daemon.pid)
        code, _ = lab.daemon.stop()
        check_equal(code, 1, "exit code: the store is not saved")
        lab.daemon = None


def without_setuid(lab):
    """The daemon's command, where its user cannot be changed."""
    whole = lab.daemon_command
    return lambda *args, **options: [
        "setpriv",
        "--bounding-set=-setuid",
        "--inh-caps=-setuid",
        "--no-new-privs",
        "--",
        *whole(*args, **options),
    ]


def test_what_cannot_be_had_is_told():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.daemon_command = without_setuid(lab)
        lab.start()
        found = lab.cli("status")["sandbox"]
        check_equal(found["state"], "partly", "the state in status")
        check("it stays root" in found["why"], f"the reason: {found['why']}")
        check("it stays root" in lab.daemon.said(), f"the log: {lab.daemon.errors()}")
        for status in threads(lab.daemon.pid).values():
            check_equal(status["CapEff"], NO_CAPABILITIES, "the rest is in force: CapEff")
            check_equal(status["Seccomp"], "2", "the rest is in force: Seccomp")
    with Lab() as lab:
        command = without_setuid(lab)("auto", ("--sandbox", "on"))
        done = run(*command, ok=False)
        check(done.returncode == 1 and "it stays root" in done.stderr, f"on: {done}")


HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)


def test_a_capture_is_read_without_privileges():
    """The capture comes from us, so that the reader can be looked at while it reads."""
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store")
        learning = subprocess.Popen(
            [SYNWARD, "learn", "--pcap", "-", "--store", store],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            wait_until(
                lambda: threads(learning.pid)[learning.pid]["Seccomp"] == "2", 30, "it is confined"
            )
            check_confined(learning.pid)
            said, errors = learning.communicate(HEADER, timeout=60)
        finally:
            learning.kill()
            learning.wait()
        check_equal((learning.returncode, errors), (0, b""), "exit code and errors")
        check(b"0 frames" in said, f"what it says: {said}")
        check_equal(sorted(os.listdir(folder)), ["store", "store.votes"], "what is saved")


def test_a_signal_to_all_ends_in_order():
    """What a service manager sends to the whole group, and a terminal by Ctrl-C."""
    with running("port") as lab:
        keeper, daemon = keeper_of(lab.daemon.pid), lab.daemon.pid
        for number in (signal.SIGHUP, signal.SIGTERM):
            os.kill(keeper, number)
        check(lab.cli("status")["sandbox"]["keeper"], "the keeper is no addressee")
        os.kill(daemon, signal.SIGTERM)
        os.kill(keeper, signal.SIGTERM)
        check_equal(lab.daemon.stop()[0], 0, "exit code")
        qdiscs = lab.bridge.run("tc", "qdisc", "show", "dev", PORTS[0])
        check("clsact" not in qdiscs, f"the port is as it was: {qdiscs}")


runner.main(globals())
