# SPDX-License-Identifier: GPL-2.0-or-later
"""No test: what tests of the kernel path ask of it."""
import errno
import os

import runner
from lab import check


def need_path(lab):
    """A kernel without BPF is no failure; one whose verifier says no is."""
    path = lab.cli("status")["kernel_path"]
    if not path["on"]:
        lab.close()
        check(os.strerror(errno.EACCES) not in path["why"], f"its verifier says no: {path['why']}")
        raise runner.Skip(path["why"])


def answering(lab):
    """Of a kernel that takes that part of the program, too."""
    if "answers no SYNs" in lab.daemon.errors():
        release = tuple(int(part) for part in os.uname().release.split(".")[:2])
        check(release < (6, 1), f"Linux {release} takes the part that answers SYNs")
        raise runner.Skip("this kernel answers no SYNs")


def kernel(lab):
    """What the kernel's program has counted."""
    return lab.stats()["kernel"]


def went_up(before, after):
    return {k: after[k] - before[k] for k in after if k.startswith("up_") and after[k] != before[k]}
