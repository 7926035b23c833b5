# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers that stand still for less than the 3 s that make them dead: what is known goes on, what
is not waits, and nothing comes twice or a second late when they go on."""
import contextlib
import json
import os
import re
import signal
import threading
import time

import runner
from beat import Beat
from lab import PORTS, Lab, check, check_equal, run, wait_until
from services import Service, connect
from ticks import Ticking, again, delays, latest_s

STOPS = int(os.environ.get("LATE_STOPS", "5"))  # of each kind of sides
STILL_S = (0.3, 0.6, 1.2, 1.8, 0.3)  # how long, in turns
HOLE_S = 0.05  # of a stop like any other
BUSY_S = 0.25  # with what a machine that others use may add; what waits, waits for longer
IN_HAND = 16  # OVERDUE_FRAMES of bridge/workers/worker.c
KINDS = {"port": ("plain", "spliced"), "netns": ("plain", "spliced"), "hook": ("plain", "hook")}


def late_lab(kind):
    lab = Lab(sides="netns" if kind == "hook" else kind)
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    hook = "auto" if kind == "hook" else "off"
    lab.start(mode="normal", extra=("--kernel-path", "on", "--hook", hook))
    if kind == "hook" and not lab.cli("status")["hook"]["on"]:
        raise runner.Skip(lab.cli("status")["hook"]["why"])
    return lab


def learn(lab):
    for _ in range(12):
        with connect(lab, 80) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while client.recv(4096):
                pass
    lab.wait_armed(80)


def joined(lab):
    return [flow["delta"] for flow in lab.flows() if flow["state"] == "spliced"]


def carried_alone(lab, ticking):
    """Nothing of them comes up any more: what the learner wanted of them it has."""

    def quiet():
        before = lab.stats()["kernel"]
        ticking.go_on()
        after = lab.stats()["kernel"]
        return all(after[key] == before[key] for key in after if key.startswith("up_"))

    wait_until(quiet, 20, f"the kernel carries all of it: {lab.stats()['kernel']}")


def stop(pid, seconds, ticking):
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)  # so long it is late
        ticking.go_on(5)
    finally:
        os.kill(pid, signal.SIGCONT)


def judged(way, sent, came, stops):
    """The worst delay of what was sent in each stop, in s."""
    check_equal(again(sent, came), [], f"{way}: frames that came more often than they were sent")
    late = latest_s(came)
    check(late < 1, f"{way}: a frame came {late:.2f} s late")
    pieces = delays(sent, came)
    return [
        max(took for at_s, took in pieces if begin - 0.01 <= at_s <= end) for begin, end in stops
    ]


def stopped_often(kind):
    """(name, holes in s) of each direction; and what the datagrams were late by."""
    with late_lab(kind) as lab, Ticking(lab) as ticking:
        Service(lab, 80, ticking.speak)
        learn(lab)
        ticking.add("plain", connect(lab, 80))
        ticking.go_on(1)
        lab.set_mode("attack")
        ticking.add(KINDS[kind][1], connect(lab, 80))
        wait_until(lambda: joined(lab), 20, "one is joined")
        check((joined(lab) == [0]) == (kind == "hook"), f"as it should be: {joined(lab)}")
        carried_alone(lab, ticking)
        stops = []
        with Beat(lab) as beat:
            for number in range(STOPS):
                begin = time.time()
                stop(lab.daemon.pid, STILL_S[number % len(STILL_S)], ticking)
                ticking.go_on()
                stops.append((begin, time.time()))
            came = beat.since(0)
        lab.set_mode("normal")
        ticking.go_on()
        ticking.stopping = True
        ticking.join()
    numbers = [number for number, _, _ in came]
    check_equal(len(numbers), len(set(numbers)), "datagrams that came twice")
    late = [received - sent for _, sent, received in came]
    # What a worker has in hand when it is stopped it sends when it goes on.
    too_late = sum(one > 1.2 for one in late)
    check(too_late <= IN_HAND * STOPS, f"{too_late} datagrams came over a second late")
    return [(way, judged(way, *seen, stops)) for way, *seen in ticking.ways()], max(late)


def stops_of(kind):
    ways, late = stopped_often(kind)
    holes = sorted(hole for _, all_holes in ways for hole in all_holes)
    worst = max(ways, key=lambda way: max(way[1]))
    told = (
        f"{STOPS} stops, holes each way: {holes[len(holes) // 2] * 1000:.1f} ms in the median, "
        f"{holes[-1] * 1000:.1f} at most ({worst[0]}); the latest datagram {late * 1000:.0f} ms"
    )
    # A segment that comes out of order goes up, and waits there for the stopped worker.
    long = sum(hole > BUSY_S for hole in holes)
    check(holes[len(holes) // 2] <= HOLE_S and long <= len(holes) // 10, told)
    return told


def test_plain_and_spliced_between_ports():
    return stops_of("port")


def test_plain_and_spliced_between_cards():
    return stops_of("netns")


def test_plain_and_of_the_servers_own_tcp():
    return stops_of("hook")


# --- who makes them late -----------------------------------------------------------------------


@contextlib.contextmanager
def made_late(pid, still_s, runs_s):
    """It stands still again and again, as under a quota of CPU time."""
    ended = threading.Event()

    def turns():
        while not ended.wait(runs_s):
            os.kill(pid, signal.SIGSTOP)
            ended.wait(still_s)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=turns)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


QUOTAS = (  # where a cgroup is made, of either kind, and what says that it has a tenth of a core
    ("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "10000"}),
    ("/sys/fs/cgroup", {"cpu.max": "10000 100000"}),
)


@contextlib.contextmanager
def of_a_tenth(pid):
    """In a cgroup of its own; yields how often the kernel has kept it waiting, when asked."""
    for parent, quota in QUOTAS:
        folder = f"{parent}/synward-test-{pid}"
        if not os.path.exists(f"{parent}/cgroup.procs"):
            continue
        os.mkdir(folder)
        try:
            if all(os.path.exists(f"{folder}/{name}") for name in quota):
                write_all(folder, {**quota, "cgroup.procs": str(pid)})
                yield lambda: int(re.search(r"nr_throttled (\d+)", read(f"{folder}/cpu.stat"))[1])
                return
        finally:
            with contextlib.suppress(OSError):  # it has ended
                write_all(parent, {"cgroup.procs": str(pid)})
            os.rmdir(folder)
    raise runner.Skip("no cgroup with a quota of CPU time can be made")


def write_all(folder, texts):
    for name, text in texts.items():
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)


def read(path):
    with open(path) as file:
        return file.read()


def attacked_while_late(make_late, *extra, rate=10000):
    """Silent clients, wrong requests, floods of SYNs and of what must be looked at: nothing of it
    comes to the server, which is in attack mode, as where nobody is late."""
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal", extra=extra)
        http = lab.http()
        lab.learn("http", 80)
        lab.set_mode("attack")
        before = http.accepted(), lab.server.counter("TcpPassiveOpens")
        with make_late(lab.daemon.pid) as throttled:
            patient = {"concurrency": 200, "hold_ms": 200, "connect_timeout_ms": 8000}
            clients = [
                lab.start_talkers(80, count=1000, say=word, **patient)
                for word in ("nothing", "bittorrent")
            ]
            lab.flood(80, rate=rate, count=2 * rate)
            lab.flood(80, rate=rate, count=2 * rate, ack="yes")
            connected = sum(client.report()["connected"] for client in clients)
            waits = throttled() if throttled else None
        after = http.accepted(), lab.server.counter("TcpPassiveOpens")
        check(connected > 1000, f"{connected} of 2,000 bad clients have spoken")
        check_equal(after, before, "connections that were accepted, and made by the server's TCP")
        check_equal(lab.fetch("http", 80, count=10)["failed"], 0, "fetches afterwards")
        if waits is not None and waits <= 20:
            raise runner.Skip(f"kept waiting {waits} times: this machine is too fast for that")
        return f"{connected} of 2,000 bad clients have spoken, and none got through" + (
            f"; kept waiting {waits} times" if waits else ""
        )


def test_attacked_while_it_stands_still_for_seconds():
    return attacked_while_late(lambda pid: made_late(pid, 1, 0.3))


def test_attacked_while_it_runs_for_a_tenth_of_the_time():
    return attacked_while_late(lambda pid: made_late(pid, 0.09, 0.01))


def test_attacked_while_it_has_a_tenth_of_a_core():
    """Without the kernel path, by which it would need less."""
    return attacked_while_late(of_a_tenth, "--kernel-path", "off", rate=100_000)


# --- whose place somebody else wants -----------------------------------------------------------


@contextlib.contextmanager
def still(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # it may have gone on, and ended
            os.kill(pid, signal.SIGCONT)


def with_files_of_its_own(lab):
    """The next daemon of this lab has its own store and control socket."""
    lab.store = os.path.join(lab.folder, "other.json")
    lab.control = os.path.join(lab.folder, "other.sock")


def test_nobody_takes_the_place_of_one_that_stands_still():
    """By the store, and by the sides."""
    with late_lab("port") as lab:
        lab.http()
        first = lab.store, lab.control
        with still(lab.daemon.pid):
            done = run(*lab.daemon_command(), ok=False, timeout=20)
            check(done.returncode == 1 and "in use" in done.stderr, f"same store: {done}")
            with_files_of_its_own(lab)
            done = run(*lab.daemon_command(), ok=False, timeout=20)
            check("in use by another synward" in done.stderr, f"same sides: {done}")
        lab.store, lab.control = first
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches afterwards")


def test_one_that_wakes_up_beside_its_successor():
    """Its TAPs were taken away by hand, as nothing else makes room for another: it ends, and
    touches nothing of the other's."""
    with late_lab("port") as lab:
        lab.http()
        old = lab.daemon
        with still(old.pid):
            for port in PORTS:
                index = json.loads(lab.bridge.run("ip", "-j", "link", "show", port))[0]["ifindex"]
                lab.bridge.run("ip", "link", "del", f"synward{index}")
                lab.bridge.run("tc", "qdisc", "del", "dev", port, "clsact")
            with_files_of_its_own(lab)
            lab._start_daemon("normal", ())  # pylint: disable=protected-access
            check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches with the new one")
            with Beat(lab) as beat:
                begin = time.monotonic()
                os.kill(old.pid, signal.SIGCONT)
                old.popen.wait(timeout=20)
                ended = time.monotonic()
                wait_until(lambda: len(beat.since(ended + 1)) > 200, 10, "datagrams come")
                numbers = [number for number, _, _ in beat.since(begin)]
        check_equal(len(numbers), len(set(numbers)), "datagrams that came twice")
        check_equal(lab.cli("status")["sides"]["client"].get("cut"), None, "the new one's side")
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "fetches without the old one")


runner.main(globals())
