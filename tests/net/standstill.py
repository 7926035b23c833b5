# SPDX-License-Identifier: GPL-2.0-or-later
"""When the machine stood still: a guest whose host has other things to do misses seconds, and what
was timed meanwhile says nothing of synward.

For each processor one process waits for 20 ms again and again, with a priority above all that tests
and the daemon have. So work of our own, however much, never holds it up: who makes it late is
outside.

    with standstill.watched():          one watch for all that run meanwhile, also in children
        standstill.longest_s(since)     of any processor, since then

Where nobody may have that priority nothing is known, and nothing ever stood still."""
import contextlib
import ctypes
import os
import signal
import tempfile
import time

PRIORITY = 90  # of 99; tests give 1 at the most (lab.before_all_others)
EVERY_S = 0.02
STILL_S = 0.1
FILE = "SYNWARD_STOOD_STILL"  # in the environment: where the watch writes to
PR_SET_PDEATHSIG = 1


def _watch(processor, path, parent):
    """Notes each time that it was held up, at its end: a line of begin and end, monotonic."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, [processor])
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    notes = os.open(path, os.O_WRONLY | os.O_APPEND)
    before = time.monotonic()
    while os.getppid() == parent:
        time.sleep(EVERY_S)
        now = time.monotonic()
        if now - before > STILL_S:
            os.write(notes, f"{before:.3f} {now:.3f}\n".encode())
        before = now


def _begin(path):
    """A process for each processor, which end with this one."""
    children, parent = [], os.getpid()
    for processor in sorted(os.sched_getaffinity(0)):
        child = os.fork()
        if child:
            children.append(child)
            continue
        try:
            _watch(processor, path, parent)
        finally:  # also where it may not have that priority
            os._exit(0)
    return children


@contextlib.contextmanager
def watched():
    """Of those around this one the outermost watches."""
    if FILE in os.environ:
        yield
        return
    with tempfile.NamedTemporaryFile(prefix="stood-still-") as notes:
        os.environ[FILE] = notes.name
        children = _begin(notes.name)
        try:
            yield
        finally:
            del os.environ[FILE]
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def _all_times():
    """(begin, end) of each, as far as it is known by now."""
    time.sleep(2 * EVERY_S)  # who was held up with us has noted it
    with contextlib.suppress(KeyError, FileNotFoundError), open(os.environ[FILE]) as notes:
        return [tuple(map(float, line.split())) for line in notes]
    return []


def longest_s(since):
    """The longest time of any processor that ended behind `since`; 0: none stood still."""
    return max((end - begin for begin, end in _all_times() if end >= since), default=0)


def told():
    """All of it in a line; empty: it went on all the time."""
    times = [end - begin for begin, end in _all_times()]
    if not times:
        return ""
    return f"the machine stood still {len(times)} times, {max(times):.2f} s at most\n"
