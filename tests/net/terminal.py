# SPDX-License-Identifier: GPL-2.0-or-later
"""No test: `synward top` of a lab in a terminal of tmux.

    with terminal(lab, 80, 24) as shown:
        shown.expect("10.77.0.2:80", "attack")      the line that has both
        shown.press("Enter")
"""
import contextlib
import os
import subprocess
import uuid

from lab import SYNWARD, run, wait_until


class Terminal:
    """A terminal of this size in which `synward top` runs."""

    def __init__(self, lab, columns, lines):
        self.tmux = ["tmux", "-L", f"synward-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
        self._run(
            *("new-session", "-d", "-x", str(columns), "-y", str(lines)),
            f"LC_ALL=C.UTF-8 {SYNWARD} top --control {lab.control}; echo ended $?; exec cat",
        )

    def _run(self, *arguments):
        environment = {**os.environ, "TERM": "xterm-256color"}
        return subprocess.run(
            [*self.tmux, *arguments],
            check=True,
            timeout=30,
            capture_output=True,
            text=True,
            env=environment,
        ).stdout

    def press(self, *keys):
        self._run("send-keys", *keys)

    def screen(self):
        return self._run("capture-pane", "-p").rstrip("\n").split("\n")

    def pid(self):
        """Of `synward top`, which the pane's shell has started."""
        shell = self._run("list-panes", "-F", "#{pane_pid}").strip()
        return int(run("pgrep", "-P", shell, "synward"))

    def expect(self, *words, timeout_s=30):
        """Waits until one line has all these words; that line."""

        def found():
            return next((l for l in self.screen() if all(w in l for w in words)), None)

        return wait_until(found, timeout_s, f"{words} on the screen")

    def close(self):
        with contextlib.suppress(subprocess.SubprocessError):
            self._run("kill-server")


@contextlib.contextmanager
def terminal(lab, columns, lines):
    shown = Terminal(lab, columns, lines)
    try:
        yield shown
    finally:
        shown.close()
