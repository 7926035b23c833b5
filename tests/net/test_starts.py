# SPDX-License-Identifier: GPL-2.0-or-later
"""A start that is killed, or gives up, after it has begun to take over what the last one left: the
next one goes on with all of it, from where that has come by then."""
import contextlib
import json
import os
import re
import signal

import runner
import steps
from lab import HUGE_PAGES, PORTS, Lab, Process, check, check_equal, run, wait_until
from streams import ask

CARRIED = ("--kernel-path", "on")
NEAR_BYTES = 5_000_000
LOSSY_BYTES = 300_000_000
FAR_BYTES = 2_300_000_000  # over 2 GiB: numbers from before it say the opposite
PLAIN_PORT, JOINED_PORT, FIRST_PORT = 45000, 45001, 45100
KILLED, HANDED_ON, ENDED = signal.SIGKILL, signal.SIGUSR2, signal.SIGTERM
# Where a start is killed: before a system call of its main thread, the n-th of its kind since there
# is a file for its own joined connections. Four messages are for the kernel path: a gate for each
# port, then a program. Who changes a start finds them anew with `strace`.
NOTHING, GATES, HALF_WAY = ((steps.SENDMSG, turn) for turn in (1, 3, 4))
BOTH = (steps.CLONE, 1)  # both programs; there is no keeper yet
NO_WORKERS, WORKERS = (steps.CLONE3, 1), (steps.READLINK, 1)
NO_NAME, ITS_NAME = (steps.RENAME, 1), (steps.SENDTO, 3)  # of its file
ALL_BUT_CONTROL = (steps.LISTEN, 1)
LEADING = {NOTHING: 0, GATES: 0, HALF_WAY: 1}  # of its programs; at all others both
ANYWHERE = (
    NOTHING,
    GATES,
    HALF_WAY,
    BOTH,
    NO_WORKERS,
    WORKERS,
    NO_NAME,
    ITS_NAME,
    ALL_BUT_CONTROL,
)


class Asker:
    """A connection that goes on, and what it is asked for."""

    def __init__(self, lab, port):
        self.socket = ask(lab, 1000, port, close=False)
        self.take(1000)

    def ask(self, count):
        self.socket.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: a\r\n\r\n" % count)

    def take(self, count):
        """The whole answer, and nothing behind it."""
        head, end, came = b"", b"\r\n\r\n", 0
        while end not in head or came < count:
            piece = self.socket.recv(1 << 20)
            check(piece, "it is closed")
            if end not in head:
                head += piece
                came = len(head) - head.index(end) - len(end) if end in head else 0
            else:
                came += len(piece)
        check_equal(came, count, "bytes of an answer")

    def go_on(self, count=1000):
        self.ask(count)
        self.take(count)


def states_of(lab, port):
    return [flow["state"] for flow in lab.flows() if flow["client"].endswith(f":{port}")]


@contextlib.contextmanager
def connections():
    """The lab, a connection that is plain, and one that is joined."""
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal", extra=CARRIED)
        lab.http()
        lab.learn("http", 80)
        lab.restart("normal", ENDED, CARRIED)  # who is killed does not save what he has learned
        plain = Asker(lab, PLAIN_PORT)
        lab.set_mode("attack")
        joined = Asker(lab, JOINED_PORT)
        check_equal(states_of(lab, JOINED_PORT), ["spliced"], "it is joined")
        yield lab, plain, joined
        for one in (plain, joined):
            one.socket.close()


def end(lab, how):
    if how == KILLED:
        lab.kill_daemon()
    else:
        check_equal(lab.daemon.stop(how)[0], 0, "exit code")


