# SPDX-License-Identifier: GPL-2.0-or-later
"""BitTorrent: a torrent of 3 MB, a tracker (opentracker) and its seed in the server's namespace,
downloaded by clients that have nothing of it, plain and encrypted, by transmission and aria2."""
import hashlib
import json
import shutil

from interop import SERVER4, Service, add_tests, blob

import runner
from lab import check_equal, wait_until

SIZE, PIECE = 3000000, 65536
TRACKER_PORT, PEER_PORT = 6969, 51413
CONTENT = blob(40, SIZE)
TRANSMISSION = {
    "utp-enabled": False,
    "dht-enabled": False,
    "lpd-enabled": False,
    "pex-enabled": False,
    "port-forwarding-enabled": False,
    "rpc-enabled": False,
}
ARIA2 = [
    "aria2c",
    "--no-conf=true",
    "--enable-dht=false",
    "--enable-dht6=false",
    "--enable-peer-exchange=false",
    "--bt-enable-lpd=false",
    "--file-allocation=none",
    "--summary-interval=0",
    "--disable-ipv6=true",
    "--console-log-level=warn",
]
ENCRYPTED = ["--bt-require-crypto=true", "--bt-min-crypto-level=arc4"]


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"


def torrent():
    pieces = b"".join(
        hashlib.sha1(CONTENT[at : at + PIECE]).digest() for at in range(0, SIZE, PIECE)
    )
    return bencode(
        {
            b"announce": f"http://{SERVER4}:{TRACKER_PORT}/announce".encode(),
            b"info": {
                b"length": SIZE,
                b"name": b"content",
                b"piece length": PIECE,
                b"pieces": pieces,
                b"private": 1,
            },
        }
    )


def info_hash():
    whole = torrent()
    return hashlib.sha1(whole[whole.index(b"4:info") + 6 : -1]).digest()


def start_tracker(site):
    for side in ("server", "client"):
        site.write(side, "a.torrent", torrent())
        site.write(side, "transmission/settings.json", json.dumps(TRANSMISSION))
    site.write("server", "seed/content", CONTENT)
    site.write(
        "server", "tracker/known", info_hash().hex() + "\n"
    )  # Debian's tracks only what it is told of
    site.serve(
        "opentracker",
        "-i",
        SERVER4,
        "-p",
        TRACKER_PORT,
        "-P",
        TRACKER_PORT,
        "-d",
        "/mnt/tracker",
        "-w",
        "/known",
        "-u",
        "nobody",
        port=TRACKER_PORT,
    )


def announced(site):
    """The tracker knows a seed."""
    query = "".join(f"%{byte:02x}" for byte in info_hash())
    said = site.on_server(
        "curl",
        "-sS",
        "--max-time",
        "5",
        f"http://{SERVER4}:{TRACKER_PORT}/scrape?info_hash={query}",
    )
    return "8:completei1e" in said


def start_aria2(site, *options):
    start_tracker(site)
    site.serve(
        *ARIA2,
        "--dir=/mnt/seed",
        "--check-integrity=true",
        "--seed-ratio=0.0",
        f"--listen-port={PEER_PORT}",
        *options,
        "/mnt/a.torrent",
        port=PEER_PORT,
    )
    wait_until(lambda: announced(site), 20, "the seed is announced")


def fresh(site, names):
    """A folder for each leecher, with nothing in it."""
    shutil.rmtree(site.path("client", "peers"), ignore_errors=True)
    for name in names:
        site.write("client", f"peers/{name}/transmission/settings.json", json.dumps(TRANSMISSION))


def checked(site, names):
    for name in names:
        check_equal(
            site.digest("client", f"peers/{name}/content"),
            hashlib.sha256(CONTENT).hexdigest(),
            "the content that was downloaded",
        )
    return f"{len(names)} whole"


def aria2_leecher(site, name, port, *options):
    return site.spawn(
        "client",
        *ARIA2,
        f"--dir=/mnt/peers/{name}",
        "--seed-time=0",
        "--bt-stop-timeout=30",
        f"--listen-port={port}",
        *options,
        "/mnt/a.torrent",
    )


def transmission_leecher(site, name, port):
    """Plain. It stays as a seed when it is done, and says so by running a program."""
    folder = f"/mnt/peers/{name}"
    site.write("client", f"peers/{name}/finish", f"#!/bin/sh\n: >{folder}/done\n", 0o755)
    return site.spawn(
        "client",
        "transmission-cli",
        "-g",
        f"{folder}/transmission",
        "-w",
        folder,
        "-p",
        port,
        "-et",
        "-f",
        f"{folder}/finish",
        "/mnt/a.torrent",
    )


def leech(site, kinds):
    """As many at once, each from nothing."""
    names = [f"{kind}-{number}" for number, kind in enumerate(kinds)]
    fresh(site, names)
    leechers = []
    for number, (kind, name) in enumerate(zip(kinds, names)):
        port = 7000 + number
        if kind == "transmission":
            leechers.append((name, transmission_leecher(site, name, port)))
        else:
            leechers.append(
                (name, aria2_leecher(site, name, port, *(ENCRYPTED if kind == "encrypted" else ())))
            )
    for name, leecher in leechers:
        if name.startswith("transmission"):
            wait_until(
                lambda n=name: site.exists("client", f"peers/{n}/done"),
                40,
                f"{name} has downloaded it",
            )
            leecher.stop()
        else:
            leecher.finish(40)
    return checked(site, names)


# Both aria2 and transmission serve a newcomer at their next look at whom to serve: seconds, however
# small the content.
SERVICES = [
    Service(
        "opentracker",
        TRACKER_PORT,
        ("http",),
        start_aria2,
        lambda site: leech(site, ["any"] * 4),
        connections=4,
        sessions=1,
        families=(4,),
    ),
    Service(
        "BitTorrent plain, transmission from aria2",
        PEER_PORT,
        ("bittorrent",),
        start_aria2,
        lambda site: leech(site, ["transmission"] * 4),
        connections=4,
        sessions=1,
        families=(4,),
    ),
    Service(
        "BitTorrent encrypted, aria2",
        PEER_PORT,
        ("bittorrent",),
        lambda site: start_aria2(site, *ENCRYPTED),
        lambda site: leech(site, ["encrypted"] * 4),
        connections=4,
        sessions=1,
        families=(4,),
        takes_random=True,
    ),
    Service(
        "BitTorrent plain and encrypted",
        PEER_PORT,
        ("bittorrent",),
        start_aria2,
        lambda site: leech(site, ["transmission", "encrypted"] * 2),
        connections=4,
        sessions=1,
        families=(4,),
        takes_random=True,
    ),
]

add_tests(globals(), SERVICES)
runner.main(globals())
