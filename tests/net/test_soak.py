# SPDX-License-Identifier: GPL-2.0-or-later
"""Minutes of everything at once: floods, modes that flip, lists that are imported, restarts. Nobody
who asks in the right way notices, and neither memory nor descriptors grow.

SOAK_S says for how long; ten minutes is what a release is given."""
import os
import signal
import time

import runner
from lab import SYNWARD, Lab, check, check_equal, run, wait_until

SOAK_S = int(os.environ.get("SOAK_S", "60"))
LIFE_S = 20  # of a daemon
FLOOD_RATE = 10000  # SYNs a second, every other turn of LIFE_S / 10
LIST = "\n".join(f"198.51.{i >> 8}.{i & 255}" for i in range(1000))
# Each daemon has what the ones before have left, connections that ended within four minutes among
# it: that is all there from this one on.
SETTLED = 240 // LIFE_S + 1
GROWTH_KIB, SETTLED_KIB = 8192, 2048
SHORT_GROWTH_KIB = 4096  # before that


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def live(lab, number):
    """What one daemon is asked for, in ten turns; what it has then."""
    turns = 10
    for turn in range(turns):
        ends = time.monotonic() + LIFE_S / turns
        lab.set_mode("attack" if turn % 4 == 1 else "auto")
        run(
            *(SYNWARD, "sources", "import", "drop", "-", "--control", lab.control),
            said=f"{LIST}\n203.0.113.{number % 250}\n",
        )
        if turn % 2:
            lab.flood(80, rate=FLOOD_RATE, count=int(FLOOD_RATE * LIFE_S / turns / 2))
        time.sleep(max(0.0, ends - time.monotonic()))  # it is a matter of time
    lab.set_mode("auto")
    return lab.resident_kib(), descriptors(lab.daemon.pid)


def begin_services(lab):
    """One that its clients speak to first, and one that speaks first itself."""
    servers = [lab.http(), lab.pop3()]
    wanted = [("http", 80), ("pop3", 110)]
    for kind, port in wanted:
        lab.learn(kind, port)
    return servers, [
        lab.start_fetch(*one, count=10**7, concurrency=4, interval_ms=20, timeout_ms=20000)
        for one in wanted
    ]


def test_everything_at_once():
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="auto")
        servers, clients = begin_services(lab)
        found, begin = [], time.monotonic()
        while time.monotonic() - begin < SOAK_S:
            found.append(live(lab, len(found)))
            lab.restart("auto", signal.SIGUSR2 if len(found) % 2 else signal.SIGTERM)
        for server in servers:
            served = server.accepted()
            wait_until(lambda s=server, n=served: s.accepted() > n + 20, 60, "served at the end")
        seen = [client.stop_report() for client in clients]
        check_equal([one["failed"] for one in seen], [0, 0], f"fetches that failed ({seen})")
        memory, files = zip(*found)
        check(max(files) - min(files) <= 4, f"descriptors: {files}")
        settled = memory[SETTLED:]
        growth_kib = GROWTH_KIB if settled else SHORT_GROWTH_KIB
        check(max(memory) - memory[0] <= growth_kib, f"resident, KiB: {memory}")
        if settled:
            check(max(settled) - settled[0] <= SETTLED_KIB, f"resident, KiB: {memory}")
        return (
            f"{len(found)} daemons, fetches: {', '.join(str(one['ok']) for one in seen)}; "
            f"KiB {memory}, descriptors {files}"
        )


runner.main(globals())
