# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon is not brought down, nor held up, by what goes on around it: signals, a log that
nobody reads."""
import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import runner
from lab import PROJECT, Failure, Lab, _die_with_parent, _libc, check, check_equal, run, wait_until

PIPE_LEAST = 4096  # bytes: one page
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


class Unread:
    """The daemon with a pipe as its stderr that nobody reads; it takes the place of lab.daemon."""

    def __init__(self, lab):
        self.read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_LEAST)
        self.popen = subprocess.Popen(
            [str(word) for word in lab.daemon_command("auto")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=write_end,
            preexec_fn=_die_with_parent,
        )
        self.write_end = write_end  # ours too: its flags must stay as they are
        self.pid = self.popen.pid

    def said(self):
        """What is in the pipe now."""
        os.set_blocking(self.read_end, False)
        text = b""
        try:
            while part := os.read(self.read_end, 65536):
                text += part
        except BlockingIOError:
            pass
        return text.decode()


def test_sighup_changes_nothing():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="auto")
        lab.http()
        lab.learn("http", 80)
        lab.daemon.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: "SIGHUP" in lab.daemon.errors(), 20, "SIGHUP is in the log")
        check_equal(lab.fetch("http", port=80, count=5)["failed"], 0, "fetches after SIGHUP")
        check_equal(lab.stop_daemon()[0], 0, "exit code")


class Manager:
    """A service manager: the socket that NOTIFY_SOCKET names."""

    def __init__(self, lab):
        self.path = os.path.join(lab.folder, "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(30)
        self.heard = []

    def __enter__(self):
        os.environ["NOTIFY_SOCKET"] = self.path
        os.environ["WATCHDOG_USEC"] = "20000000"
        return self

    def __exit__(self, *_):
        del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
        self.socket.close()

    def drain(self):
        """All that came."""
        self.socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard.append(self.socket.recv(4096).decode())
        self.socket.settimeout(30)
        return self.heard

    def hear(self, word):
        """Waits for a message that begins so; all that came are in `heard`."""
        self.heard.append("")
        while not self.heard[-1].startswith(word):
            try:
                self.heard.append(self.socket.recv(4096).decode())
            except TimeoutError:
                raise Failure(f"no {word} among {self.heard}") from None
        return self.heard[-1]


def worker_of(lab):
    """The id of the daemon's one worker thread."""
    tasks = []
    for task in os.listdir(f"/proc/{lab.daemon.pid}/task"):
        with open(f"/proc/{lab.daemon.pid}/task/{task}/comm") as comm:
            if not comm.read().startswith("iou-") and int(task) != lab.daemon.pid:
                tasks.append(int(task))
    check_equal(len(tasks), 1, "threads beside the main one")
    return tasks[0]


@contextlib.contextmanager
def stopped(thread):
    """That thread alone stands still, as one that hangs does: by ptrace."""
    if _libc.ptrace(PTRACE_SEIZE, thread, None, None) or _libc.ptrace(
        PTRACE_INTERRUPT, thread, None, None
    ):
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        _libc.ptrace(PTRACE_DETACH, thread, None, None)


def test_service_manager():
    with Lab() as lab, Manager(lab) as manager:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="auto")
        manager.hear("READY=1")
        check_equal(
            list(filter(None, manager.heard)),
            [
                "FDSTOREREMOVE=1\nFDNAME=flows",
                "STATUS=mode auto, 0 profiles, no server is attacked",
                "READY=1",
            ],
            "said at the start",
        )
        manager.hear("WATCHDOG=1")
        lab.daemon.popen.send_signal(signal.SIGHUP)
        check("MONOTONIC_USEC=" in manager.hear("RELOADING=1"), "a reload has its time")
        manager.hear("READY=1")
        lab.set_mode("attack")
        manager.hear("STATUS=mode attack")
        lab.stop_daemon()
        manager.hear("STOPPING=1")


def unfed_for(manager, seconds):
    """True, when asked, once so long no WATCHDOG has come; what was on its way may come before."""
    fed, since = None, 0.0

    def unfed():
        nonlocal fed, since
        now = sum(word.startswith("WATCHDOG") for word in manager.drain())
        if now != fed:
            fed, since = now, time.monotonic()
        return time.monotonic() - since >= seconds

    return unfed


