# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward top` in a terminal (tmux): an attack shows, keys do what they say, and --once prints a
frame for scripts."""
import contextlib
import os
import subprocess
import uuid

import runner
from lab import SYNWARD, Lab, check, check_equal, in_time, load, run, wait_until


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
            timeout=10,
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

    def expect(self, *words, timeout_s=10):
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


def watched_lab(lab):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode="auto")
    lab.http()
    lab.learn("http", 80)


def test_an_attack_shows_in_both_sizes():
    with Lab() as lab:
        watched_lab(lab)
        with terminal(lab, 80, 24) as small, terminal(lab, 200, 60) as large:
            small.expect("10.77.0.2:80", "normal")
            large.expect("10.77.0.2:80", "normal")
            lab.flood(80, count=20000)
            small.expect("10.77.0.2:80", "attack", "half-open")
            large.expect("10.77.0.2:80", "attack", "half-open")
            check(any("▁" <= c <= "█" for c in "".join(large.screen())), "SYNs are drawn")


def test_keys_show_one_server_its_sources_and_set_its_mode():
    with Lab() as lab:
        watched_lab(lab)
        with terminal(lab, 80, 24) as shown:
            shown.expect("10.77.0.2:80", "normal")
            shown.press("Enter")
            shown.expect("admitted 0")
            shown.press("o")
            shown.expect("no sources are put aside")
            shown.press("Escape")
            shown.expect("SERVER", "CAUSE")
            shown.press("s")
            shown.expect("sorted by refused")
            shown.press("m")
            shown.expect("t attack")
            shown.press("t")
            shown.expect("10.77.0.2:80", "attack")
            check_equal(lab.cli("status")["servers"][0]["setting"], "attack", "what was set")
            shown.press("q")
            shown.expect("ended 0")


def test_a_thousand_servers_cost_less_than_a_hundredth_of_a_core():
    with Lab() as lab:
        watched_lab(lab)
        listeners = lab.thousand_servers()
        (alone,) = load([lab.daemon.pid])
        with terminal(lab, 200, 60) as shown:
            shown.expect("10.77.0.2:3", "normal")
            costs = []

            def measured():
                costs[:] = load([shown.pid(), lab.daemon.pid])
                return costs[0] + max(0, costs[1] - alone)

            in_time(0.01, measured, "a second of top")
        for listener in listeners:
            listener.close()
        return (
            f"top {costs[0] * 100:.2f} % of a core, daemon {costs[1] * 100:.2f} %,"
            f" {alone * 100:.2f} % without it"
        )


def test_once_prints_a_frame():
    with Lab() as lab:
        watched_lab(lab)
        lines = lab.cli_text("top", "--once").splitlines()
        check(lines[0].startswith("synward "), lines[0])
        check(any("10.77.0.2:80" in line and "normal" in line for line in lines), str(lines))
        check(all(len(line) <= 80 for line in lines), "80 columns")


runner.main(globals())
