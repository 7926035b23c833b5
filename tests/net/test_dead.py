# SPDX-License-Identifier: GPL-2.0-or-later
"""--when-dead: what passes while no worker is alive, killed or stopped, and what comes of it when
one is alive again.

It is longer than most: each way to be dead is tried, with all that passes then and comes after."""
import concurrent.futures
import contextlib
import ctypes
import errno
import os
import re
import signal
import threading
import time

import runner
from beat import Beat, ConnectionBeat
from lab import (
    CLIENT4,
    PORTS,
    SERVER4,
    SERVER6,
    SYNWARD,
    Lab,
    check,
    check_equal,
    run,
    wait_until,
)
from streams import Streams, answer_bytes, ask, slow_down, stream_that_lasts

DEAD_S = 3  # bridge/bpf/bypass.h
PIDFD_GETFD = 438
SYNS = 8  # a second for each server, and so many at once
REGULAR = 8  # the same of one of those, where nothing is known of the server
LONG_BYTES = 400_000_000
KILLS = int(os.environ.get("DEAD_KILLS", "3"))  # of each kind of sides
DEAD_FOR_S = int(os.environ.get("DEAD_FOR_S", "8"))
SLACK_S = 0.25  # what a machine that others use may add
IN_HAND = 16  # OVERDUE_FRAMES of bridge/workers/worker.c


def dead_lab(*extra, mode="normal"):
    lab = Lab(sides="port")
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode=mode, extra=extra)
    return lab


def dead_of(lab):
    return lab.cli("status")["when_dead"]


def start_again(lab, *extra):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lab.control)
    lab._start_daemon("normal", extra)


def test_killed():
    """The wire goes on by itself, and goes on with the next daemon."""
    with dead_lab() as lab, Beat(lab) as beat:
        lab.http()
        check_equal(dead_of(lab)["setting"], "limited", "unless something else is said")
        check_equal(dead_of(lab)["why"], None, "it is so")
        fetch = lab.start_fetch("download", 80, count=1, bytes=LONG_BYTES, timeout_ms=60000)
        time.sleep(0.2)
        begin = time.monotonic()
        lab.kill_daemon()
        wait_until(lambda: len(beat.since(begin)) > 200, 20, "datagrams go by")
        hole = beat.longest_gap_s(begin)
        check(hole < 0.5 + SLACK_S, f"a hole of {hole * 1000:.0f} ms")
        for port in PORTS:  # or a card would drop what is for the servers
            check("PROMISC" in lab.bridge.run("ip", "link", "show", port), f"{port} is deaf")
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "new connections")
        begin = time.monotonic()
        start_again(lab)
        wait_until(lambda: len(beat.since(begin)) > 200, 20, "datagrams come")
        again = beat.longest_gap_s(begin)
        check(again < 0.5 + SLACK_S, f"a hole of {again * 1000:.0f} ms at the start")
        check_equal(fetch.report()["ok"], 1, "the stream over both")
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        check("clsact" not in lab.bridge.run("tc", "qdisc"), "a qdisc is left behind")
        check("PROMISC" not in lab.bridge.run("ip", "link", "show", PORTS[0]), "promiscuous")
        return f"holes: {hole * 1000:.0f} ms at the kill, {again * 1000:.0f} ms at the next start"


@contextlib.contextmanager
def taps_held(pid):
    """Somebody else keeps the daemon's TAPs open, so that they outlive it."""
    syscall, held = ctypes.CDLL(None, use_errno=True).syscall, []
    with os.fdopen(os.pidfd_open(pid)) as process:
        for name in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{name}") == "/dev/net/tun":
                held.append(syscall(PIDFD_GETFD, process.fileno(), int(name), 0))
    check(held and min(held) >= 0, f"TAPs of the daemon: {held}")
    try:
        yield
    finally:
        for fd in held:
            os.close(fd)


def test_the_keeper_tells_of_a_death():
    """As the TAPs are still there the kernel would find it out after 3 s only."""
    with dead_lab() as lab, Beat(lab) as beat:
        with taps_held(lab.daemon.pid):
            begin = time.monotonic()
            lab.kill_daemon()
            wait_until(lambda: len(beat.since(begin)) > 200, 10, "datagrams go by")
            hole = beat.longest_gap_s(begin)
            check(hole < DEAD_S / 2, f"a hole of {hole * 1000:.0f} ms")
        return f"a hole of {hole * 1000:.0f} ms"


