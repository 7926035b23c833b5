# SPDX-License-Identifier: GPL-2.0-or-later
"""Two network namespaces joined by synward, and everything in them taken away at the end, whatever
happens.

    with Lab() as lab:                  namespaces exist, nothing joins them
        lab.start(mode="normal")        synward runs (its control socket answers), addresses are set
        http = lab.http()               a small server listens in the server's namespace
        lab.fetch("http", count=10)
        lab.cli("profiles")             what `synward profiles --json` prints

    client  10.77.0.1/24  fd77::1/64    owns 10.78.0.0/16 too (many sources for real connections)
    server  10.77.0.2/24  fd77::2/64    sends 10.78/16, 10.79/16 (raw client) and 10.200/16 (flood)
                                        to the client

Names hold the process id, so labs never meet; labs of processes that are dead are swept up at the
start. With stand_in=True (or SYNWARD_STAND_IN=1) a plain veth pair takes synward's place: servers,
clients and tests are proven without the daemon, and what only the daemon can answer is empty.

Lab(sides=...) says of which kind synward's sides are. The two hosts, and all that tests do with
them, are the same for each:

    "netns"  the hosts' network cards are synward's TAPs
             sw0 TAP | TAP sw1
    "veth"   they are one end of veth pairs whose other ends are in the bridge's own namespace
             sw0 veth synwardc... | synwardc... veth sw1
    "port"   a namespace of the bridge's own holds the far ends of two veth pairs
             sw0 veth p0 | p1 veth sw1
    "tap"    as "port"; tc there joins p0 and p1 to TAPs that synward made
             sw0 veth p0 -tc- t0 | t1 -tc- p1 veth sw1

It is longer than most: whatever a test needs of the two hosts is made, and taken away, in one
place.
"""
import atexit
import contextlib
import ctypes
import itertools
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(PROJECT, os.environ.get("BUILD", "build"))
SYNWARD = os.path.abspath(os.environ.get("SYNWARD", os.path.join(BUILD, "synward")))
PROGRAMS = os.path.join(BUILD, "tests/servers")
ROOT = os.path.join(PROJECT, "build/root")
TRACE = os.environ.get("TRACE")  # a folder for captures
SEEN_CHARS = 400  # of each that a failure shows
STAND_IN = os.environ.get("SYNWARD_STAND_IN") == "1"
# Each daemon has so many workers, where the test does not say.
WORKERS = int(os.environ.get("SYNWARD_WORKERS", "1"))
# What cards of netns: sides are, where the test does not say.
CARD = ("--card", os.environ["SYNWARD_CARD"]) if os.environ.get("SYNWARD_CARD") else ()
# Whether the servers' own TCP makes connections ("off": all are spliced), the same.
HOOK = ("--hook", os.environ["SYNWARD_HOOK"]) if os.environ.get("SYNWARD_HOOK") else ()
# "0": the daemons get pages of 4 KiB only, however this system is set (PR_SET_THP_DISABLE).
HUGE_PAGES = os.environ.get("SYNWARD_HUGE_PAGES", "1") != "0"

CLIENT4, SERVER4 = "10.77.0.1", "10.77.0.2"
CLIENT6, SERVER6 = "fd77::1", "fd77::2"
TALKERS = "10.78.0.0/16"
RAW4, RAW6 = "10.79.0.1", "fd79::1"
FLOOD = "10.200.0.0/16"
CLIENT_IF, SERVER_IF = "sw0", "sw1"
PORTS, TAPS = ("p0", "p1"), ("t0", "t1")  # in the bridge's own namespace
BRIDGE = "br0"  # there, where an interface of it is inline: what joins the ports

END_S = 30  # then who was to end is killed: what follows would be judged as after an end in order

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG, PR_SET_THP_DISABLE = 1, 41
_libc = ctypes.CDLL(None, use_errno=True)
_counter = itertools.count()
_labs = []


class Failure(Exception):
    """A test's expectation that did not hold."""


def check(condition, why):
    if not condition:
        raise Failure(why)


def check_equal(got, wanted, what):
    check(got == wanted, f"{what}: {got!r}, wanted {wanted!r}")