def test_watchdog_hungers_while_a_worker_hangs():
    with Lab() as lab, Manager(lab) as manager:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="auto")
        manager.hear("WATCHDOG=1")
        with stopped(worker_of(lab)):
            wait_until(
                unfed_for(manager, 5), 30, "nothing feeds the watchdog, which is fed each 2 s"
            )
            wait_until(
                lambda: any(
                    word.startswith("STATUS=a worker does not answer") for word in manager.drain()
                ),
                30,
                "the status says why",
            )
            wait_until(lambda: "worker 0 does not" in lab.daemon.said(), 30, "the log, too")
        manager.hear("WATCHDOG=1")
        manager.hear("STATUS=mode auto")
        wait_until(lambda: "all workers answer again" in lab.daemon.said(), 20, "so does the log")


def test_manager_that_does_not_read():
    """Its socket is full: nobody waits."""
    with Lab() as lab, Manager(lab) as manager:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="auto")
        for _ in range(20):  # more than a socket's queue holds (net.unix.max_dgram_qlen: 10)
            lab.set_mode("attack")
            lab.set_mode("auto")
            lab.daemon.popen.send_signal(signal.SIGHUP)
        check_equal(lab.cli("status")["mode"], "auto", "mode")
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        manager.hear("READY=1")


def unit_setting(name):
    with open(os.path.join(PROJECT, "dist/synward@.service")) as unit:
        values = [line.split("=", 1)[1] for line in unit if line.startswith(f"{name}=")]
    return " ".join(values).split()


def rules(lab):
    """What is said of sources, without what passes."""
    return sorted(
        (s["address"], s["length"], s["state"], s["by"], s["until"] is None, s["mac"])
        for s in lab.cli("sources")["sources"]
    )


def test_words_survive_a_restart():
    """Modes and sources, by SIGTERM and, a second later, by SIGKILL; who was put aside, by SIGTERM.
    What is said at the start counts for all."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.persistent_cards()
        lab.start(mode="auto")
        state = f"{lab.store}.state"
        lab.http()
        lab.learn("http", 80)
        lab.cli("mode", "normal", "10.77.0.2:80")
        lab.cli("sources", "add", "198.51.100.0/24", "--for", "600")
        lab.cli("sources", "allow", "fd99::/64")
        said = rules(lab)
        wait_until(lambda: os.path.exists(state) and "fd99::" in open(state).read(), 20, "kept")
        check_equal(os.stat(state).st_mode & 0o777, 0o600, "its mode")
        for how in (signal.SIGKILL, signal.SIGTERM):
            lab.restart("attack", how)
            check_equal(rules(lab), said, f"sources after {how.name}")
            check_equal(lab.cli("status")["mode"], "attack", "what was said at the start")
            check_equal(lab.server_mode(80), "normal", "the server's own mode")
        lab.cli("mode", "auto", "10.77.0.2:80")
        lab.cli("mode", "default", "10.77.0.2:80")
        lab.cli("sources", "remove", "198.51.100.0/24")
        lab.cli("sources", "remove", "fd99::/64")
        lab.restart("auto", signal.SIGTERM)
        check(not os.path.exists(state), "nothing is said, and no file there")
        check_equal(rules(lab), [], "sources in the end")


def without_mode(lab):
    """The daemon's command, with nothing said of the mode."""
    words = lab.daemon_command()
    at = words.index("--mode")
    return words[:at] + words[at + 2 :]


def test_the_mode_for_all_survives_where_none_is_given():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        command = without_mode(lab)
        lab.daemon_command = lambda *_, **__: command
        lab.persistent_cards()
        lab.start()
        check_equal(lab.cli("status")["mode"], "auto", "the default")
        lab.set_mode("attack")
        lab.restart("auto", signal.SIGTERM)
        check_equal(lab.cli("status")["mode"], "attack", "what was said")
        lab.stop_daemon()
        with open(f"{lab.store}.state", "w") as state:
            state.write('{"mode": "attack", "sources": [{"source": "nowhere"}]}')
        lab.restart("auto", signal.SIGTERM)
        check("state.bad" in lab.daemon.errors(), f"the log: {lab.daemon.errors()}")
        check_equal(lab.cli("status")["mode"], "auto", "all or nothing")


