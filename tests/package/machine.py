# SPDX-License-Identifier: GPL-2.0-or-later
"""A system in a virtual machine: Debian 12 with its own kernel and systemd, as the installer leaves
it but for what agent.sh needs.

    the lab's client -- veth -- p0 -- bridge -- TAP -- QEMU -- virtio-net, p0 of the guest
    the lab's server -- veth -- p1 -- bridge -- TAP -- QEMU -- virtio-net, p1 of the guest

It has no other network. What it is told goes by its second serial port, as in tests/net/guest.py.
QEMU emulates the processor (TCG), as no test may need /dev/kvm: all takes ten to twenty times as
long, so this is no part of `make check`."""
import base64
import contextlib
import glob
import os
import shlex
import shutil
import subprocess

import runner
from guest import QEMU, Guest
from lab import BUILD, PORTS, Lab, check, run
from namespaces import ENVIRONMENT, HERE, copy_base

BASE, ROOT = os.path.join(BUILD, "machine-root"), os.path.join(BUILD, "machine/root")
DISK = os.path.join(BUILD, "machine/disk")
DISK_SIZE, MEMORY_MIB, PROCESSORS = "2G", 1024, 2
BOOT_S, COMMAND_S = 600, 900
AGENT = """[Unit]
After=multi-user.target
[Service]
ExecStart=/bin/sh /usr/local/sbin/agent
Restart=always
[Install]
WantedBy=multi-user.target
"""


class Console(Guest):
    """A guest that boots from a disk, with a card for each of its TAPs."""

    side = "bridge"

    def _argv(self, control, four, six):
        cards = []
        for number, tap in enumerate(self.tap.split("+")):
            mac = f"52:54:00:00:01:{number:02}"
            cards += ["-netdev", f"tap,id=n{number},ifname={tap},script=no,downscript=no"]
            cards += ["-device", f"virtio-net-pci,netdev=n{number},mac={mac},romfile="]
        kernel, initrd = (
            sorted(glob.glob(f"{ROOT}/boot/{name}-*"))[-1] for name in ("vmlinuz", "initrd.img")
        )
        return [
            *(QEMU, "-accel", "tcg,thread=multi", "-cpu", "max"),
            *("-m", str(MEMORY_MIB), "-smp", str(PROCESSORS)),
            *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-kernel", kernel, "-initrd", initrd),
            "-append",
            "console=ttyS0 root=/dev/vda rw net.ifnames=0 mitigations=off panic=-1 quiet",
            *("-drive", f"file={DISK},format=raw,if=virtio,cache=unsafe"),
            *cards,
            *("-serial", f"file:{self._console}"),
            *("-chardev", f"socket,id=control,path={control}", "-serial", "chardev:control"),
        ]


class Machine(Lab):
    slow = 10

    def __init__(self):
        super().__init__(sides="port")
        if self.stand_in or not shutil.which(QEMU):
            raise runner.Skip("needs the daemon, and QEMU (make deps-vm)")
        copy_base(BASE, "machine", ROOT)
        self.prepare(ROOT)
        self.make_disk()
        self.make_ports()
        self.boot()

    def make_disk(self):
        shutil.copy(f"{HERE}/agent.sh", f"{ROOT}/usr/local/sbin/agent")
        wanted = f"{ROOT}/etc/systemd/system/multi-user.target.wants"
        with open(f"{ROOT}/etc/systemd/system/agent.service", "w") as unit:
            unit.write(AGENT)
        os.makedirs(wanted, exist_ok=True)
        os.symlink("../agent.service", f"{wanted}/agent.service")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(DISK)
        run("mkfs.ext4", "-q", "-d", ROOT, DISK, DISK_SIZE, timeout=300)

    def boot(self):
        taps = [f"v{port}" for port in PORTS]
        for port, tap in zip(PORTS, taps):
            bridge = f"b{port}"
            self.bridge.ip(f"tuntap add {tap} mode tap", f"link add {bridge} type bridge")
            for member in (port, tap):
                self.bridge.ip(f"link set {member} master {bridge}", f"link set {member} up")
            self.bridge.ip(f"link set {bridge} up")
        self.guest = Console(self, "+".join(taps), "0.0.0.0", "::")
        self.guest.ready(BOOT_S)
        state = self.inside("systemctl", "is-system-running", "--wait", ok=False).stdout.strip()
        check(state in ("running", "degraded"), f"the system is {state}")
        for number, port in enumerate(PORTS):
            self.inside("ip", "link", "set", f"eth{number}", "name", port)
            self.inside("ip", "link", "set", port, "up")

    def close(self):
        fault = super().close()
        shutil.rmtree(ROOT, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(DISK)
        return fault

    def inside(self, *argv, ok=True, timeout=COMMAND_S):
        """A command in the guest; what it says on stderr stays there, but for a failure."""
        command = shlex.join([*ENVIRONMENT, *(str(word) for word in argv)])
        packed = base64.b64encode(command.encode()).decode()
        code, text = self.guest.run(f"said {packed}", timeout, ok=False)
        if not ok:
            return subprocess.CompletedProcess(argv, code, text, "")
        if code:
            errors = self.guest.run("errors", ok=False)[1]
            check(False, f"{' '.join(map(str, argv))}: exit {code}: {text[-600:]} {errors[-600:]}")
        return text
