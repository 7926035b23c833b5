# SPDX-License-Identifier: GPL-2.0-or-later
"""BitTorrent: a torrent of 3 MB, a tracker (opentracker) and its seed in the server's namespace, downloaded by clients that have nothing of it,
plain and encrypted, by transmission and aria2."""
import contextlib
import hashlib
import json
import os
import shutil

from interop import SERVER4, Service, add_tests, blob

import runner
from lab import check_equal, wait_until

SIZE, PIECE = 3000000, 65536
TRACKER_PORT, PEER_PORT = 6969, 51413
CONTENT = blob(40, SIZE)
TRANSMISSION = {"utp-enabled": False, "dht-enabled": False, "lpd-enabled": False, "pex-enabled": False, "port-forwarding-enabled": False,
                "rpc-enabled": False}
ARIA2 = ["aria2c", "--no-conf=true", "--enable-dht=false", "--enable-dht6=false", "--enable-peer-exchange=false", "--bt-enable-lpd=false",
         "--file-allocation=none", "--summary-interval=0", "--disable-ipv6=true", "--console-log-level=warn"]
ENCRYPTED = ["--bt-require-crypto=true", "--bt-min-crypto-level=arc4"]


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"


def torrent():
    pieces = b"".join(hashlib.sha1(CONTENT[at:at + PIECE]).digest() for at in range(0, SIZE, PIECE))
    return bencode({b"announce": f"http://{SERVER4}:{TRACKER_PORT}/announce".encode(),
                    b"info": {b"length": SIZE, b"name": b"content", b"piece length": PIECE, b"pieces": pieces, b"private": 1}})


def info_hash():
    whole = torrent()
    return hashlib.sha1(whole[whole.index(b"4:info") + 6:-1]).digest()


def start_tracker(site):
    for side in ("server", "client"):
        site.write(side, "a.torrent", torrent())
        site.write(side, "transmission/settings.json", json.dumps(TRANSMISSION))
    site.write("server", "seed/content", CONTENT)
    site.write("server", "tracker/known", info_hash().hex() + "\n")  # Debian's tracks only what it is told of
    site.serve("opentracker", "-i", SERVER4, "-p", TRACKER_PORT, "-P", TRACKER_PORT, "-d", "/mnt/tracker", "-w", "/known", "-u", "nobody",
               port=TRACKER_PORT)


def announced(site):
    """The tracker knows a seed."""
    query = "".join(f"%{byte:02x}" for byte in info_hash())
    said = site.on_server("curl", "-sS", "--max-time", "5", f"http://{SERVER4}:{TRACKER_PORT}/scrape?info_hash={query}")
    return "8:completei1e" in said


def start_aria2(site, *options):
    start_tracker(site)
    site.serve(*ARIA2, "--dir=/mnt/seed", "--check-integrity=true", "--seed-ratio=0.0", f"--listen-port={PEER_PORT}", *options, "/mnt/a.torrent",
               port=PEER_PORT)
    wait_until(lambda: announced(site), 20, "the seed is announced")


def start_transmission(site):
    start_tracker(site)
    site.serve("transmission-cli", "-g", "/mnt/transmission", "-w", "/mnt/seed", "-p", PEER_PORT, "-et", "--no-uplimit", "/mnt/a.torrent", port=PEER_PORT)
    wait_until(lambda: announced(site), 20, "the seed is announced")


def fresh(site):
    for folder in ("down", "transmission/resume", "transmission/torrents"):
        shutil.rmtree(site.path("client", folder), ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(site.path("client", "done"))
    return site.folder("client", "down")


def checked(site):
    check_equal(site.digest("client", "down/content"), hashlib.sha256(CONTENT).hexdigest(), "the content that was downloaded")
    return "whole"


def aria2_session(site, *options):
    fresh(site)
    site.client(*ARIA2, "--dir=/mnt/down", "--seed-time=0", "--bt-stop-timeout=30", "--listen-port=6999", *options, "/mnt/a.torrent")
    return checked(site)


def transmission_session(site, encryption="-et"):
    """It stays as a seed when it is done, and says so by running a program."""
    fresh(site)
    site.write("client", "finish", "#!/bin/sh\n: >/mnt/done\n", 0o755)
    client = site.spawn("client", "transmission-cli", "-g", "/mnt/transmission", "-w", "/mnt/down", "-p", "6999", encryption, "-f", "/mnt/finish",
                        "/mnt/a.torrent")
    wait_until(lambda: site.exists("client", "done"), 30, "transmission has downloaded it")
    client.stop()
    return checked(site)


def both_session(site):
    site.peers = getattr(site, "peers", 0) + 1
    return transmission_session(site) if site.peers % 2 else aria2_session(site, *ENCRYPTED)


SERVICES = [
    Service("opentracker", TRACKER_PORT, ("http",), start_aria2, aria2_session),
    Service("BitTorrent, transmission, plain", PEER_PORT, ("bittorrent",), start_transmission, transmission_session),
    Service("BitTorrent, aria2, encrypted", PEER_PORT, ("bittorrent",), lambda site: start_aria2(site, *ENCRYPTED),
            lambda site: aria2_session(site, *ENCRYPTED)),
    Service("BitTorrent, plain and encrypted", PEER_PORT, ("bittorrent",), start_aria2, both_session),
]

add_tests(globals(), SERVICES)
runner.main(globals())
