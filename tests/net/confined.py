# SPDX-License-Identifier: GPL-2.0-or-later
"""confined.py PROFILE COMMAND... - runs a command under a container's seccomp profile.

What the profile does not name kills the process, so that nothing is forbidden unnoticed. Names that
begin with "-" before PROFILE are taken out of it: -io_uring_setup."""
import ctypes
import json
import os
import sys

KILL, ALLOW = 0x80000000, 0x7FFF0000
EPERM = 0x00050001


def main():
    words = sys.argv[1:]
    without = []
    while words[0].startswith("-"):
        without.append(words.pop(0)[1:])
    with open(words[0], encoding="utf-8") as file:
        profile = json.load(file)
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(EPERM if without else KILL)))
    for rule in profile["syscalls"]:
        for name in rule["names"]:
            number = seccomp.seccomp_syscall_resolve_name(name.encode())
            if number >= 0 and name not in without:
                seccomp.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, 0)
    if seccomp.seccomp_load(context) != 0:
        sys.exit("the profile is not taken")
    os.execvp(words[1], words[1:])


if __name__ == "__main__":
    main()