def wait_until(condition, timeout_s, what):
    """Asks until the answer is true, and returns it; the pause between two questions is short."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"after {timeout_s} s still not: {what}")
        time.sleep(0.01)


def listens(path):
    """Somebody does: one who was killed leaves the name of his socket behind."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as one:
        return one.connect_ex(path) == 0


def in_time(limit_s, attempt, what):
    """attempt() says how many seconds it took; of three one must be in time, as on a busy machine
    the same work takes longer. The least."""
    took = []
    while len(took) < 3 and (not took or took[-1] > limit_s):
        took.append(attempt())
    check(min(took) <= limit_s, f"{what} took {[f'{s * 1000:.0f} ms' for s in took]}")
    return min(took)


def run(*argv, ok=True, timeout=60, said=None):
    """Runs a program to its end, with `said` as its standard input; its standard output. With
    ok=False the CompletedProcess, whatever the exit code."""
    done = subprocess.run(
        [str(a) for a in argv],
        input=said,
        capture_output=True,
        text=True,
        timeout=timeout,
        start_new_session=True,
    )
    if not ok:
        return done
    if done.returncode != 0:
        why = (done.stderr or done.stdout).strip()[-400:]
        raise Failure(f"{' '.join(map(str, argv))}: exit {done.returncode}: {why}")
    return done.stdout


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _die_with_parent_without_huge_pages():
    _die_with_parent()
    if _libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_THP_DISABLE)")