def test_a_start_waits_for_the_taps_of_the_killed_one():
    """The kernel takes them away when it has taken its rings apart, which a busy machine puts off:
    half a second was not enough there."""
    for sides, extra in (("port", ()), ("netns", ("--card", "tap"))):
        with Lab(sides=sides) as lab, contextlib.ExitStack() as held:
            if lab.stand_in:
                raise runner.Skip("needs the daemon")
            if sides == "netns":
                lab.persistent_cards()
            lab.start(mode="normal", extra=extra)
            held.enter_context(taps_held(lab.daemon.pid))
            lab.kill_daemon()
            let_go = threading.Timer(1, held.close)
            let_go.start()
            start_again(lab, *extra)
            let_go.join()
            lab.http()
            check_equal(lab.fetch("http", 80, count=5)["failed"], 0, f"fetches, {sides}")


def test_stopped():
    """After 3 s frames go by; what had waited is thrown away: nothing comes late, or twice."""
    with dead_lab() as lab, Beat(lab) as beat:
        lab.http()
        pid = lab.daemon.popen.pid
        begin = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: len(beat.since(begin + 1)) > 200, DEAD_S + 5, "datagrams go by")
            check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "new connections")
        finally:
            os.kill(pid, signal.SIGCONT)
        hole = beat.longest_gap_s(begin)
        check(DEAD_S - 0.5 < hole < DEAD_S + 0.5 + SLACK_S, f"a hole of {hole:.2f} s")
        goes = time.monotonic()
        wait_until(lambda: len(beat.since(goes)) > 300, 20, "datagrams come")
        numbers = [number for number, _, _ in beat.came]
        check_equal(len(numbers), len(set(numbers)), "datagrams that came twice")
        # What the worker had in hand when it was stopped it sends when it goes on.
        late = sorted(received - sent for _, sent, received in beat.since(begin + 1))[-1 - IN_HAND]
        check(late < 1, f"one came {late:.2f} s late")
        wait_until(lambda: dead_of(lab)["times"] == 1, 20, "status tells of it")
        check(dead_of(lab)["passed"] > 200, f"{dead_of(lab)}")
        check(lab.stats()["frames"]["stale"] > 0, "what had waited was counted")
        wait_until(lambda: "went by unseen" in lab.daemon.errors(), 20, "the log tells of it")
        check("1 times" in lab.cli_text("status"), "for people, too")
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches afterwards")
        return f"a hole of {hole:.2f} s, the latest {late * 1000:.0f} ms late"


def test_stopped_for_a_second():
    """That is late, and not dead: nothing goes by, however often."""
    with dead_lab() as lab, Beat(lab) as beat:
        pid = lab.daemon.popen.pid
        for _ in range(4):
            begin = time.monotonic()
            os.kill(pid, signal.SIGSTOP)
            time.sleep(1)  # the second that is tried
            seen = len(beat.since(begin + 0.2))
            os.kill(pid, signal.SIGCONT)
            check_equal(seen, 0, "datagrams that went by")
            wait_until(lambda b=begin: len(beat.since(b)) > 200, 20, "datagrams come")
        check_equal(dead_of(lab)["times"], 0, "times that no worker was alive")


PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 17, 0x4206, 0x4207, 0x40000000


