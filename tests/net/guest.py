# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU guest whose only card is a TAP of one of our namespaces, and that does what it is told.

    guest = Guest(lab, "vm1", CLIENT4, CLIENT6)     boots (tests/vm/init), joined to the TAP vm1 of
                                                    the lab's client
    guest.ready()                                   its card is up
    guest.run("ping -c 1 10.77.0.2")                one line of shell; what it printed
    guest.program("fetch", "http", SERVER4, 80)     a program of tests/servers; its JSON object
    guest.stop()                                    as if the plug were pulled
    Guest(..., programs=["/a/program"])             has these too, with their shared libraries, at
                                                    the paths that they have here

The guest is told, and answers, by its second serial port: a Unix socket of the lab's folder. Its
kernel's messages go to a file there. QEMU emulates the processor (TCG), so the tests need no
/dev/kvm; it dies with the test."""
import json
import os
import shutil
import socket
import time

from lab import PROJECT, Failure, check, run

VM = os.path.join(PROJECT, "build/vm")
QEMU = "qemu-system-x86_64"
PATIENCE_S = 120  # with a command: a machine in a machine may have next to no processor
BOOT_TIMEOUT_S = 180  # 3 s on an idle machine
ROOM_FOR_MESSAGES = 600
MEMORY_MIB = 192
FOLDER, PROGRAM = 0o40755, 0o100755  # modes of an entry


def missing():
    """Why there can be no guests here; None when there can."""
    if os.uname().machine != "x86_64":
        return f"the guests are x86_64, this machine is {os.uname().machine}"
    return None if shutil.which(QEMU) else f"{QEMU} is not installed (make deps-vm)"


def make_vm():
    """Kernel and initramfs, made on first use."""
    run(os.path.join(PROJECT, "tests/vm/make-vm.sh"), VM, timeout=300)


class Guest:
    side = "client"  # the namespace of its TAP
    memory_mib = MEMORY_MIB

    def __init__(self, lab, tap, four, six, programs=()):
        self.tap = tap
        self._initramfs = os.path.join(VM, "initramfs")
        if programs:
            self._initramfs = with_programs(self._initramfs, programs, lab.log(f"{tap}-initramfs"))
        self.mac = f"52:54:00:00:00:{four.rsplit('.', 1)[1].zfill(2)}"
        self._console = lab.log(f"{tap}-console")
        self._lines = b""
        self._asked = 0
        path = f"{self._console}.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(60)
            self.process = lab.spawn(*self._argv(path, four, six), side=self.side)
            try:
                self._wire = listener.accept()[0]
            except TimeoutError:
                raise Failure(f"{tap}: qemu does not start: {self.process.errors()}") from None

    def _argv(self, control, four, six):
        return [
            QEMU,
            "-accel",
            "tcg",
            "-m",
            str(self.memory_mib),
            "-smp",
            "1",
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
            "-kernel",
            os.path.join(VM, "vmlinuz"),
            "-initrd",
            self._initramfs,
            "-append",
            f"console=ttyS0 quiet panic=-1 acpi=off mitigations=off ip4={four}/24 ip6={six}/64",
            *self._cards(),
            "-serial",
            f"file:{self._console}",
            "-chardev",
            f"socket,id=control,path={control}",
            "-serial",
            "chardev:control",
        ]

    def _cards(self):
        return [
            "-netdev",
            f"tap,id=wire,ifname={self.tap},script=no,downscript=no",
            "-device",
            f"virtio-net-pci,netdev=wire,mac={self.mac},romfile=",
        ]

    def _line(self, end):
        """The next line of the guest; waits for it until the clock shows `end`."""
        while b"\n" not in self._lines:
            self._wire.settimeout(max(end - time.monotonic(), 0.001))
            try:
                part = self._wire.recv(65536)
            except (TimeoutError, ConnectionResetError) as error:
                raise Failure(f"guest at {self.tap}: {error}; {self._state()}") from None
            check(part, f"guest at {self.tap} ended; {self._state()}")
            self._lines += part
        line, _, self._lines = self._lines.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def _state(self):
        with open(self._console, errors="replace") as console:
            said = console.read().strip()[-ROOM_FOR_MESSAGES:]
        control = self._lines[-ROOM_FOR_MESSAGES:]
        return f"qemu: {self.process.errors()!r}, console: {said!r}, control: {control!r}"

    def ready(self, timeout_s=BOOT_TIMEOUT_S):
        end = time.monotonic() + timeout_s
        while self._line(end) != "ready":
            pass
        return self

    def start(self, command):
        """Gives the command; its answer is fetched by finish(), in the order of the commands."""
        self._asked += 1
        self._wire.sendall(f"{self._asked} {command}\n".encode())
        return self._asked

    def finish(self, number, timeout=PATIENCE_S, ok=True):
        """What the command printed; with ok=False (exit code, what it printed)."""
        end, said = time.monotonic() + timeout, []
        while True:
            line = self._line(end)
            if line.startswith(f"end {number} "):
                break
            said.append(line)
        code, text = int(line.split()[2]), "\n".join(said)
        if not ok:
            return code, text
        check(
            code == 0,
            f"guest at {self.tap}, command {number}: exit {code}: {text[-ROOM_FOR_MESSAGES:]}",
        )
        return text

    def run(self, command, timeout=PATIENCE_S, ok=True):
        return self.finish(self.start(command), timeout, ok)

    def program(self, name, *arguments, timeout=PATIENCE_S, **options):
        return json.loads(self.run(command_of(name, arguments, options), timeout))

    def serve(self, name, port):
        """Starts a server; it listens when this returns."""
        check(
            "ready"
            in self.run(
                f"mkfifo /tmp/{name}.up; "
                f"{name} --port {port} --count /tmp/{name}.counts >/tmp/{name}.up & "
                f"read -r line </tmp/{name}.up; echo $line"
            ),
            f"{name} in the guest at {self.tap}",
        )

    def accepted(self, name):
        """How many connections the server has accepted: the first counter of its mapped file."""
        return int(self.run(f"od -A n -t u8 -N 8 /tmp/{name}.counts"))

    def counter(self, group, name):
        """A counter of /proc/net/snmp or netstat: ("Tcp", "PassiveOpens")."""
        lines = self.run(f"grep -h ^{group}: /proc/net/snmp /proc/net/netstat").splitlines()
        return int(lines[1].split()[lines[0].split().index(name)])

    def stop(self):
        """Power off without a word to the guest: QEMU ends, and the TAP has no carrier."""
        self._wire.close()
        self.process.stop()


def shared_libraries(program):
    """The paths where the loader finds them, its own among them."""
    words = [line.split() for line in run("ldd", program).splitlines()]
    return {word for line in words for word in line if word.startswith("/")}


def entry(path, mode, content=b""):
    """Of an archive in cpio's format "newc"."""
    name = path.lstrip("/").encode() + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name
    return b"".join(part + bytes(-len(part) % 4) for part in (head, content))


def with_programs(initramfs, programs, path):
    """The kernel unpacks one archive after the other. Returns `path`, where they are written to."""
    files = set(programs).union(*map(shared_libraries, programs))
    folders = {os.path.dirname(file) for file in files}
    for folder in list(folders):
        while folder := os.path.dirname(folder).rstrip("/"):
            folders.add(folder)
    with open(path, "wb") as out:
        with open(initramfs, "rb") as begin:
            shutil.copyfileobj(begin, out)
        out.write(bytes(-out.tell() % 4))
        for folder in sorted(folders):
            out.write(entry(folder, FOLDER))
        for file in sorted(files):
            with open(file, "rb") as content:
                out.write(entry(file, PROGRAM, content.read()))
        out.write(entry("TRAILER!!!", 0))
    return path


def command_of(name, arguments, options):
    argv = [name, *arguments]
    for key, value in options.items():
        argv += [f"--{key.replace('_', '-')}", value]
    return " ".join(str(a) for a in argv)
