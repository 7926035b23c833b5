# SPDX-License-Identifier: GPL-2.0-or-later
"""No test: hosts behind VLAN tags, on kernels without VLAN devices too.

    host's namespace            the side's own namespace
      eth7 ------ veth ------ port7 --ingress: push tags--> sw0 ==== synward
                                    <--ingress: pop tags--- sw0

    network = Network(lab, [200, 7])        802.1Q 7 within 802.1ad 200, a client and a server in it
    with network.inside():                  the lab's client and server are those two meanwhile
        lab.learn("http", 80, vlan=[200, 7])

All networks use the addresses of the untagged hosts: the tags alone keep them apart. Each tag
carries a priority, 3 from clients and 5 from servers, which tells a captured frame's author. The
kernel itself pushes and pops (bpf_skb_vlan_push, tc ingress): segmentation and checksums stay with
the wire, as with VLAN devices.

Run as a program, inside a network namespace, it loads one of its two classifiers:
`vlan.py push|pop DEVICE TARGET TAG...`, a tag being TYPE:TCI with the outermost first."""
import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import sys
import tempfile

CTAG, STAG = 0x8100, 0x88A8
CLIENT_PRIORITY, SERVER_PRIORITY = 3, 5

# --- the classifiers, as BPF instructions (Documentation/bpf/standardization/instruction-set.rst)
# ---

SYSCALL_BPF, BPF_PROG_LOAD, BPF_OBJ_PIN = 321, 5, 6
CLONE_NEWNS = 0x20000
PROG_TYPE_SCHED_CLS = 3
CALL_VLAN_PUSH, CALL_VLAN_POP, CALL_REDIRECT = 18, 19, 23
CONTEXT_VLAN_PRESENT, CONTEXT_VLAN_TCI, CONTEXT_VLAN_PROTO = 20, 24, 28  # struct __sk_buff
ACT_UNSPEC = -1
R0, R1, R2, R3, R6 = 0, 1, 2, 3, 6


def _op(code, target=0, source=0, offset=0, number=0):
    return struct.pack("<BBhi", code, target | source << 4, offset, number)


def _move(target, source):
    return _op(0xBF, target, source)


def _set(target, number):
    return _op(0xB7, target, number=number)


def _call(function):
    return _op(0x85, number=function)


EXIT = _op(0x95)


def _redirect(interface):
    return [_set(R1, interface), _set(R2, 0), _call(CALL_REDIRECT), EXIT]


def push_program(tags, interface):
    code = [_move(R6, R1)]
    for kind, tci in reversed(tags):
        code += [_move(R1, R6), _set(R2, socket.htons(kind)), _set(R3, tci), _call(CALL_VLAN_PUSH)]
    return b"".join(code + _redirect(interface))


def pop_program(tags, interface):
    """Takes frames with exactly these tags; the kernel keeps the outermost beside the frame, the
    next stands in it."""
    (kind, tci), inner = tags[0], tags[1:]
    tests = [
        ([_op(0x61, R2, R6, CONTEXT_VLAN_PRESENT)], 1),
        ([_op(0x61, R2, R6, CONTEXT_VLAN_PROTO)], socket.htons(kind)),
        ([_op(0x61, R2, R6, CONTEXT_VLAN_TCI), _op(0x57, R2, number=0xFFF)], tci & 0xFFF),
    ]
    for at, (kind, tci) in enumerate(inner):
        tests += [
            ([_op(0x28, number=12 + 4 * at), _move(R2, R0)], kind),
            (
                [_op(0x28, number=14 + 4 * at), _op(0x57, R0, number=0xFFF), _move(R2, R0)],
                tci & 0xFFF,
            ),
        ]
    code = [_move(R6, R1)]
    for load, wanted in tests:  # "equal" skips the way out
        code += load + [_op(0x15, R2, offset=2, number=wanted), _set(R0, ACT_UNSPEC), EXIT]
    code += [_move(R1, R6), _call(CALL_VLAN_POP)] * len(tags)
    return b"".join(code + _redirect(interface))