@contextlib.contextmanager
def stuck(thread):
    """One thread stands still, the others do not notice."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def trace(what):
        code = libc.ptrace(what, thread, None, None)
        check(code == 0, f"ptrace {what}: {os.strerror(ctypes.get_errno())}")

    trace(PTRACE_SEIZE)
    trace(PTRACE_INTERRUPT)
    os.waitpid(thread, WALL)
    yield
    trace(PTRACE_DETACH)


def worker_threads(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm") as file:
            if int(task) != pid and file.read().strip() == "synward":
                found.append(int(task))
    return found


def test_worker_that_is_stuck():
    """The main thread answers meanwhile."""
    with dead_lab() as lab, Beat(lab) as beat:
        workers = worker_threads(lab.daemon.popen.pid)
        check_equal(len(workers), 1, "workers")
        begin = time.monotonic()
        with stuck(workers[0]):
            wait_until(lambda: len(beat.since(begin + 1)) > 200, DEAD_S + 5, "datagrams go by")
            hole = beat.longest_gap_s(begin)
            status = lab.cli("status")
            check("worker 0 does not answer" in status["unanswered"], f"{status}")
            check(status["when_dead"]["times"] == 1, f"{status}")
            check("worker 0 does not answer" in lab.cli_text("status"), "for people, too")
        check(DEAD_S - 0.5 < hole < DEAD_S + 0.5 + SLACK_S, f"a hole of {hole:.2f} s")
        wait_until(lambda: not lab.cli("status")["unanswered"], 10, "it answers again")
        begin = time.monotonic()
        wait_until(lambda: len(beat.since(begin)) > 200, 20, "datagrams come")
        return f"a hole of {hole:.2f} s"


@contextlib.contextmanager
def syns_counted(lab):
    """How many SYNs come to the server."""
    rules = (
        "table ip seen { chain in { type filter hook prerouting priority -300; "
        "tcp flags & (syn|ack) == syn counter; }; }"
    )
    lab.server.run("nft", rules)

    def count():
        return int(re.search(r"counter packets (\d+)", lab.server.run("nft", "list ruleset"))[1])

    yield count
    lab.server.run("nft", "delete table ip seen")


def flood_while_dead(setting):
    """SYNs a second that reach the server, of 20,000 a second for 3 s."""
    with dead_lab("--when-dead", setting) as lab:
        lab.http()
        lab.kill_daemon()
        time.sleep(0.2)
        with syns_counted(lab) as count:
            begin = time.monotonic()
            lab.flood(80, rate=20000, count=60000)
            took = time.monotonic() - begin
            return count(), took


def test_limited():
    came, took = flood_while_dead("limited")
    check(0 < came <= SYNS * (took + 2), f"{came} SYNs in {took:.1f} s")
    return f"{came} of 60,000 SYNs in {took:.1f} s"


def test_flows_go_on_beside_a_flood():
    """Killed in attack mode, under a flood that goes on: limited, it takes nothing from them."""
    with dead_lab("--kernel-path", "on") as lab, Streams(lab) as streams:
        with syns_counted(lab) as count:
            flood = lab.start_flood(80, rate=20000, count=140000)
            wait_until(lambda: lab.stats()["cookies"]["sent"] > 1000, 20, "it is answered")
            check_equal(count(), 0, "SYNs before the kill")
            begin, slowest = lab.kill_daemon(), 0.0
            while flood.running():
                slowest = max(slowest, streams.go_on())
            flood.finish()
            took = time.monotonic() - begin
            came = count()
        check(came <= SYNS * (took + 2), f"{came} SYNs in {took:.1f} s")
        return (
            f"{came} SYNs of 20,000 a second in {took:.1f} s; 50 kB of both within {slowest:.1f} s"
        )


def test_regulars_go_on_beside_a_flood():
    """Who had a connection lately is no stranger: none of his SYNs is dropped for theirs."""
    with dead_lab() as lab:
        lab.http()
        for address in (SERVER4, SERVER6):
            check_equal(lab.fetch("http", 80, address)["ok"], 1, "served while it lives")
        lab.kill_daemon()
        flood = lab.start_flood(80, rate=20000, count=400000)
        with syns_counted(lab) as count:
            wait_until(lambda: count() >= SYNS, 10, "strangers have had their share")
        before = lab.client.counter("TcpExtTCPSynRetrans")
        for address in (SERVER4, SERVER6):
            served = lab.fetch("http", 80, address, count=REGULAR)
            check_equal(served["ok"], REGULAR, f"served beside them ({served})")
        check_equal(lab.client.counter("TcpExtTCPSynRetrans"), before, "SYNs that were dropped")
        check(flood.running(), "it was beside a flood")
        flood.stop_report()


def test_open():
    came, _ = flood_while_dead("open")
    check(came > 50000, f"{came} SYNs of 60,000")
    return f"{came} of 60,000 SYNs"


def test_closed():
    """As on a wire that is cut."""
    with dead_lab("--when-dead", "closed") as lab, Beat(lab) as beat:
        check_equal(dead_of(lab)["setting"], "closed", "setting")
        lab.kill_daemon()
        time.sleep(0.3)
        begin = time.monotonic()
        time.sleep(1)  # what is measured is that nothing happens
        check_equal(len(beat.since(begin)), 0, "datagrams that went by")


def test_joined_connections():
    """What was joined by offsets: by the kernel it goes on, without it nothing of it passes,
    neither way, as its other end would not understand it."""
    for path in ("on", "off"):
        with dead_lab("--kernel-path", path) as lab:
            lab.http()
            lab.learn("http", 80)
            lab.set_mode("attack")
            fetch = lab.start_fetch("download", 80, count=1, bytes=LONG_BYTES, timeout_ms=60000)
            wait_joined(lab)
            if path == "on":
                wait_until(lambda: lab.stats()["kernel"]["carried"] > 500, 10, "it is carried")
            lab.kill_daemon()
            if path == "on":
                check_equal(fetch.report()["ok"], 1, "the stream, with its end")
                continue
            time.sleep(0.5)
            before = lab.client.counter("TcpExtTCPChallengeACK"), received(lab)
            time.sleep(1)  # what is measured is that nothing happens
            after = lab.client.counter("TcpExtTCPChallengeACK"), received(lab)
            check_equal(after, before, "segments of it that came through")
            fetch.stop(signal.SIGKILL)


def wait_joined(lab):
    wait_until(lambda: any(flow["state"] == "spliced" for flow in lab.flows()), 20, "it is joined")


def outlives(*extra, programs=(SYNWARD, SYNWARD)):
    """A stream of a joined connection over kills and starts of these."""
    with dead_lab("--kernel-path", extra[0], "--when-dead", extra[1]) as lab:
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        with stream_that_lasts(lab, LONG_BYTES):
            wait_joined(lab)
            for program in programs:  # the second knows it from the first, which had not opened it
                lab.kill_daemon()
                lab.program = program
                start_again(lab, "--kernel-path", extra[0], "--when-dead", extra[1])
                check("took over 1 joined connections" in lab.daemon.errors(), lab.daemon.errors())
                before = received(lab)
                wait_until(lambda b=before: received(lab) > b + 100, 20, "it goes on")
                check_equal([flow["state"] for flow in lab.flows()], ["spliced"], "flows")
        check_equal(lab.stop_daemon()[0], 0, "exit code")
        start_again(lab, "--kernel-path", extra[0])
        check(
            "joined connections" not in lab.daemon.errors(), "after an end in order it says nothing"
        )


def test_joined_connections_outlive_a_kill():
    """Without the kernel path, with it, and where the wire is cut in between."""
    for path, dead in (("off", "limited"), ("on", "limited"), ("off", "closed")):
        outlives(path, dead)


def killed_often(lab, times, *extra):
    """The wire's holes: from the kill on, and with what was under way in it, in ms."""
    holes, wholes = [], []
    with Beat(lab) as beat, Streams(lab) as streams:
        for _ in range(times):
            killed = lab.kill_daemon()
            streams.go_on()
            wait_until(lambda k=killed: len(beat.since(k)) > 50, 20, "datagrams go by")
            newest = max(sent for _, sent, _ in beat.came)
            lost = beat.lost(killed - 1, newest)
            holes.append(1000 * beat.longest_loss_s(killed, newest))
            wholes.append(1000 * (lost[-1] - lost[0]) if lost else 0)
            start_again(lab, *extra)
            streams.go_on()
    return sorted(holes), sorted(wholes)