def make_way(lab):
    """A killed one's socket would say that the next one is ready."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lab.control)


def start(lab):
    make_way(lab)
    lab._start_daemon("attack", CARRIED)  # pylint: disable=protected-access


def leading(lab):
    """The program at each port by which the kernel carries."""
    found = {}
    for port in PORTS:
        shown = json.loads(
            lab.bridge.run("tc", "-j", "filter", "show", "dev", port, "ingress") or "[]"
        )
        for program in (one.get("options", {}).get("prog", {}) for one in shown):
            if program.get("name", "").startswith("carry"):
                found[port] = program["id"]
    return found


def killed_at(lab, step):
    """A start that comes so far: so many programs of it lead."""
    kind, turn = step
    before = leading(lab)
    begun = False
    make_way(lab)
    lab.daemon = lab._keep(  # pylint: disable=protected-access
        Process(lab.daemon_command("attack", CARRIED), lab.log("daemon"), HUGE_PAGES)
    )
    for number, _ in steps.calls(lab.daemon.pid):
        begun = begun or number == steps.FALLOCATE
        turn -= begun and number == kind
        if turn == 0 or number == steps.EPOLL_WAIT:  # which is behind the whole start
            break
    lab.kill_daemon()
    check_equal(turn, 0, f"it comes to {step}: {lab.daemon.errors()}")
    new = sum(before.get(port) != program for port, program in leading(lab).items())
    check_equal(new, LEADING.get(step, len(PORTS)), f"its programs that lead at {step}")


def given_up(lab):
    """A start whose worker does not begin."""
    make_way(lab)
    command = lab.daemon_command("attack", (*CARRIED, "--escape", "worker:unlink"))
    done = run(*command, ok=False)
    check(done.returncode > 0 and "worker:unlink" in done.stderr, f"it gives up: {done}")
    check("goes on without synward" in done.stderr, f"the wire stays: {done.stderr}")


def beside(lab, joined, port, how, fail, count=NEAR_BYTES, stands_still=False):
    """Between an end of this kind and the next start, which `fail` has failed before: the joined
    connection has so many bytes, and another one ends."""
    ends = Asker(lab, port)
    check_equal(states_of(lab, port), ["spliced"], "one that is about to end")
    end(lab, how)
    fail()
    joined.ask(count)
    if not stands_still:
        joined.take(count)
    ends.socket.close()
    start(lab)
    if stands_still:
        joined.take(count)


def go_on(lab, joined, plain, port):
    """Both, and the one that has ended is not held as one that lives."""
    joined.go_on()
    plain.go_on()
    wait_until(lambda: states_of(lab, port) in ([], ["closing"]), 20, "what has ended is over")


def one_start(connected, port, how, step):
    lab, plain, joined = connected
    # What goes one way the program of the other way does not see: until the next start it has to.
    half = step == HALF_WAY
    count = FAR_BYTES if step == BOTH else NEAR_BYTES
    beside(lab, joined, port, how, lambda: killed_at(lab, step), count, half)
    go_on(lab, joined, plain, port)


def over_starts(how, killed=ANYWHERE):
    with connections() as connected:
        for port, step in enumerate(killed, FIRST_PORT):
            one_start(connected, port, how, step)
    return f"killed at {len(killed)} steps"


def test_behind_a_kill():
    return over_starts(KILLED)


def test_behind_one_that_handed_on():
    return over_starts(HANDED_ON)


def test_behind_an_end():
    """The wire was cut meanwhile: what is there of it the start that is killed has laid."""
    return over_starts(ENDED, (BOTH, WORKERS, NO_NAME, ITS_NAME, ALL_BUT_CONTROL))


def test_several_starts_in_a_row():
    """Each but the last is killed, as in turn the one and the other program leads."""
    with connections() as (lab, plain, joined):
        for port, how in enumerate((KILLED, HANDED_ON), FIRST_PORT):

            def fail():
                for step in (HALF_WAY, NOTHING, HALF_WAY, BOTH, HALF_WAY, GATES):
                    killed_at(lab, step)

            beside(lab, joined, port, how, fail, stands_still=True)
            go_on(lab, joined, plain, port)


def loses_one_in_100(host):
    """Of what its own TCP gets."""
    lost = "numgen random mod 100 < 1 counter drop"
    chain = "chain in { type filter hook input priority 0; meta l4proto tcp " + lost + "; }"
    host.run("nft", "table inet loss {\n" + chain + "\n}\n")


def test_on_a_lossy_wire():
    """What was lost of a fast stream is said again megabytes behind the newest, and while there is
    no daemon nobody but the kernel passes it."""
    with connections() as (lab, plain, joined):
        for host in (lab.client, lab.server):
            loses_one_in_100(host)
        for how in (KILLED, HANDED_ON):
            end(lab, how)
            for one in (joined, plain):
                one.ask(LOSSY_BYTES)
                one.take(LOSSY_BYTES)
            start(lab)
            joined.go_on()
            plain.go_on()
        counted = lab.client.run("nft", "list", "table", "inet", "loss")
        lost = int(re.search(r"counter packets (\d+)", counted).group(1))
        check(lost > 0, "segments are lost")
        return f"{lost} segments lost"


def test_starts_that_give_up():
    with connections() as (lab, plain, joined):
        for port, how in enumerate((KILLED, HANDED_ON), FIRST_PORT):
            beside(lab, joined, port, how, lambda: given_up(lab), FAR_BYTES)
            go_on(lab, joined, plain, port)


if __name__ == "__main__":
    runner.main(globals())