def _bpf(command, attributes):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(SYSCALL_BPF, command, ctypes.create_string_buffer(attributes, 128), 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")
    return result


def attach(program, device):
    """tc takes a program by its name in a BPF file system; that one lies in a mount namespace of
    ours, and vanishes with it."""
    if ctypes.CDLL(None).unshare(CLONE_NEWNS) != 0:
        raise OSError("unshare")
    subprocess.run(["mount", "--make-rslave", "/"], check=True)
    code, licence = ctypes.create_string_buffer(program, len(program)), ctypes.create_string_buffer(
        b"GPL"
    )
    descriptor = _bpf(
        BPF_PROG_LOAD,
        struct.pack(
            "<IIQQ",
            PROG_TYPE_SCHED_CLS,
            len(program) // 8,
            ctypes.addressof(code),
            ctypes.addressof(licence),
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "bpf", "bpf", folder], check=True)
        try:
            pinned = os.path.join(folder, "classifier")
            path = ctypes.create_string_buffer(pinned.encode())
            _bpf(BPF_OBJ_PIN, struct.pack("<QI", ctypes.addressof(path), descriptor))
            subprocess.run(
                [
                    "tc",
                    "filter",
                    "add",
                    "dev",
                    device,
                    "ingress",
                    "protocol",
                    "all",
                    "bpf",
                    "direct-action",
                    "object-pinned",
                    pinned,
                ],
                check=True,
            )
        finally:
            subprocess.run(["umount", folder], check=True)


def main():
    kind, device, target = sys.argv[1:4]
    tags = [tuple(int(part) for part in tag.split(":")) for tag in sys.argv[4:]]
    make = {"push": push_program, "pop": pop_program}[kind]
    attach(make(tags, socket.if_nametoindex(target)), device)


if __name__ == "__main__":
    main()
    sys.exit()

# --- hosts ---

from lab import CLIENT4, CLIENT6, CLIENT_IF, SERVER4, SERVER6, SERVER_IF, run  # noqa: E402


def tags_of(vlan, priority):
    """[(type, TCI)] of what a host in this network sends."""
    kinds = [CTAG] if len(vlan) == 1 else [STAG, CTAG]
    return [(kind, priority << 13 | number) for kind, number in zip(kinds, vlan)]


class Network:
    """One VLAN, [7], or VLAN in VLAN, [200, 7]: `client` and `server` are the namespaces of its two
    hosts."""

    def __init__(self, lab, vlan):
        self.lab, self.vlan = lab, list(vlan)
        self.name = "-".join(map(str, self.vlan))
        self.card = f"eth{self.name}"
        self.client = self._host(lab.client, CLIENT_IF, CLIENT4, CLIENT6, CLIENT_PRIORITY)
        self.server = self._host(lab.server, SERVER_IF, SERVER4, SERVER6, SERVER_PRIORITY)

    def _host(self, base, card, four, six, priority):
        host = self.lab.namespace()
        port, own = f"port{self.name}", self.card
        run(
            "ip",
            "link",
            "add",
            port,
            "netns",
            base.name,
            "type",
            "veth",
            "peer",
            "name",
            own,
            "netns",
            host.name,
        )
        run("ip", "-n", base.name, "link", "set", port, "up")
        run("tc", "-n", base.name, "qdisc", "add", "dev", port, "clsact")
        run(
            "tc", "-n", base.name, "qdisc", "add", "dev", card, "clsact", ok=False
        )  # there already with the second network
        tags = [f"{kind}:{tci}" for kind, tci in tags_of(self.vlan, priority)]
        base.run(sys.executable, os.path.abspath(__file__), "push", port, card, *tags)
        base.run(sys.executable, os.path.abspath(__file__), "pop", card, port, *tags)
        for line in (
            f"addr add {four}/24 dev {own}",
            f"addr add {six}/64 dev {own} nodad",
            f"link set {own} up",
        ):
            run("ip", "-n", host.name, *line.split())
        return host

    @contextlib.contextmanager
    def inside(self):
        """The lab's client and server are those of this network meanwhile."""
        base = self.lab.client, self.lab.server
        self.lab.client, self.lab.server = self.client, self.server
        try:
            yield
        finally:
            self.lab.client, self.lab.server = base

    def fetch(self, kind, port, address=SERVER4, **options):
        with self.inside():
            return self.lab.fetch(kind, port, address, **options)

    def start_flood(self, port, address=SERVER4, **options):
        with self.inside():
            return self.lab.start_flood(port, address, cards=(self.card, self.card), **options)

    def learn(self, kind, port, address=SERVER4):
        with self.inside():
            self.lab.learn(kind, port, address, vlan=self.vlan)

    def http(self, port=80):
        with self.inside():
            return self.lab.http(port)

    def pop3(self, port=110):
        with self.inside():
            return self.lab.pop3(port)

    def talkers(self, port, **options):
        with self.inside():
            return self.lab.talkers(port, sources=f"{CLIENT4}/32", **options)