def test_kills():
    """Of the wire nothing is missing for longer than 50 ms, with a keeper and without, and
    connections live, plain ones and joined ones."""
    said = []
    for sides, extra in (("port", ("--sandbox", "off")), ("netns", ())):
        with Lab(sides=sides) as lab:
            if lab.stand_in:
                raise runner.Skip("needs the daemon")
            lab.start(mode="normal", extra=extra)
            check_equal(dead_of(lab)["why"], None, "frames go by")
            holes, wholes = killed_often(lab, KILLS, *extra)
        check(holes[-1] <= 50, f"{sides}: holes of {holes} ms")
        worst = f"{holes[-1]:.0f} ms at most, {wholes[-1]:.0f} with what was lost"
        said.append(f"{sides}: {KILLS} kills, {worst}")
    return "; ".join(said)


def start_beside(lab, streams, beat):
    """Behind a kill: for how long nothing of the joined one came, in ms; and how much did not."""
    lab.kill_daemon()
    streams.go_on()
    begin = time.monotonic()
    start_again(lab, "--kernel-path", "on")
    check("took over 1 joined connections" in lab.daemon.errors(), lab.daemon.errors())
    streams.go_on()
    newest = max(sent for _, sent, _ in beat.came)
    return 1000 * beat.longest_loss_s(begin, newest), len(beat.lost(begin, newest))


