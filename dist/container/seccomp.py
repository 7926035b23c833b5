#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""seccomp.py UNIT - prints the seccomp profile of a container, out of the unit's SystemCallFilter.

Docker 25 and later, and Podman, forbid io_uring, and bpf without CAP_SYS_ADMIN. The groups
(@system-service) are those that `systemd-analyze syscall-filter` of this machine knows."""
import json
import re
import subprocess
import sys

# The unit leaves these to RestrictNamespaces and to systemd, which starts us.
BESIDE = ["execve", "exit", "exit_group", "rt_sigreturn", "setns"]
# What the profiles of Docker and Podman forbid, and synward has no use for: keys are those of the
# whole machine.
WITHOUT = ["add_key", "kcmp", "keyctl", "personality", "request_key", "unshare", "userfaultfd"]
ARCHITECTURES = {
    "SCMP_ARCH_X86_64": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "SCMP_ARCH_AARCH64": ["SCMP_ARCH_ARM"],
}


def expand(word):
    """The calls of a group, and of the groups in it."""
    if not word.startswith("@"):
        return {word}
    said = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True
    ).stdout
    words = [line.strip() for line in said.splitlines() if line.startswith("    ")]
    return set().union(*(expand(inner) for inner in words if not inner.startswith("#")))


def main():
    with open(sys.argv[1], encoding="utf-8") as unit:
        filters = re.findall(r"^SystemCallFilter=(.*)$", unit.read(), re.M)
    names = set(BESIDE).union(*(expand(word) for text in filters for word in text.split()))
    names -= set(WITHOUT)
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "archMap": [
            {"architecture": name, "subArchitectures": others}
            for name, others in ARCHITECTURES.items()
        ],
        "syscalls": [{"names": sorted(names), "action": "SCMP_ACT_ALLOW"}],
    }
    print(json.dumps(profile, indent=1))


if __name__ == "__main__":
    main()
