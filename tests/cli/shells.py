#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""shells.py SYNWARD [SHELL...] - completes lines in real shells (bash; all for "all").

Each shell runs on a terminal of its own. A line is typed with a Tab at its end, and then made the
text of an `echo`, so that what the shell made of it is what it prints. A stand-in for the daemon
tells of two servers."""
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

TIMEOUT_S = 30
SERVERS = [{"server": "10.0.0.5", "port": 80}, {"server": "fd77::2", "port": 110}]
STATUS = {"synward": {"version": "x", "schema": 1}, "servers": SERVERS}
# What is typed, what becomes of it; SOCKET is the stand-in's. zsh takes the last blank back when
# the cursor goes elsewhere.
LINES = [
    ("synward versio", "synward version "),
    ("synward prof", "synward profiles "),
    ("synward profiles forg", "synward profiles forget "),
    ("synward status --cont", "synward status --control "),
    ("synward mode att", "synward mode attack "),
    ("synward run --kernel-path o", "synward run --kernel-path o"),  # on, off
    ("synward mode --control SOCKET attack 1", "synward mode --control SOCKET attack 10.0.0.5:80 "),
    (
        "synward profiles set --control SOCKET 10.0.0.5:8",
        "synward profiles set --control SOCKET 10.0.0.5:80 ",
    ),
    ("synward profiles set 10.0.0.5:80 gree", "synward profiles set 10.0.0.5:80 greeting="),
    (
        "synward profiles set 10.0.0.5:80 greeting=ex",
        "synward profiles set 10.0.0.5:80 greeting=exact ",
    ),
    ("synward learn --pcap cap", "synward learn --pcap capture.pcap "),
    ("synward completion f", "synward completion fish "),
]
BRACKETS = (
    "synward mode --control SOCKET attack [fd77::2]:1",
    "synward mode --control SOCKET attack [fd77::2]:110 ",
)
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(synward completion bash)"),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -U compinit; compinit -u -D; source <(synward completion zsh)",
    ),
    "fish": (
        ["fish", "--no-config", "--interactive"],
        "set -g fish_greeting; function fish_prompt; end; synward completion fish | source",
    ),
}


def answer_forever(listener):
    while True:
        try:
            wire, _ = listener.accept()
        except OSError:
            return
        with wire:
            wire.recv(65536)
            wire.sendall(json.dumps(STATUS).encode() + b"\n")


class Shell:
    def __init__(self, name, folder, path):
        argv, setup = SHELLS[name]
        self.said = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            environment = {"PATH": path, "HOME": folder, "TERM": "dumb", "LANG": "C.UTF-8"}
            os.execvpe(argv[0], argv, {**environment, "PS1": "", "XDG_DATA_HOME": folder})
        # The answer is not what was typed: the terminal echoes that.
        self.type(f"stty columns 500; {setup}; echo re''ady\n")
        self.wait(rb"\nready\r?\n")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait(self, pattern):
        end = time.monotonic() + TIMEOUT_S
        while not (found := re.search(pattern, self.said)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                raise TimeoutError(f"the shell said {self.said[-2000:]!r}")
            self.said += os.read(self.terminal, 65536)
        self.said = self.said[found.end() :]
        return found

    def complete(self, line):
        self.type(f"{line}\t\x01echo '<\x05>'\n")
        found = self.wait(rb"\n(?:\x1b\[[^a-zA-Z]*[a-zA-Z])*<(synward[^\n]*)>\r?\n")
        return found.group(1).decode()

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def test(name, synward):
    """(passed, failed) of one shell."""
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="synward-shell-") as folder:
        path = os.path.join(folder, "c.sock")
        os.symlink(os.path.abspath(synward), os.path.join(folder, "synward"))
        open(os.path.join(folder, "capture.pcap"), "w").close()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(8)
            threading.Thread(target=answer_forever, args=(listener,), daemon=True).start()
            shell = Shell(name, folder, f"{folder}:{os.environ['PATH']}")
            try:
                for typed, wanted in LINES + ([BRACKETS] if name == "bash" else []):
                    got = shell.complete(typed.replace("SOCKET", path))
                    wanted = wanted.replace("SOCKET", path)
                    wanted = wanted.rstrip() if name == "zsh" else wanted
                    passed, failed = passed + (got == wanted), failed + (got != wanted)
                    if got != wanted:
                        print(f"FAILED {name}: {typed!r} became {got!r}, not {wanted!r}")
            except (TimeoutError, OSError) as error:
                print(f"FAILED {name}: {error}")
                failed += 1
            finally:
                shell.close()
                listener.close()
    print(f"{name}: {passed} lines completed")
    return passed, failed


def main():
    synward, wanted = sys.argv[1], sys.argv[2:] or ["bash"]
    passed = failed = 0
    for name in SHELLS if wanted == ["all"] else wanted:
        if not shutil.which(name):
            print(f"FAILED {name} is not installed")
            failed += 1
            continue
        good, bad = test(name, synward)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
