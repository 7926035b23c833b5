# SPDX-License-Identifier: GPL-2.0-or-later
"""unbound, BIND 9 and Knot over UDP, in auto mode: a flood of forged queries reaches hardly one of
them, and neither a stub resolver nor dig fails beside it. dig takes what synward says in their name
for their own answer, and asks again over TCP."""
import re
import time

from interop import CLIENT4, SERVER4, Lab, Site, check, check_equal, wait_until

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
KEY = """
key "synward" { algorithm hmac-sha256; secret "c3lud2FyZCBzeW53YXJkIHN5bndhcmQ="; };
"""
# Of the server: a zone that may be changed, and one that it has from the client's side.
NAMED_ASKED = (
    KEY
    + NAMED.replace('file "zone"; };', 'file "zone"; allow-update { any; }; };')
    + """
zone "second.test" { type secondary; file "second"; primaries { PRIMARY; }; };
zone "signed.test" { type primary; file "signed"; allow-query { key "synward"; }; };
"""
)
NAMED_PRIMARY = (
    NAMED.replace("any; };", "PRIMARY; };", 1).replace("example.test", "second.test")
).replace(
    'file "zone"; };',
    """file "zone"; allow-update { any; }; notify explicit;
    also-notify { SERVER; }; notify-source PRIMARY; };""",
)
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


# What dig asks with, each time from an address that nobody has seen: how it is answered is what it
# was in calm, by way of TCP.
WAYS = (
    ("+cookie",),
    ("+nsid",),
    ("+subnet=192.0.2.0/24",),
    ("+dnssec",),
    ("+bufsize=512",),
    ("+noedns",),
    ("+edns=1", "+noednsnegotiation"),
    ("-t", "ANY", "+notcp"),
    ("-t", "TYPE65280"),
    ("-t", "IXFR=1", "+notcp"),
    ("-t", "AXFR"),
    ("-c", "CH", "-t", "TXT", "-q", "version.bind"),
    ("-q", "wWw.eXaMpLe.TeSt"),
    ("-q", "nobody.example.test"),
)


def asked_in(site, way, source):
    """(status, question, answers) of what dig says in the end, and whether it took TCP."""
    name = (
        ()
        if "-q" in way
        else (
            "-q",
            "example.test" if way[1:2] and way[1] in ("AXFR", "IXFR=1") else "www.example.test",
        )
    )
    said = site.client("dig", f"@{SERVER4}", "-b", source, *way, *name, ok=(0, 9))
    status = re.findall(r"status: (\w+)", said)
    lines = sorted(" ".join(line.split()) for line in said.splitlines() if line and line[0] != ";")
    check(status or lines, f"{way}: {said}")
    return status[-1:], re.findall(r"^;(\S+\.)\s", said, re.M), lines


def test_ways_to_ask_bind9():
    with Lab() as lab:
        site = Site(lab)
        lab.start(mode="auto")
        start_named(site)
        learn(lab)
        lab.client.ip(*(f"addr add 10.77.0.{100 + i}/24 dev {CLIENT_IF}" for i in range(len(WAYS))))
        calm = [asked_in(site, way, CLIENT4) for way in WAYS]
        lab.set_mode("attack", f"{SERVER4}:{PORT}/udp")
        for i, way in enumerate(WAYS):
            told = lab.stats()["queries"]["truncated"]
            check_equal(asked_in(site, way, f"10.77.0.{100 + i}"), calm[i], " ".join(way))
            if "AXFR" not in way:
                check(lab.stats()["queries"]["truncated"] > told, f"{way}: told to come over TCP")
        check_equal(lab.stats()["drops"]["query_odd"], 0, "odd ones")
        return f"{len(WAYS)} ways"


def address_of(site, name):
    """As the server has it, by who may ask directly."""
    return site.client("dig", f"@{SERVER4}", "+tcp", "+short", name, ok=(0, 9)).strip()


def update(site, source, name, *options):
    """What nsupdate says; empty: it is content."""
    told = f"local {source}\nserver {SERVER4}\nupdate add {name} 60 A {ADDRESS}\nsend\n"
    return site.client(
        "nsupdate", "-t", "8", "-u", "1", "-r", "1", *options, told=told, ok=(0, 1, 2)
    )


def test_update_notify_and_signatures_of_bind9():
    """From addresses that have asked nothing before: what comes over UDP is dropped, all of it
    succeeds over TCP, and over UDP once its source is known."""
    with Lab() as lab:
        site = Site(lab)
        lab.start(mode="auto")
        lab.client.ip(*(f"addr add 10.77.0.{i}/24 dev {CLIENT_IF}" for i in range(70, 75)))
        places = {"PRIMARY": "10.77.0.74", "SERVER": SERVER4}

        def placed(text):
            for word, place in places.items():
                text = text.replace(word, place)
            return text

        for side, config in (("server", NAMED_ASKED), ("client", NAMED_PRIMARY)):
            site.write(side, "zone", ZONE)
            site.write(side, "signed", ZONE)
            site.write(side, "named.conf", placed(config))
            site.spawn(side, "/usr/sbin/named", "-g", "-n", "2", "-c", "/mnt/named.conf", port=PORT)
        learn(lab)
        lab.set_mode("attack", f"{SERVER4}:{PORT}/udp")

        # UPDATE: nsupdate asks for the zone first, and does not come over TCP where it is told to.
        said = update(site, "10.77.0.70", "one.example.test")
        check("could not find enclosing zone" in said, said)
        for options in (("-v",), ()):
            check_equal(update(site, "10.77.0.71", "two.example.test", *options), "", "nsupdate")
            check_equal(address_of(site, "two.example.test"), ADDRESS, "what it has changed")

        # Signed queries: dropped over UDP, good over TCP, and over UDP from then on.
        key = ("-y", "hmac-sha256:synward:c3lud2FyZCBzeW53YXJkIHN5bndhcmQ=")
        signed = ("dig", f"@{SERVER4}", "-b", "10.77.0.72", *key, "+time=1", "+tries=1")
        name = "www.signed.test"
        odd = lab.stats()["drops"]["query_odd"]
        check("timed out" in site.client(*signed, name, ok=(0, 9)), "a signed one of a stranger")
        check_equal(lab.stats()["drops"]["query_odd"], odd + 1, "it is dropped as odd")
        for way in ("+tcp", "+notcp"):
            said = site.client(*signed, way, name, ok=(0, 9))
            check(ADDRESS in said and "NOERROR" in said, f"{way}: {said}")

        # NOTIFY, from an address that the server has never heard of: dropped, and again over TCP.
        told = f"server {places['PRIMARY']}\nupdate add new.second.test 60 A {ADDRESS}\nsend\n"
        odd = lab.stats()["drops"]["query_odd"]
        site.client("nsupdate", "-v", told=told)
        wait_until(lambda: lab.stats()["drops"]["query_odd"] > odd, 30, "a NOTIFY is dropped")
        wait_until(
            lambda: address_of(site, "new.second.test") == ADDRESS, 120, "the secondary has it"
        )


runner.main(globals())