def test_starts_hold_nothing_up():
    """What the programs of a killed one carry of a joined connection those of the next one carry:
    there is no time between."""
    said = []
    for sides in ("port", "netns"):
        holes, lost = [], 0
        with Lab(sides=sides) as lab:
            if lab.stand_in:
                raise runner.Skip("needs the daemon")
            lab.start(extra=("--kernel-path", "on"))
            with Streams(lab) as streams, ConnectionBeat(lab, Streams.JOINED_PORT) as beat:
                for _ in range(KILLS):
                    hole, missing = start_beside(lab, streams, beat)
                    holes.append(hole)
                    lost += missing
        check(max(holes) <= 10, f"{sides}: nothing of it came for {sorted(holes)} ms")
        said.append(f"{sides}: {KILLS} starts, {lost} lost, {max(holes):.0f} ms in a row at most")
    return "; ".join(said)


def test_twenty_stops():
    """What is known needs no worker: it goes on while that stands still, which is not yet dead. A
    stop ends when the worker has passed on something that came later."""
    with dead_lab("--kernel-path", "on") as lab, Beat(lab) as beat, Streams(lab) as streams:
        went = []
        for _ in range(20):
            os.kill(lab.daemon.pid, signal.SIGSTOP)
            went.append(1000 * streams.go_on())
            os.kill(lab.daemon.pid, signal.SIGCONT)
            wait_until(lambda b=time.monotonic(): len(beat.since(b)) > 1, 10, "frames go up again")
            streams.go_on()
        check_equal(dead_of(lab)["times"], 0, "times that no worker was alive")
        return f"50 kB of both within {sorted(went)[10]:.0f} ms, {max(went):.0f} at most"


def test_killed_under_attack():
    """Of a server in attack mode the kernel makes no cookies any more, as nobody could check them:
    its clients are its own from the kill on."""
    with dead_lab("--kernel-path", "on") as lab:
        http = lab.http()
        for address in (SERVER4, SERVER6):
            lab.learn("http", 80, address)
        lab.set_mode("attack")
        before = lab.stats()["kernel"]["answered"]

        def answers_them():
            check_equal(lab.fetch("http", 80, count=3)["failed"], 0, "fetches before")
            return lab.stats()["kernel"]["answered"] >= before + 3

        wait_until(answers_them, 10, "the kernel answers SYNs")
        accepted = http.accepted()
        lab.kill_daemon()
        for address in (SERVER4, SERVER6):
            result = lab.fetch("http", 80, address, count=3)
            check_equal(result["failed"], 0, f"new connections to {address} ({result})")
        check_equal(http.accepted() - accepted, 6, "connections at the server")


def test_connections_that_end_meanwhile():
    """Carried to their ends, FINs and all, while nobody is alive; the next daemon finds that out,
    and is in the way of nobody who comes from the same port, and of no other."""
    with dead_lab("--kernel-path", "on") as lab:
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        slow_down(lab)
        count = 60_000_000  # a second
        with concurrent.futures.ThreadPoolExecutor() as pool:
            stream = pool.submit(answer_bytes, ask(lab, count, 45000))
            wait_until(lambda: lab.stats()["kernel"]["carried"] > 200, 10, "it is carried")
            lab.kill_daemon()
            came = stream.result()
        check(came > count, f"{came} bytes of {count}")
        # TIME_WAIT is at the server, which has closed first.
        start_again(lab, "--kernel-path", "on", "--mode", "attack")
        check("took over 1 joined connections" in lab.daemon.errors(), lab.daemon.errors())
        check_equal(
            [flow["state"] for flow in lab.flows()], ["closing"], "it knows that both have ended it"
        )
        came = answer_bytes(ask(lab, 1000, 45000))
        check(came > 1000, f"{came} bytes from the same port")
        check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "from others")


def states_of(lab, client_port):
    ours = f"{CLIENT4}:{client_port}"
    return [flow["state"] for flow in lab.flows() if flow["client"] == ours]


def test_connections_that_end_while_it_stands_still():
    """The same for who was only stopped: when it goes on it finds out what has ended."""
    with dead_lab("--kernel-path", "on") as lab:
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        slow_down(lab)
        count = 60_000_000 * (DEAD_S + 2)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            stream = pool.submit(answer_bytes, ask(lab, count, 45000))
            wait_until(lambda: lab.stats()["kernel"]["carried"] > 200, 10, "it is carried")
            os.kill(lab.daemon.pid, signal.SIGSTOP)
            try:
                came = stream.result()
            finally:
                os.kill(lab.daemon.pid, signal.SIGCONT)
        check(came > count, f"{came} bytes of {count}")
        wait_until(lambda: states_of(lab, 45000) == ["closing"], 20, "it is over")
        check_equal(dead_of(lab)["times"], 1, "times that nobody was alive")
        check(answer_bytes(ask(lab, 1000, 45000)) > 1000, "a new one from the same port")


