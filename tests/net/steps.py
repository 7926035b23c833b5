# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that is killed at a system call of its main thread: by ptrace."""
import ctypes
import os
import signal
import struct

import runner
from lab import check

SYSCALL, SEIZE, INTERRUPT, GET_INFO = 24, 0x4206, 0x4207, 0x420E
SYSGOOD, EXIT_KILL = 1, 1 << 20
WALL = 0x40000000
ENTRY = 1
INFO = struct.Struct("=B3xIQQQ6Q8x")  # what, architecture, where (twice), number, arguments
# Of x86-64, as the C library of Debian 12 makes them.
SENDTO, SENDMSG, LISTEN, CLONE, RENAME, READLINK = 44, 46, 50, 56, 82, 89
FALLOCATE, EPOLL_WAIT, CLONE3 = 285, 232, 435
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def _trace(what, pid, address=None, data=None):
    code = _libc.ptrace(what, pid, address, data)
    check(code >= 0, f"ptrace {what}: {os.strerror(ctypes.get_errno())}")


def _call(pid):
    """(number, arguments), at the entry of a system call; None: it is behind one."""
    info = ctypes.create_string_buffer(INFO.size)
    _trace(GET_INFO, pid, INFO.size, info)
    what, _, _, _, number, *arguments = INFO.unpack(info.raw)
    return (number, arguments) if what == ENTRY else None


def calls(pid):
    """Each system call of a program's main thread, before it does anything: (number, arguments).
    Whoever stops asking may kill the program. It ends with the program."""
    if os.uname().machine != "x86_64":
        raise runner.Skip("knows the system calls of x86-64 only")
    _trace(SEIZE, pid, None, SYSGOOD | EXIT_KILL)
    _trace(INTERRUPT, pid)
    try:
        yield from _calls(pid)
    except GeneratorExit:
        raise
    except BaseException:
        # Whoever waits for its end would take a stop for that.
        os.kill(pid, signal.SIGKILL)
        raise


def _calls(pid):
    while True:
        _, status = os.waitpid(pid, WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return
        if os.WSTOPSIG(status) == signal.SIGTRAP | 0x80:
            call = _call(pid)
            if call:
                yield call
        _trace(SYSCALL, pid)
