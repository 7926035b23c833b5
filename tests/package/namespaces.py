# SPDX-License-Identifier: GPL-2.0-or-later
"""A system in namespaces of its own (boot.sh), a copy of build/package-root. The wire's two ends
are moved there."""
import os
import shutil

import runner
from lab import BUILD, PORTS, PROJECT, Lab, check, run, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
BASE, ROOT = os.path.join(BUILD, "package-root"), os.path.join(BUILD, "package/root")
BOOT_S = 60
ENVIRONMENT = (
    *("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
    *("LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"),
)


def copy_base(base, kind, root):
    run("sh", f"{PROJECT}/tests/root/make-root.sh", base, kind, timeout=900)
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(os.path.dirname(root), exist_ok=True)
    run("cp", "-a", "--reflink=auto", base, root)
    os.unlink(f"{root}/.synward-root")  # make-root.sh's


class Namespaces(Lab):
    slow = 1

    def __init__(self):
        super().__init__(sides="port")
        if self.stand_in:
            raise runner.Skip("needs the daemon")
        copy_base(BASE, "systemd", ROOT)
        self.prepare(ROOT)
        self.make_ports()
        self.boot()

    def boot(self):
        self.machine = self.spawn("sh", f"{HERE}/boot.sh", ROOT)
        children = f"/proc/{self.machine.pid}/task/{self.machine.pid}/children"

        def child():
            with open(children) as file:
                return file.read().strip()

        self.init = wait_until(child, 10, "boot.sh has a child")
        wait_until(
            lambda: os.path.exists(f"/proc/{self.init}/root/run/systemd/private"),
            BOOT_S,
            "systemd is there",
        )
        state = self.inside("systemctl", "is-system-running", "--wait", ok=False).stdout.strip()
        check(
            state in ("running", "degraded"),
            f"the system is {state}: {self.machine.errors()}",
        )
        for port in PORTS:
            self.bridge.ip(f"link set {port} netns {self.init}")
            self.inside("ip", "link", "set", port, "up")

    def close(self):
        fault = super().close()
        shutil.rmtree(ROOT, ignore_errors=True)
        return fault

    def inside(self, *argv, **options):
        """A command in the booted system."""
        return run(
            *("nsenter", "-t", self.init, "-m", "-p", "-n", "-u", "-i", "-C"),
            *ENVIRONMENT,
            *argv,
            **{"timeout": 200, **options},
        )