class Process:
    """A program in the background. It dies with the test, even if that is killed."""

    def __init__(self, argv, log, huge_pages=True):
        self.name = os.path.basename(str(argv[0]))
        self.log = log
        with open(log, "ab") as errors:
            self.popen = subprocess.Popen(
                [str(a) for a in argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                preexec_fn=(
                    _die_with_parent if huge_pages else _die_with_parent_without_huge_pages
                ),
            )
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def stop(self, how=signal.SIGTERM, timeout=END_S):
        """Ends it; returns (exit code, standard output)."""
        if self.running():
            self.popen.send_signal(how)
        try:
            out, _ = self.popen.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            out, _ = self.popen.communicate()
        return self.popen.returncode, out.decode(errors="replace")

    def finish(self, timeout=120):
        """Waits for its own end; its standard output."""
        out, _ = self.popen.communicate(timeout=timeout)
        if self.popen.returncode != 0:
            raise Failure(f"{self.name}: exit {self.popen.returncode}: {self.errors()}")
        return out.decode()

    def report(self, timeout=120):
        return json.loads(self.finish(timeout))

    def stop_report(self):
        _, out = self.stop()
        return json.loads(out)

    def said(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def errors(self):
        return self.said().strip()[-600:]

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


class Server(Process):
    """A server of tests/servers. `counts()` reads the counters that it keeps in a mapped file."""

    def __init__(self, namespace, argv, log, counts):
        with namespace.inside():
            super().__init__(argv, log)
        self.counts_path = counts
        line = self.popen.stdout.readline()
        check(line == b"ready\n", f"{argv[0]} did not start: {self.errors()}")

    def counts(self):
        with open(self.counts_path, "rb") as counts:
            return dict(
                zip(
                    ("accepted", "requests", "refused", "open"),
                    struct.unpack("4Q", counts.read(32)),
                )
            )

    def accepted(self):
        return self.counts()["accepted"]


class Namespace:
    def __init__(self, name):
        self.name = name

    def create(self):
        run("ip", "netns", "add", self.name)
        self.ip("link set lo up")
        self.sysctl(
            {
                "net.ipv4.conf.all.rp_filter": 0,
                "net.ipv4.conf.default.rp_filter": 0,
                "net.ipv6.conf.default.accept_dad": 0,
                "net.ipv6.conf.default.router_solicitations": 0,
                "net.ipv4.tcp_no_metrics_save": 1,
            }
        )

    def run(self, *argv, **options):
        """In the namespace, but with the /sys of here; `ip netns exec` mounts one of its own, which
        costs more than most programs that a test runs."""
        with self.inside():
            return run(*argv, **options)

    def ip(self, *lines):
        """The lines of a batch of ip(8), by one process: a lab has dozens of them."""
        run("ip", "-n", self.name, "-batch", "-", said="\n".join(lines) + "\n")

    def sysctl(self, settings):
        with self.inside():
            for key, value in settings.items():
                with open(f"/proc/sys/{key.replace('.', '/')}", "w") as file:
                    file.write(str(value))

    def pids(self):
        return [int(p) for p in run("ip", "netns", "pids", self.name, ok=False).stdout.split()]

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in the namespace meanwhile; sockets made there stay there."""
        with open("/proc/self/ns/net") as here, open(f"/run/netns/{self.name}") as there:
            _enter(there)
            try:
                yield
            finally:
                _enter(here)

    def counter(self, name):
        """One of the kernel's own: TcpPassiveOpens, TcpRetransSegs, TcpExtListenOverflows ..."""
        for line in self.run("nstat", "-asz", name).splitlines():
            if line.startswith(name):
                return int(line.split()[1])
        raise Failure(f"no kernel counter {name}")

    def mac(self, interface):
        return json.loads(run("ip", "-n", self.name, "-j", "link", "show", interface))[0]["address"]

    def listens(self, port):
        return bool(self.run("ss", "-Hltn", f"sport = :{port}").strip())

    def remove(self):
        """Kills all that lives in it, then the namespace itself. A Ctrl-C at the edge of inside()
        leaves this process in it, which must not kill itself."""
        _enter(_home)
        for _ in range(50):
            pids = [pid for pid in self.pids() if pid != os.getpid()]
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not pids:
                break
            time.sleep(0.02)
        run("ip", "netns", "del", self.name, ok=False)


def _enter(namespace_file):
    if _libc.setns(namespace_file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def neighbours(mac, interface, *addresses):
    """For Namespace.ip()."""
    return [
        f"neigh replace {address} lladdr {mac} dev {interface} nud permanent"
        for address in addresses
    ]


def load(pids, seconds=8):
    """Which part of a core each of these processes needs for so long."""
    before, begun = [cpu_s(pid) for pid in pids], time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    return [(cpu_s(pid) - was) / took for pid, was in zip(pids, before)]


@contextlib.contextmanager
def before_all_others(pid):
    """All threads of this process and of its children, and the calling one, have the processors
    first: what is timed is what they do and wait for, whatever else the machine does."""
    tasks = [0]
    for process in (pid, *children_of(pid)):
        tasks += map(int, os.listdir(f"/proc/{process}/task"))
    for task in tasks:
        # A container may not be let; and a thread may have ended.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.sched_setscheduler(task, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def cpu_s(pid):
    """CPU time of all its threads so far: exact, where /proc/PID/stat only samples, and would
    favour what wakes by a timer."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
            total += int(stat.read().split()[0])
    return total / 1e9


class Lab:
    def __init__(self, stand_in=None, client_sysctls=None, server_sysctls=None, sides="netns"):
        self.stand_in = STAND_IN if stand_in is None else stand_in
        self.sides = sides
        self.bridge = None  # the bridge's own namespace, where it has one
        self.daemon = None
        self.program = SYNWARD  # the next daemon's
        self.processes = []
        self.mode = None
        number = next(_counter)
        self.client = Namespace(f"sw{os.getpid()}c{number}")
        self.server = Namespace(f"sw{os.getpid()}s{number}")
        self.namespaces = [self.client, self.server]
        self.folder = os.path.join(tempfile.gettempdir(), f"synward-{os.getpid()}-{number}")
        _labs.append(self)  # from here on close() finds all there is, whatever comes between
        os.mkdir(self.folder, 0o700)
        self.control = os.path.join(self.folder, "control.sock")
        self.store = os.path.join(self.folder, "profiles.json")
        self.client.create()
        self.server.create()
        self.client.sysctl(client_sysctls or {})
        self.server.sysctl(server_sysctls or {})

    def __enter__(self):
        return self

    def __exit__(self, _type, error, _traceback):
        if error:
            with contextlib.suppress(Exception):
                error.add_note(self._seen())
        fault = self.close()
        if fault and isinstance(error, Failure):
            error.args = (f"{error}; {fault}",)  # it knows where it was raised
        elif fault and not error:
            raise Failure(fault)

    # the wire

    def persistent_cards(self):
        """The cards are there before synward, with their addresses, and stay when it ends."""
        for namespace, interface in ((self.client, CLIENT_IF), (self.server, SERVER_IF)):
            run(
                "ip",
                "-n",
                namespace.name,
                "tuntap",
                "add",
                "dev",
                interface,
                "mode",
                "tap",
                "vnet_hdr",
            )

    def restart(self, mode, how=signal.SIGKILL, extra=()):
        """Another synward takes over persistent cards."""
        code, _ = self.daemon.stop(how, END_S)
        check(how == signal.SIGKILL or code == 0, f"the end before it: {code}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(
                self.control
            )  # what a killed one leaves behind; its being there says when the next is ready
        self._start_daemon(mode, extra)
        self.mode = mode

    def start(self, mode="normal", extra=(), mtu=1500):
        if self.stand_in:
            run(
                "ip",
                "link",
                "add",
                CLIENT_IF,
                "netns",
                self.client.name,
                "type",
                "veth",
                "peer",
                "name",
                SERVER_IF,
                "netns",
                self.server.name,
            )
        else:
            if self.sides == "veth":
                self.make_host()
            elif self.sides != "netns":
                self.make_ports(mtu)
            self._start_daemon(mode, extra)
            if self.sides == "tap":
                self._join_taps(mtu)
        self.mode = mode
        self._addresses(mtu)
        if TRACE:
            self._trace()

    def make_host(self):
        """A namespace where the daemon runs, and in it the hidden ends of its cards."""
        self.bridge = self.bridge or self.namespace()

    def make_ports(self, mtu=1500):
        """Two veth pairs from the hosts to a namespace between them; nothing joins them yet."""
        if self.bridge:
            return
        self.bridge = self.namespace()
        for port in PORTS:
            self.lay_wire(port, mtu)
        for port in PORTS:
            wait_until(
                lambda p=port: "state UP" in self.bridge.run("ip", "link", "show", p),
                20,
                f"{port} is up",
            )
        if self.sides == "inline":
            self.bridge.ip(f"link add {BRIDGE} mtu {mtu} type bridge", f"link set {BRIDGE} up")
            self.bridge.ip(*(f"link set {port} master {BRIDGE}" for port in PORTS))
            # The host's firewall, where it sees what is bridged, changes frames (trims padding).
            if os.path.exists("/proc/sys/net/bridge"):
                self.bridge.sysctl(
                    {f"net.bridge.bridge-nf-call-{kind}tables": 0 for kind in ("ip", "ip6")}
                )

    def lay_wire(self, port, mtu=1500):
        """From a host to a port."""
        host, interface = {
            PORTS[0]: (self.client, CLIENT_IF),
            PORTS[1]: (self.server, SERVER_IF),
        }[port]
        one = ("link", "add", interface, "mtu", mtu, "netns", host.name, "type", "veth")
        run("ip", *one, "peer", "name", port, "mtu", mtu, "netns", self.bridge.name)
        host.ip(f"link set {interface} up")
        self.bridge.ip(f"link set {port} up")

    def _join_taps(self, mtu):
        for port, tap in zip(PORTS, TAPS):
            self.bridge.ip(f"link set {tap} mtu {mtu} arp off")
            for one, other in ((port, tap), (tap, port)):
                self.bridge.run("tc", "qdisc", "add", "dev", one, "ingress")
                self.bridge.run(
                    "tc",
                    "filter",
                    "add",
                    "dev",
                    one,
                    "ingress",
                    "protocol",
                    "all",
                    "u32",
                    "match",
                    "u32",
                    "0",
                    "0",
                    "action",
                    "mirred",
                    "egress",
                    "redirect",
                    "dev",
                    other,
                )

    def _trace(self):
        """Both ends' frames go to files, for a person who wants to know what happened."""
        for namespace, interface, end in (
            (self.client, CLIENT_IF, "client"),
            (self.server, SERVER_IF, "server"),
        ):
            path = os.path.join(TRACE, f"{namespace.name}-{end}.pcap")
            options = ["-U", "--immediate-mode", "-s", "200", "-Z", "root", "-w", path]
            tcpdump = self._spawn(namespace, ["tcpdump", "-i", interface, *options])
            wait_until(lambda t=tcpdump: "listening on" in t.errors(), 20, "tcpdump listens")

    def side_names(self):
        """What synward is told: (client side, server side)."""
        if self.sides in ("netns", "veth"):
            return f"netns:{self.client.name}/{CLIENT_IF}", f"netns:{self.server.name}/{SERVER_IF}"
        if self.sides == "port":
            return tuple(f"port:{port}@{self.bridge.name}" for port in PORTS)
        if self.sides == "inline":
            return tuple(f"{kind}:{PORTS[1]}@{self.bridge.name}" for kind in ("inline", "port"))
        return tuple(f"tap:{tap}" for tap in TAPS)

    def daemon_command(self, mode="normal", extra=()):
        client, server = self.side_names()
        card = {"veth": ("--card", "veth"), "netns": CARD}.get(self.sides, ())
        argv = [
            self.program,
            "run",
            "--client",
            client,
            "--server",
            server,
            "--store",
            self.store,
            "--control",
            self.control,
            "--mode",
            mode,
            *(["--workers", WORKERS] if WORKERS > 1 and "--workers" not in extra else []),
            *([] if "--card" in extra else card),
            *([] if "--hook" in extra else HOOK),
            *extra,
        ]
        # A tap: side, and a hidden end, is made where the daemon runs.
        inside = self.sides in ("tap", "veth")
        return ["ip", "netns", "exec", self.bridge.name, *argv] if inside else argv

    def _start_daemon(self, mode, extra):
        self.daemon = self._keep(
            Process(self.daemon_command(mode, extra), self.log("daemon"), HUGE_PAGES)
        )

        def ready():
            check(self.daemon.running(), f"synward ended: {self.daemon.errors()}")
            return listens(self.control)

        wait_until(ready, END_S, "somebody listens at the control socket")

    def _addresses(self, mtu):
        """Neighbours are set by hand: no test then waits for, or loses a packet to, address
        resolution."""
        client_mac, server_mac = self.client.mac(CLIENT_IF), self.server.mac(SERVER_IF)
        for namespace, interface, four, six, lines in (
            (
                self.client,
                CLIENT_IF,
                CLIENT4,
                CLIENT6,
                [
                    f"route replace local {TALKERS} dev lo",
                    *neighbours(server_mac, CLIENT_IF, SERVER4, SERVER6),
                ],
            ),
            (
                self.server,
                SERVER_IF,
                SERVER4,
                SERVER6,
                [
                    *(
                        f"route replace {net} via {CLIENT4}"
                        for net in (TALKERS, "10.79.0.0/16", FLOOD)
                    ),
                    *(f"route replace {net} via {CLIENT6}" for net in ("fd79::/64", "fd99::/64")),
                    *neighbours(client_mac, SERVER_IF, CLIENT4, CLIENT6),
                ],
            ),
        ):
            namespace.ip(
                f"addr replace {four}/24 dev {interface}",
                f"addr replace {six}/64 dev {interface} nodad",
                *([f"link set {interface} mtu {mtu}"] if mtu != 1500 else []),
                f"link set {interface} up",
                *lines,
            )

    def lose(self, percent, where="ends"):
        """From now on the wire loses so many frames of 100 each way. At "ends" they are lost as
        they reach either host; at "client" or "server" all of it is lost on that side's wire, in
        and out, so that synward misses frames too."""
        sides = {"client": (self.client, CLIENT_IF), "server": (self.server, SERVER_IF)}
        for name, (namespace, interface) in sides.items():
            lost = f"numgen random mod 100 < {percent} counter"
            chains = []
            if where in ("ends", name):
                hook = f"type filter hook ingress device {interface} priority 0"
                chains.append(f"chain in {{ {hook}; {lost} drop; }}")
            if where == name:
                # A frame that egress drops is reported to its sender, which no wire does; lo takes
                # it, and it is for nobody there.
                hook = f"type filter hook egress device {interface} priority 0"
                chains.append(f"chain out {{ {hook}; {lost} fwd to lo; }}")
            if chains:
                namespace.run("nft", "table netdev loss {\n" + "\n".join(chains) + "\n}\n")

    def block(self, side, what):
        """Nothing that nft's `what` matches reaches that side's host until unblock()."""
        namespace, interface = {
            "client": (self.client, CLIENT_IF),
            "server": (self.server, SERVER_IF),
        }[side]
        hook = f"type filter hook ingress device {interface} priority 1"
        chain = f"chain in {{ {hook}; {what} counter drop; }}"
        namespace.run("nft", "table netdev block {\n" + chain + "\n}\n")

    def kept_away(self, side):
        """How many frames block() has kept from that side's host so far."""
        namespace = self.client if side == "client" else self.server
        return int(
            re.search(
                r"counter packets (\d+)", namespace.run("nft", "list", "table", "netdev", "block")
            ).group(1)
        )

    def unblock(self, side):
        namespace = self.client if side == "client" else self.server
        namespace.run("nft", "delete", "table", "netdev", "block")

    def lost(self):
        """How many frames lose() has lost so far."""
        tables = [
            n.run("nft", "list", "table", "netdev", "loss", ok=False).stdout
            for n in (self.client, self.server)
        ]
        return sum(
            int(packets) for packets in re.findall(r"counter packets (\d+)", "".join(tables))
        )

    def single_segments(self):
        """Both hosts send and take segments as they are on a cable: no super-frames, and so each
        segment is lost by itself."""
        for namespace, interface in ((self.client, CLIENT_IF), (self.server, SERVER_IF)):
            namespace.run("ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off")

    def namespace(self):
        """One more, joined to nothing, removed with the others."""
        namespace = Namespace(f"sw{os.getpid()}c{next(_counter)}")
        self.namespaces.append(namespace)
        namespace.create()
        return namespace

    def stop_daemon(self, how=signal.SIGTERM):
        """Ends synward; returns (exit code, seconds it took)."""
        if self.stand_in:
            run("ip", "-n", self.client.name, "link", "del", CLIENT_IF)
            return 0, 0.0
        begin = time.monotonic()
        code, _ = self.daemon.stop(how, END_S)
        return code, time.monotonic() - begin

    def kill_daemon(self):
        """And waits for its keeper, whose files take a moment. When it was killed."""
        pid = self.daemon.popen.pid
        children = children_of(pid)
        self.daemon.popen.kill()
        killed = time.monotonic()
        self.stop_daemon(signal.SIGKILL)
        for child in children:
            wait_until(lambda c=child: not os.path.exists(f"/proc/{c}"), 20, "the keeper is gone")
        return killed

    # the daemon's answers

    def cli(self, *arguments):
        """What the command prints with --json, as a dict. Empty in a stand-in."""
        if self.stand_in:
            return {}
        return json.loads(run(SYNWARD, *arguments, "--json", "--control", self.control))

    def cli_text(self, *arguments):
        return (
            "(no daemon)\n"
            if self.stand_in
            else run(SYNWARD, *arguments, "--control", self.control)
        )

    def set_mode(self, mode, server=None):
        self.mode = mode
        self.cli("mode", mode, *([server] if server else []))

    def profile(self, port, address=SERVER4, vlan=()):
        for profile in self.cli("profiles").get("profiles", []):
            if (profile["port"], profile["server"], profile["vlan"]) == (port, address, list(vlan)):
                return profile
        return None

    def server_mode(self, port, address=SERVER4):
        for server in self.cli("status").get("servers", []):
            if server["port"] == port and server["server"] == address:
                return server["mode"]
        return None

    def flows(self):
        return self.cli("flows").get("flows", [])

    def stats(self):
        return self.cli("stats")

    def daemon_threads(self):
        """Of those that the daemon made itself; io_uring may have some beside them."""
        names = []
        for thread in os.listdir(f"/proc/{self.daemon.pid}/task"):
            with contextlib.suppress(FileNotFoundError), open(
                f"/proc/{self.daemon.pid}/task/{thread}/comm"
            ) as name:
                names.append(name.read().strip())
        return [name for name in names if not name.startswith("iou-")]

    def resident_kib(self):
        return 0 if self.stand_in else self.daemon.resident_kib()

    def wait_armed(self, port, address=SERVER4, vlan=()):
        if self.stand_in:
            return

        def armed():
            profile = self.profile(port, address, vlan)
            return profile and profile["evidence"]["armed"]

        try:
            wait_until(armed, 20, "armed")
        except Failure:
            profile = self.profile(port, address, vlan)
            raise Failure(
                f"[{address}]:{port} is not armed: {profile and profile['evidence']}"
            ) from None

    def wait_no_flows(self, timeout_s=20):
        """Nothing but closing entries is left (those keep the offsets of connections that have
        ended)."""

        def live():
            return [f for f in self.flows() if f["state"] != "closing"]

        wait_until(lambda: not live(), timeout_s, f"no flow is held ({live()[:3]})")

    def learn(self, kind, port, address=SERVER4, count=12, vlan=(), **options):
        """Real connections in normal mode until the profile is armed."""
        result = self.fetch(kind, port=port, address=address, count=count, **options)
        check_equal(result["failed"], 0, f"fetches while learning ({result})")
        self.wait_armed(port, address, vlan)
        return result

    # programs

    def log(self, name):
        return os.path.join(self.folder, f"{name}-{len(self.processes)}.log")

    def _keep(self, process):
        self.processes.append(process)
        return process

    def _server(self, program, port, options):
        counts = os.path.join(self.folder, f"counts-{len(self.processes)}")
        argv = [os.path.join(PROGRAMS, program), "--port", port, "--count", counts]
        for key, value in options.items():
            argv += [f"--{key.replace('_', '-')}", value]
        return self._keep(Server(self.server, argv, self.log(program), counts))

    def http(self, port=80, **options):
        return self._server("http_server", port, options)

    def thousand_servers(self):
        """They listen on ports 3000 to 3999, as long as what is returned lives, and are known."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        with self.server.inside():
            listeners = [socket.create_server((SERVER4, port)) for port in range(3000, 4000)]
        self.connect_to_thousand()
        wait_until(lambda: len(self.cli("status")["servers"]) >= 1000, 20, "1,000 servers")
        return listeners

    def connect_to_thousand(self):
        with self.client.inside():
            for port in range(3000, 4000):
                socket.create_connection((SERVER4, port), timeout=10).close()

    def pop3(self, port=110, **options):
        return self._server("pop3_server", port, options)

    def _from_root(self, script, port, *arguments):
        rundir = os.path.join(self.folder, script)
        os.makedirs(rundir, exist_ok=True)
        process = self._keep(
            Process(
                [
                    os.path.join(PROJECT, "tests/root", script),
                    *(self.server.name, ROOT, rundir),
                    *arguments,
                ],
                self.log(script),
            )
        )

        def ready():
            check(process.running(), f"{script}: {process.errors()}")
            return self.server.listens(port)

        wait_until(ready, END_S, f"{script} listens on {port}")
        return process

    def nginx(self, *command):
        """Started by `command`, if any."""
        return self._from_root("run-nginx.sh", 80, *command)

    def dovecot(self):
        return self._from_root("run-dovecot.sh", 110)

    def in_root(self, *argv, side="client", **options):
        """Runs a program of the private root in the client's (or server's) namespace; the lab's
        folder is /mnt."""
        return run(
            os.path.join(PROJECT, "tests/root/enter.sh"),
            getattr(self, side).name,
            ROOT,
            self.folder,
            *argv,
            **options,
        )

    def spawn(self, *argv, side="client"):
        return self._spawn(getattr(self, side), argv)

    def _spawn(self, namespace, argv):
        with namespace.inside():
            return self._keep(Process(argv, self.log(os.path.basename(str(argv[0])))))

    def _program(self, name, arguments, options):
        argv = [os.path.join(PROGRAMS, name), *arguments]
        for key, value in options.items():
            argv += [f"--{key.replace('_', '-')}", value]
        return self.spawn(*argv)

    def start_fetch(self, kind, port, address=SERVER4, **options):
        return self._program("fetch", [kind, address, port], options)

    def fetch(self, kind, port, address=SERVER4, count=1, **options):
        return self.start_fetch(kind, port, address, count=count, **options).report()

    def start_talkers(self, port, address=SERVER4, count=500, **options):
        if ":" not in address:
            options.setdefault("sources", TALKERS)
        return self._program("talkers", [address, port], {"count": count, **options})

    def talkers(self, port, **options):
        return self.start_talkers(port, **options).report()

    def start_flood(
        self, port, address=SERVER4, count=100000, cards=(CLIENT_IF, SERVER_IF), **options
    ):
        return self._program(
            "flood",
            [cards[0], self.server.mac(cards[1]), address, port],
            {"count": count, **options},
        )

    def flood(self, port, **options):
        return self.start_flood(port, **options).report()

    # the end

    def close(self):
        """Ends and removes everything. Returns what was wrong with the daemon, if anything was."""
        if self not in _labs:
            return None
        with _signals_held():
            fault = self._daemon_fault()
            for process in reversed(self.processes):
                with contextlib.suppress(Exception):
                    process.stop(timeout=2)
            for namespace in self.namespaces:
                namespace.remove()
            shutil.rmtree(self.folder, ignore_errors=True)
            _labs.remove(self)
            return fault

    def _seen(self):
        """What stands there in mid-failure, for who cannot look himself: the daemon's last words,
        how the connections of both hosts stand."""
        said = self.daemon.said().strip()[-SEEN_CHARS:] if self.daemon else "-"
        stands = [
            " ".join(host.run("ss", "-Htin", "state", "connected").split())[:SEEN_CHARS]
            for host in (self.client, self.server)
        ]
        return f"the daemon: {said}; the client: {stands[0]}; the server: {stands[1]}"

    def _daemon_fault(self):
        """A daemon that died, or that a sanitizer complained of, fails the test, whatever else it
        was about."""
        if not self.daemon:
            return None
        died = self.daemon.popen.poll()
        if died is None:
            died, _ = self.daemon.stop(timeout=5)
        errors = self.daemon.errors()
        if died not in (0, -signal.SIGKILL) or "runtime error:" in errors or "Sanitizer" in errors:
            return f"synward ended with {died}: {errors}"
        return None


@contextlib.contextmanager
def _signals_held():
    """Cleaning up is not cut short by a second Ctrl-C."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def close_all():
    """Closes whatever is open; what was wrong with the daemons."""
    return [fault for lab in list(_labs) if (fault := lab.close())]


def _on_signal(number, _frame):
    raise SystemExit(128 + number)


def leftovers(pid):
    """What a process of this id left behind: namespaces, folders, processes in its namespaces."""
    found = []
    for name in _namespace_names():
        if re.fullmatch(rf"sw{pid}[cs]\d+", name):
            found.append(f"namespace {name}")
    found += [
        f"folder {f}" for f in os.listdir(tempfile.gettempdir()) if f.startswith(f"synward-{pid}-")
    ]
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline", "rb") as line:
                text = line.read().decode(errors="replace")
                if re.search(rf"\bsw{pid}[cs]\d+\b|synward-{pid}-", text):
                    found.append(f"process {entry}: {text[:80]!r}")
    return found


def _namespace_names():
    return os.listdir("/run/netns") if os.path.isdir("/run/netns") else []


def _sweep():
    """Removes the namespaces and folders of test processes that were killed before they could."""
    for name in _namespace_names():
        match = re.fullmatch(r"sw(\d+)[cs]\d+", name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            for pid in run("ip", "netns", "pids", name, ok=False).stdout.split():
                with contextlib.suppress(OSError):
                    os.kill(int(pid), signal.SIGKILL)
            run("ip", "netns", "del", name, ok=False)
    for folder in os.listdir(tempfile.gettempdir()):
        match = re.match(r"synward-(\d+)-", folder)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            shutil.rmtree(os.path.join(tempfile.gettempdir(), folder), ignore_errors=True)


def make_root():
    """The private root, made on first use."""
    run(os.path.join(PROJECT, "tests/root/make-root.sh"), ROOT, timeout=900)


if os.geteuid() != 0:
    sys.exit("the namespace tests need root")
_home = open("/proc/self/ns/net")
signal.signal(signal.SIGTERM, _on_signal)
signal.signal(signal.SIGHUP, _on_signal)
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(close_all)
_sweep()