def test_dead_for_long():
    """In make check-more for more than an epoch of the cookies' keys. Meanwhile new connections are
    made, from one port again and again, what was joined ends, and streams go on."""
    with dead_lab("--kernel-path", "on") as lab, Streams(lab) as streams:
        ends = ask(lab, 4_000_000_000, 45010)
        wait_until(
            lambda: [flow["state"] for flow in lab.flows()].count("spliced") == 2, 5, "two joined"
        )
        killed, served = lab.kill_daemon(), 0
        ends.close()
        while time.monotonic() - killed < DEAD_FOR_S:
            streams.go_on()
            try:
                came = answer_bytes(ask(lab, 1000, 45011))
            except OSError as error:
                check_equal(error.errno, errno.EADDRNOTAVAIL, "why there is no new one")
                continue  # of the last one by that port the server's last ACK is not there yet
            check(came > 1000, f"{came} bytes for the {served}th new connection")
            served += 1
        check(served > 3, f"{served} new connections")
        start_again(lab)
        check("joined connections" in lab.daemon.errors(), lab.daemon.errors())
        streams.go_on()
        check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches afterwards")
        lab.set_mode("attack")
        check_equal(lab.fetch("http", 80, count=20)["failed"], 0, "fetches under attack")
        return f"dead for {time.monotonic() - killed:.0f} s, {served} new connections"


def test_joined_connections_of_cards_outlive_a_kill():
    """netns: sides whose cards were made beforehand."""
    lab = Lab()
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    with lab:
        lab.persistent_cards()
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        with stream_that_lasts(lab, LONG_BYTES):
            wait_joined(lab)
            lab.kill_daemon()
            start_again(lab)
            check("took over 1 joined connections" in lab.daemon.errors(), lab.daemon.errors())


def received(lab):
    return lab.client.counter("TcpInSegs")


def test_port_that_has_come_back():
    """What passes while nobody is alive passes there, too: the wire laid anew, or its filters."""
    for what in ("link", "filters"):
        with dead_lab() as lab:
            lab.http()
            if what == "link":
                lab.bridge.run("ip", "link", "del", PORTS[0])
                wait_until(lambda: "vanished" in lab.daemon.errors(), 20, "the log says so")
                lab.lay_wire(PORTS[0])
            else:
                lab.bridge.run("tc", "qdisc", "del", "dev", PORTS[0], "clsact")
            wait_until(lambda: "joined again" in lab.daemon.errors(), 20, f"{what}: joined again")
            lab._addresses(1500)
            check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches")
            with Beat(lab) as beat:
                begin = time.monotonic()
                lab.kill_daemon()
                wait_until(lambda: len(beat.since(begin)) > 200, 20, "datagrams go by")
                hole = beat.longest_gap_s(begin)
                check(hole < 0.5 + SLACK_S, f"a hole of {hole * 1000:.0f} ms")


def test_other_sides_say_so():
    lab = Lab()
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    with lab:
        lab.start(mode="normal", extra=("--card", "tap"))
        check("port:" in dead_of(lab)["why"], f"{dead_of(lab)}")
        check("when dead: the wire is cut" in lab.cli_text("status"), "for people, too")


def test_start_that_fails():
    """After a kill the wire goes on although the next start fails, early or late."""
    with dead_lab("--kernel-path", "on") as lab, Beat(lab) as beat, Streams(lab) as streams:
        lab.kill_daemon()
        time.sleep(0.3)
        for extra in (("--mode", "perhaps"), ("--escape", "main:nothing")):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(lab.control)
            done = run(*lab.daemon_command(extra=extra), ok=False, timeout=20)
            check(done.returncode != 0, f"{extra} is refused: {done.returncode}")
            begin = time.monotonic()
            wait_until(lambda b=begin: len(beat.since(b)) > 200, 20, f"goes on after {extra}")
            streams.go_on()
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "new connections")
        start_again(lab)
        streams.go_on()
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "with the next one")


if __name__ == "__main__":
    runner.main(globals())
