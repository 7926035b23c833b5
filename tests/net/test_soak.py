# SPDX-License-Identifier: GPL-2.0-or-later
"""Minutes of everything at once: floods, modes that flip, lists that are imported, restarts. Nobody
who asks in the right way notices, and neither memory nor descriptors grow.

SOAK_S says for how long; ten minutes is what a release is given."""
import os
import signal
import time

import runner
from lab import SYNWARD, Lab, check, run, wait_until

SOAK_S = int(os.environ.get("SOAK_S", "60"))
LIFE_S = 20  # of a daemon
FLOOD_RATE = 10000  # SYNs a second, every other turn of LIFE_S / 10
LIST = "\n".join(f"198.51.{i >> 8}.{i & 255}" for i in range(1000))
GROWTH_KIB = 4096


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


def test_everything_at_once():
    with Lab(sides="port") as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="auto")
        http = lab.http()
        lab.learn("http", 80)
        clients = lab.start_fetch(
            "http", 80, count=10000000, concurrency=4, interval_ms=20, timeout_ms=20000
        )
        found, begin = [], time.monotonic()
        while time.monotonic() - begin < SOAK_S:
            found.append(live(lab, len(found)))
            lab.restart("auto", signal.SIGTERM)
        served = http.accepted()
        wait_until(lambda: http.accepted() > served + 20, 30, "clients are served at the end")
        seen = clients.stop_report()
        # Whose server is just being opened when a daemon ends is reset (doc/operate/tour.md).
        check(seen["failed"] <= len(found), f"fetches that failed ({seen})")
        memory, files = zip(*found)
        check(max(files) - min(files) <= 4, f"descriptors: {files}")
        check(max(memory[1:] or memory) - memory[0] <= GROWTH_KIB, f"resident, KiB: {memory}")
        return (
            f"{len(found)} daemons, {seen['ok']} fetches, {seen['failed']} failed; "
            f"KiB {memory}, descriptors {files}"
        )


runner.main(globals())
