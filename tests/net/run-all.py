#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the namespace tests, file by file, and sums them up: `run-all.py [FILE ...]`; those
that say the same again in another dress: `run-all.py --more [--beside COMMAND]`; those of
../interop: `run-all.py --interop [FILE ...]`; those of ../redteam: `run-all.py --redteam [FILE
...]`.

FILE@N runs with N workers in each daemon (SYNWARD_WORKERS, lab.py). All files hold with 2 and with
4; a cheap choice of them is run so. FILE@4k runs without huge pages (SYNWARD_HUGE_PAGES): those
that measure memory hold with both, whatever this system is set to. FILE@splice runs with --hook off
(SYNWARD_HOOK): what the servers' own TCP makes elsewhere is spliced. FILE@often, FILE@long and
FILE@many do what `make check` does more often, for longer, with more connections
(environment_of()). Words behind a file choose among its tests.

Most files wait more than they work, and their namespaces have nothing to do with each other: of
these five run at a time. Of those that load the machine as far as it goes one runs beside them. A
file's lines are printed when it has ended.

--beside: a test command of another kind that runs beside the first, and has the processors while
these wait. Its lines are counted too.

Each file prints its own lines and ends with "N passed, N failed"; one that ends without is a
failure too."""
import argparse
import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
import time

import standstill

HERE = os.path.dirname(os.path.abspath(__file__))
HEAVY = [
    "test_attacks.py",
    "test_transfer.py",
    "test_two_ways.py",
    "test_mtu.py",
    "test_auto.py",
    "test_protect.py",
    "test_bridge.py",
    "test_held.py",
]
# Short ones first: what is broken altogether shows early. Then the longest, so that they are not
# left over at the end.
TOGETHER = [
    "cli_errors.py",
    "test_doctor.py",
    "test_rehearse.py",
    "cli_learn.py",
    "test_oracle.py",
    "test_odd_frames.py",
    "test_wire.py",
    "test_dns.py",
    "test_synack.py",
    "test_whole.py",
    "test_switch.py",
    "test_watch.py",
    "test_top.py",
    "test_first_attack.py",
    "test_web.py",
    "test_page.py",
    "test_loss.py",
    "test_modes.py",
    "test_survive.py",
    "test_late.py",
    "test_handing_on.py",
    "test_reload.py",
    "test_imports.py",
    "test_cluster.py",
    "test_sync.py what_one_has_learned sync_is_confined",
    "test_sync_sums.py",
    "test_spread.py",
    "test_sandbox.py",
    "test_stack.py",
    "test_ends.py",
    "test_port.py",
    "test_kernel_path.py",
    "test_veth_peer.py",
    "test_queues.py",
    "test_busy_poll.py",
    "test_templates.py",
    "test_hidden.py",
    "test_keywords.py",
    "test_greetings.py",
    "transparency.py",
    "test_protocols.py",
    "test_vlan.py",
    "test_recipes.py",
    "test_pmtu.py",
    "test_redteam.py",
    "test_fingerprints.py",
    "test_demo.py",
    "test_real.py",
    "test_votes.py",
]
# With several workers, without huge pages, hosts that are machines of their own; starts that fail;
# and a cluster whose store fails, which waits most of its time.
MORE = [
    "test_vm.py",
    "test_starts.py",
    "test_sync_store.py",
    "test_sync.py",
    "test_spread_more.py",
    "test_pieces.py",
    "test_prometheus.py",
    "test_sync_tls.py",
    "test_vlan.py@2",
    "test_vlan.py@4",
    "test_wire.py@2",
    "test_wire.py@4",
    "test_dns.py@2 usual",
    "test_pmtu.py@2",
    "test_pmtu.py@4",
    "transparency.py@2",
    "test_protocols.py@4",
    "test_loss.py@splice",
    "test_dead.py@often kills",
    "test_dead.py@long dead_for_long",
    "test_late.py@often plain",
    "test_takeover.py@many many",
    "test_handing_on.py@often no_hole",
    "test_upgrade.py@many",
    "test_soak.py",
    "test_protect.py@4k 0000",
    "test_attacks.py@4k memory",
    "test_bridge.py@4k memory",
    "test_protect.py@splice",
    "test_takeover.py@splice",
    "test_transfer.py@splice",
]
# After these, one at a time: whole seconds of a server's patience are judged there.
ALONE = ["test_slow.py", "test_prefork.py"]
# The real programs; the longest first.
INTEROP = [
    "test_emule.py",
    "test_small.py",
    "test_named.py",
    "test_peers.py",
    "test_mail.py",
    "test_shell.py",
    "test_ftp.py",
    "test_databases.py",
    "test_dns_udp.py",
    "test_web.py",
]
# A thousand clients each: one file at a time.
REDTEAM = ["test_slow.py", "test_long_headers.py"]
LANES, MORE_LANES, INTEROP_LANES = 5, 4, 3
BESIDE_NICE = 10  # so that the files have a processor when they want one
LIMIT_S, INTEROP_LIMIT_S = 600, 600
AGAIN_MOST = 10  # of a run: then it says nothing of the rest, either
BESIDE_LIMIT_S = 1200  # it has what the files leave


def environment_of(variant):
    if variant == "4k":
        return {"SYNWARD_HUGE_PAGES": "0"}
    if variant == "often":
        return {"DEAD_KILLS": "25", "LATE_STOPS": "20"}
    if variant == "long":
        return {"DEAD_FOR_S": "250"}
    if variant == "many":
        return {"TAKEOVER_MANY": "500"}
    if variant == "splice":
        return {"SYNWARD_HOOK": "off"}
    return {"SYNWARD_WORKERS": variant} if variant else {}


class Results:
    """What the files said, and which of them are running; used by all lanes."""

    def __init__(self, folder, limit_s):
        self.folder, self.limit_s = folder, limit_s
        self._lock = threading.Lock()
        self._running = set()
        self._over = False
        self.passed = self.failed = self.again = 0

    def start_file(self, name):
        named, *tests = name.split()
        file, _, variant = named.partition("@")
        return self.start(
            [sys.executable, os.path.join(self.folder, file), *tests], environment_of(variant)
        )

    def start(self, argv, environment):
        """None when the run is over."""
        with self._lock:
            if self._over:
                return None
            process = subprocess.Popen(
                argv,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                env={**os.environ, **environment},
            )
            self._running.add(process)
            return process

    def add(self, process, name, said, passed, failed, seconds):
        with self._lock:
            self._running.discard(process)
            self.passed += passed
            self.failed += failed
            self.again += len(re.findall("^again ", said, re.MULTILINE))
            print(f"== {name} ({seconds:.0f} s)\n{said}", end="", flush=True)

    def end(self):
        """Ends what is running; each cleans up after itself."""
        with self._lock:
            self._over = True
            for process in self._running:
                process.terminate()


def judge(name, process, said, in_time, limit_s):
    """(what is printed, passed, failed)"""
    found = re.findall(r"(\d+) passed, (\d+) failed", said)
    if not in_time:
        return f"{said}FAILED {name}: took more than {limit_s} s\n", 0, 1
    if not found:
        return (
            f"{said}FAILED {name}: ended without a summary, exit code {process.returncode}\n",
            0,
            1,
        )
    passed, failed = map(int, found[-1])
    return said, passed, failed or (1 if process.returncode else 0)


def run_file(results, name):
    follow(results, name, results.start_file(name), results.limit_s)


def run_beside(results, command):
    follow(
        results,
        command,
        results.start(["nice", "-n", str(BESIDE_NICE), *shlex.split(command)], {}),
        BESIDE_LIMIT_S,
    )


def follow(results, name, process, limit_s):
    """Waits for its end, within its time."""
    if not process:
        return
    in_time, begin = True, time.monotonic()
    try:
        said, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        in_time = False
        process.terminate()
        said, _ = process.communicate()
    results.add(
        process,
        name,
        *judge(name, process, said, in_time, limit_s),
        time.monotonic() - begin,
    )


def queue_of(names):
    left = queue.SimpleQueue()
    for name in names:
        left.put(name)
    return left


def run_lane(results, queues):
    """The files of the first queue until it is empty, then those of the next."""
    for left in queues:
        while True:
            try:
                name = left.get_nowait()
            except queue.Empty:
                break
            run_file(results, name)


def run_lanes(results, lanes, beside=None):
    """`lanes`: for each file that runs at a time, the queues that it comes from."""
    threads = [threading.Thread(target=run_lane, args=(results, queues)) for queues in lanes]
    if beside:
        threads.append(threading.Thread(target=run_beside, args=(results, beside)))
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        results.end()
        for thread in threads:
            thread.join()
        raise


def run_net(wanted):
    unlisted = sorted(
        f
        for f in os.listdir(HERE)
        if re.fullmatch(r"test_\w+\.py", f) and f not in HEAVY + TOGETHER + MORE + ALONE
    )
    wanted = wanted or HEAVY + unlisted + TOGETHER
    results = Results(HERE, LIMIT_S)
    light = [name for name in wanted if name in TOGETHER or name in unlisted]
    left, heavy = queue_of(light), queue_of([name for name in wanted if name not in light])
    run_lanes(results, [[left]] * (LANES - 1) + [[left, heavy], [heavy]])
    return results


def run_more(beside):
    results = Results(HERE, LIMIT_S)
    run_lanes(results, [[queue_of(MORE)]] * MORE_LANES, beside)
    run_lanes(results, [[queue_of(ALONE)]])
    return results


def run_interop(wanted):
    results = Results(os.path.join(os.path.dirname(HERE), "interop"), INTEROP_LIMIT_S)
    run_lanes(results, [[queue_of(wanted or INTEROP)]] * INTEROP_LANES)
    return results


def run_redteam(wanted):
    results = Results(os.path.join(os.path.dirname(HERE), "redteam"), INTEROP_LIMIT_S)
    run_lanes(results, [[queue_of(wanted or REDTEAM)]])
    return results


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser()
    apart = parser.add_mutually_exclusive_group()
    apart.add_argument("--more", action="store_true")
    apart.add_argument("--interop", action="store_true")
    apart.add_argument("--redteam", action="store_true")
    parser.add_argument("--beside", metavar="COMMAND")
    parser.add_argument("files", nargs="*")
    given = parser.parse_args()
    if given.beside and not given.more:
        parser.error("--beside goes with --more")
    begin = time.monotonic()
    with standstill.watched():
        kind, results = run_kind(given)
        print(standstill.told(), end="")
    if results.again > AGAIN_MOST:
        results.failed += 1
        print(f"FAILED machine: {results.again} tests were tried again, {AGAIN_MOST} at most")
    took_s = time.monotonic() - begin
    print(f"{kind}: {results.passed} passed, {results.failed} failed ({took_s:.0f} s)")
    return 1 if results.failed else 0


def run_kind(given):
    """(what they are, their results)"""
    if given.interop:
        return "real programs", run_interop(given.files)
    if given.redteam:
        return "red team", run_redteam(given.files)
    if given.more:
        beside = " and what ran beside them" if given.beside else ""
        return f"namespace tests{beside}", run_more(given.beside)
    return "namespace tests", run_net(given.files)


sys.exit(main())
