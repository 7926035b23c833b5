# SPDX-License-Identifier: GPL-2.0-or-later
"""A full store: what is asked about it is answered in pieces, and nobody waits for that."""
import copy
import json
import os
import threading
import time

import runner
from attacks import ask
from lab import Lab, check, check_equal, wait_until

PROFILES = 16000
ANSWER_S = 5.0  # of the daemon's own work for an import: the machine may have other work
BESIDE_S = 0.1  # for nine of ten questions meanwhile
SLOWEST_S = 3.0  # on a machine that has other work
EXTRA_KIB = 100 * 1024  # of memory beside the profiles themselves
POLICY_KIB = 96 * 1024  # each minute one is made beside that which is in force


def memory_kib(pid, name):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def worked_s(pid):
    """Of its main thread."""
    with open(f"/proc/{pid}/task/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def full_store(lab):
    """One learned profile, many times over."""
    lab.http()
    lab.learn("http", 80)
    path = os.path.join(lab.folder, "full.json")
    lab.cli_text("profiles", "export", path)
    with open(path) as file:
        document = json.load(file)
    base = document["profiles"][0]
    document["profiles"] = []
    for i in range(PROFILES):
        profile = copy.copy(base)
        profile["server"] = f"10.99.{i >> 8}.{i & 255}"
        document["profiles"].append(profile)
    with open(path, "w") as file:
        json.dump(document, file)
    return path


def needed_kib(pid):
    """For a while, beside what is there now, since it was asked last."""
    extra = memory_kib(pid, "VmHWM") - memory_kib(pid, "VmRSS")
    with open(f"/proc/{pid}/clear_refs", "w") as peak:
        peak.write("5")
    return extra


class Beside:
    """Asks for `status` all the time, and keeps how long each answer took."""

    def __init__(self, lab):
        self.lab, self.ended, self.took = lab, threading.Event(), []
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        while not self.ended.is_set():
            began = time.monotonic()
            ask(self.lab, command="status")
            self.took.append(time.monotonic() - began)
            self.ended.wait(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def beside(lab, what, work):
    """Does `work` while others ask."""
    pid = lab.daemon.popen.pid
    before = worked_s(pid)
    with Beside(lab) as others:
        work()
    took, waited = worked_s(pid) - before, sorted(others.took)
    slowest = [f"{wait:.3f}" for wait in waited[-20:]] + [len(waited)]
    check(what != "import" or took <= ANSWER_S, f"{what}: {took:.1f} s of work")
    check(waited, f"{what}: nobody else was answered")
    if what == "import":  # afterwards `status` itself has as many servers
        check(waited[len(waited) * 9 // 10] <= BESIDE_S, f"{what}: others waited {slowest}")
    check(waited[-1] <= SLOWEST_S, f"{what}: others waited {slowest}")
    return f"{what} {took:.1f} s, others {waited[len(waited) * 9 // 10] * 1000:.0f} ms"


def test_nobody_waits_for_a_full_store():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal")
        path, pid = full_store(lab), lab.daemon.popen.pid
        needed_kib(pid)
        before = memory_kib(pid, "VmRSS")
        said = [beside(lab, "import", lambda: lab.cli_text("profiles", "import", path))]
        extra = needed_kib(pid)
        check(extra <= EXTRA_KIB, f"an import needed {extra} KiB for a while")
        again = f"{path}.again"
        said.append(beside(lab, "export", lambda: lab.cli_text("profiles", "export", again)))
        with open(again) as file:
            check_equal(len(json.load(file)["profiles"]), PROFILES + 1, "profiles exported")
        saved = lambda: os.path.exists(lab.store) and os.path.getsize(lab.store) > PROFILES * 500
        said.append(beside(lab, "save", lambda: wait_until(saved, 30, "the store is saved")))
        after = needed_kib(pid)
        check(after <= EXTRA_KIB + POLICY_KIB, f"what came then needed {after} KiB for a while")
        # All or nothing: what is there and what comes are there both until all of it is read.
        profiles = memory_kib(pid, "VmRSS") - before
        said.append(beside(lab, "again", lambda: lab.cli_text("profiles", "import", path)))
        again = needed_kib(pid) + memory_kib(pid, "VmRSS") - before - profiles
        check(again <= EXTRA_KIB + profiles, f"the second import needed {again} KiB for a while")
        return (
            f"{', '.join(said)}; {extra >> 10}, {after >> 10} and over a full store {again >> 10} "
            f"MiB for a while, {profiles >> 10} to stay"
        )


runner.main(globals())
