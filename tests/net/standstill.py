# SPDX-License-Identifier: GPL-2.0-or-later
"""When the machine stood still: a guest whose host has other things to do misses seconds, and what
was timed meanwhile says nothing of synward.

For each processor one process waits for 20 ms again and again, with a priority above all that tests
and the daemon have. No process of ours holds it up, however much there is to do; the kernel's own
work for them might, for some milliseconds. Who makes it late by STILL_S is outside.

    with standstill.watched():              one watch for all that run meanwhile, also in children
        standstill.longest_s(begin, end)    of any processor
        standstill.told()                   all of it, for people

Where nobody may have that priority nothing is known, and nothing ever stood still."""
import contextlib
import ctypes
import os
import signal
import time

PRIORITY = 90  # of 99; tests give 1 at the most (lab.before_all_others)
EVERY_S = 0.02
STILL_S = 0.25  # what tests allow for a busy machine, and far more than a kernel works in one go
FILE = "SYNWARD_STOOD_STILL"  # in the environment: where the watch writes to
PR_SET_PDEATHSIG = 1
MCL_CURRENT, MCL_FUTURE = 1, 2


def _watch(processor, path, parent):
    """Notes each time that it was held up, at its end: a line of begin and end, monotonic."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.mlockall(MCL_CURRENT | MCL_FUTURE)  # memory that is short holds up whoever reads a page
    os.sched_setaffinity(0, [processor])
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    notes = os.open(path, os.O_WRONLY | os.O_APPEND)
    while os.getppid() == parent:
        before = time.monotonic()
        time.sleep(EVERY_S)
        now = time.monotonic()
        if now - before > STILL_S:
            os.write(notes, f"{before:.3f} {now:.3f}\n".encode())


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
    notes = os.memfd_create("stood-still")  # it goes with this process, whatever becomes of it
    path = f"/proc/{os.getpid()}/fd/{notes}"
    children = _begin(path)
    os.environ[FILE] = path
    try:
        yield
    finally:
        del os.environ[FILE]
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(notes)


def _all_times():
    """(begin, end) of each, as far as it is known by now."""
    time.sleep(2 * EVERY_S)  # for those that were held up with us to note it
    with contextlib.suppress(KeyError, FileNotFoundError), open(os.environ[FILE]) as notes:
        return [tuple(map(float, line.split())) for line in notes]
    return []


def longest_s(begin, end):
    """The longest time of any processor that has something of this one in it; 0: none has."""
    times = (b - a for a, b in _all_times() if b > begin and a < end)
    return max(times, default=0)


def told():
    """One line; empty: none was held up, or it is not known."""
    times = [end - begin for begin, end in _all_times()]
    if not times:
        return ""
    return f"processors were held up {len(times)} times, for {max(times):.2f} s at most\n"
