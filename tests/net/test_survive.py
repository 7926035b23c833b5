# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon is not brought down, nor held up, by what goes on around it: signals, a log that
nobody reads."""
import fcntl
import os
import signal
import subprocess

import runner
from lab import Lab, _die_with_parent, check, check_equal, wait_until

PIPE_LEAST = 4096  # bytes: one page


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
        wait_until(lambda: "SIGHUP" in lab.daemon.errors(), 5, "SIGHUP is in the log")
        check_equal(lab.fetch("http", port=80, count=5)["failed"], 0, "fetches after SIGHUP")
        check_equal(lab.stop_daemon()[0], 0, "exit code")


def test_log_that_nobody_reads():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        unread = Unread(lab)
        try:
            wait_until(lambda: os.path.exists(lab.control), 10, "the daemon is ready")
            check_equal(lab.stats()["log"]["dropped"], 0, "lines dropped at the start")
            for _ in range(2 * PIPE_LEAST // 40):
                unread.popen.send_signal(signal.SIGHUP)
                if lab.stats()["log"]["dropped"] >= 3:
                    break
            dropped = lab.stats()["log"]["dropped"]
            check(dropped >= 3, f"{dropped} lines dropped")
            check(os.get_blocking(unread.write_end), "the pipe that others have too still blocks")
            unread.said()
            unread.popen.send_signal(signal.SIGHUP)
            wait_until(
                lambda: f"{dropped} lines were not logged" in unread.said(), 5, "their number"
            )
            unread.popen.send_signal(signal.SIGTERM)
            check_equal(unread.popen.wait(timeout=5), 0, "exit code")
        finally:
            unread.popen.kill()
            unread.popen.wait()
        return f"{dropped} lines dropped"


runner.main(globals())