def test_with_what_the_unit_leaves_it():
    """The capabilities of dist/synward@.service are enough: two kinds of sides, a look into the
    servers' stack, a store that is saved."""
    left = [name.removeprefix("CAP_").lower() for name in unit_setting("CapabilityBoundingSet")]
    bounds = ",".join(["-all", *(f"+{name}" for name in left)])
    check_equal(unit_setting("NoNewPrivileges"), ["yes"], "NoNewPrivileges")
    for sides in ("netns", "port"):
        with Lab(sides=sides) as lab:
            if lab.stand_in:
                raise runner.Skip("needs the daemon")
            whole = lab.daemon_command
            lab.daemon_command = lambda *args, **options: [
                *("setpriv", f"--bounding-set={bounds}", f"--inh-caps={bounds}"),
                *("--no-new-privs", "--"),
                *whole(*args, **options),
            ]
            lab.start(mode="normal", extra=("--server-stack", lab.server.name))
            found = wait_until(lambda: lab.cli("status"), 20, "the daemon answers")["sandbox"]
            check_equal((found["state"], found["why"]), ("on", None), "the sandbox")
            lab.http()
            lab.learn("http", 80)
            lab.set_mode("attack")
            check_equal(lab.fetch("http", port=80, count=5)["failed"], 0, f"fetches, {sides}")
            check("stack" not in lab.daemon.errors(), f"the stack is seen: {lab.daemon.errors()}")
            check_equal(lab.stop_daemon()[0], 0, "exit code")
            check(os.path.exists(lab.store), "the store is saved")
    return f"{len(left)} capabilities"


def test_unit_is_understood():
    if not shutil.which("systemd-analyze"):
        raise runner.Skip("needs systemd-analyze")
    with Lab() as lab:
        for name in ("synward@.service", "synward-web@.service"):
            unit = os.path.join(lab.folder, name)
            with open(os.path.join(PROJECT, "dist", name)) as file:
                text = file.read()
            check("ExecStart=/usr/local/sbin/synward " in text, "the path of `make install`")
            with open(unit, "w") as file:
                file.write(text.replace("/usr/local/sbin/synward", "/bin/true"))
            done = run("systemd-analyze", "verify", unit, ok=False)
            check_equal((done.returncode, done.stderr), (0, ""), f"systemd-analyze verify {name}")


def test_log_that_nobody_reads():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        unread = Unread(lab)
        try:
            wait_until(lambda: os.path.exists(lab.control), 20, "the daemon is ready")

            def dropped():
                return lab.stats()["log"]["dropped"]

            def some_are():
                unread.popen.send_signal(signal.SIGHUP)
                return dropped() >= 3

            check_equal(dropped(), 0, "lines dropped at the start")
            wait_until(some_are, 30, "lines are dropped")
            check(os.get_blocking(unread.write_end), "the pipe that others have too still blocks")
            unread.said()
            unread.popen.send_signal(signal.SIGHUP)
            # The last signal may have come to it since it was asked.
            number = r"(\d+) lines were not logged"
            told = wait_until(lambda: re.search(number, unread.said()), 20, "their number")
            check_equal(int(told.group(1)), dropped(), "lines that were not logged")
            unread.popen.send_signal(signal.SIGTERM)
            check_equal(unread.popen.wait(timeout=20), 0, "exit code")
        finally:
            unread.popen.kill()
            unread.popen.wait()
        return f"{told.group(1)} lines dropped"


def test_a_limit_of_the_size_of_files():
    """Beyond it (LimitFSIZE=) a write fails and no more: its signal would end the process."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        command = lab.daemon_command
        lab.daemon_command = lambda *words: ["prlimit", "--fsize=100000", *command(*words)]
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        check("File too large" in lab.daemon.said(), f"what it says: {lab.daemon.said()}")
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check(os.path.exists(lab.store), "the store, which is smaller, is saved")


runner.main(globals())
