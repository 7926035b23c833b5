# SPDX-License-Identifier: GPL-2.0-or-later
"""unbound, BIND 9 and Knot over UDP, in auto mode: a flood of forged queries reaches hardly one of
them, and neither a stub resolver nor dig fails beside it. dig takes what synward says in their name
for their own answer, and asks again over TCP."""
import re
import time

from interop import SERVER4, Lab, Site, check, check_equal

import runner
from asking import PORT, at_a_rate_that_is_kept, flood_in_auto, learn, usual
from lab import CLIENT_IF

ADDRESS = "192.0.2.1"
STRANGER = "10.77.0.77"  # has never asked before
ZONE = f"""$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A {SERVER4}
www IN A {ADDRESS}
"""
UNBOUND = f"""
server:
    interface: 0.0.0.0
    interface: ::0
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    do-daemonize: no
    chroot: ""
    username: ""
    directory: "/mnt"
    pidfile: ""
    use-syslog: no
    module-config: "iterator"
    local-zone: "test." static
    local-data: "www.example.test. A {ADDRESS}"
remote-control:
    control-enable: no
"""
NAMED = """
options {
    directory "/mnt";
    listen-on { any; };
    listen-on-v6 { any; };
    allow-query { any; };
    recursion no;
    pid-file none;
    session-keyfile none;
    lock-file none;
};
controls { };
zone "example.test" { type primary; file "zone"; };
"""
KNOT = """
server:
    rundir: "/mnt/run"
    listen: [ 0.0.0.0@53, ::@53 ]
    tcp-workers: 4
database:
    storage: "/mnt/base"
zone:
  - domain: example.test
    storage: "/mnt"
    file: "zone"
"""


def start_unbound(site):
    site.write("server", "unbound.conf", UNBOUND)
    site.serve("/usr/sbin/unbound", "-d", "-c", "/mnt/unbound.conf", port=PORT)


def start_named(site):
    site.write("server", "zone", ZONE)
    site.write("server", "named.conf", NAMED)
    site.serve("/usr/sbin/named", "-g", "-n", "2", "-c", "/mnt/named.conf", port=PORT)


def start_knot(site):
    site.write("server", "zone", ZONE)
    site.write("server", "knot.conf", KNOT)
    site.folder("server", "run")
    site.folder("server", "base")
    site.serve("/usr/sbin/knotd", "-c", "/mnt/knot.conf", port=PORT)


def dig(site, *options):
    """What it printed; exit code 9 is nobody who answered."""
    return site.client("dig", f"@{SERVER4}", *options, "www.example.test", ok=(0, 9))


def dig_is_answered(site):
    time.sleep(0.1)
    return dig(site, "+time=1", "+tries=3", "+short").endswith(f"{ADDRESS}\n")


def header(said):
    """(flags, what EDNS says) of an answer that dig printed."""
    flags = re.search(r";; flags:([a-z ]*);", said)
    edns = re.search(r"; EDNS:.*", said)
    check(flags, f"no answer: {said}")
    return set(flags[1].split()), edns and edns[0]


def check_stranger(site, calm):
    """In attack mode: what dig is told is what the server would say, but for TC; and then it comes
    over TCP and has its answer."""
    wanted_flags, wanted_edns = calm
    site.lab.client.ip(f"addr add {STRANGER}/24 dev {CLIENT_IF}")
    site.lab.set_mode("attack", f"{SERVER4}:{PORT}/udp")
    flags, edns = header(dig(site, "-b", STRANGER, "+ignore"))
    check_equal(flags, wanted_flags | {"tc"}, "flags of who is told to come over TCP")
    check_equal(edns, wanted_edns, "its EDNS")
    said = dig(site, "-b", STRANGER)
    check("retrying in TCP" in said and ADDRESS in said, f"dig is not content: {said}")


def udp_datagrams(lab):
    """That came to the server's kernel, whatever became of them."""
    names = ("UdpInDatagrams", "UdpNoPorts", "UdpRcvbufErrors")
    return sum(lab.server.counter(name) for name in names)


def try_server(start):
    def attempt(count, rate):
        with Lab() as lab:
            site = Site(lab)
            lab.start(mode="auto")
            start(site)
            learn(lab)
            calm = header(dig(site))
            usual(lab)
            text = flood_in_auto(
                lab, lambda: udp_datagrams(lab), count, rate, lambda: dig_is_answered(site)
            )
            check_stranger(site, calm)
            return text

    return at_a_rate_that_is_kept(attempt)


def test_unbound():
    return try_server(start_unbound)


def test_bind9():
    return try_server(start_named)


def test_knot():
    return try_server(start_knot)


runner.main(globals())
