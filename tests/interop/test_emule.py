# SPDX-License-Identifier: GPL-2.0-or-later
"""eMule: an amuled that shares a file in the server's namespace, others that download it, plain and
obfuscated.

amuled asks nobody before it is in the network: a directory server of a few lines, beside the
clients, takes their log-ins and names the seed to whoever asks, with its user hash where the
connection shall be obfuscated."""
import contextlib
import shutil
import socket
import struct
import threading

from interop import CLIENT4, SERVER4, Service, add_tests, blob

import runner
from lab import check_equal, wait_until

SEED_PORT, DIRECTORY_PORT = 4662, 4661
SIZE = 300000
LOGIN, ID_CHANGE, GET_SOURCES, GET_SOURCES_OBFUSCATED, FOUND, FOUND_OBFUSCATED = (
    0x01,
    0x40,
    0x19,
    0x23,
    0x42,
    0x44,
)
OBFUSCATED = 0x83  # supported, wanted, and the user hash follows
CONF = """
[eMule]
AppVersion=2.3.3
Nick={nick}
Port={port}
Address={address}
UDPEnable=0
ConnectToKad=0
ConnectToED2K=1
Autoconnect=1
Reconnect=0
FilterLanIPs=0
IPFilterClients=0
IPFilterServers=0
TempDir=/mnt/{folder}/Temp
IncomingDir=/mnt/{folder}/Incoming
MaxUpload=0
MaxDownload=0
UPnPEnabled=0
NewVersionCheck=0
[Obfuscation]
IsClientCryptLayerSupported={obfuscated}
IsCryptLayerRequested={obfuscated}
IsClientCryptLayerRequired=0
[ExternalConnect]
AcceptExternalConnections=1
ECPassword=5ebe2294ecd0e0f08eab7690d2a6ee69
ECPort={control}
ECAddress=127.0.0.1
"""
# The list of directory servers: one, of which nothing more is known.
SERVER_MET = (
    b"\x0e"
    + struct.pack("<I", 1)
    + socket.inet_aton(CLIENT4)
    + struct.pack("<HI", DIRECTORY_PORT, 0)
)


class Directory:
    """Of the messages between eMule and its servers, the three that bring peers together."""

    def __init__(self, site):
        self.site = site
        with site.lab.client.inside():
            self.listening = socket.create_server((CLIENT4, DIRECTORY_PORT))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, address = self.listening.accept()
                threading.Thread(
                    target=self._serve, args=(connection, socket.inet_aton(address[0])), daemon=True
                ).start()

    def _serve(self, connection, address):
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as stream:
            while len(head := stream.read(5)) == 5:
                message = stream.read(struct.unpack("<I", head[1:])[0])
                answer = self._answer(message, address)
                if answer:
                    connection.sendall(b"\xe3" + struct.pack("<I", len(answer)) + answer)

    def _answer(self, message, address):
        if message[0] == LOGIN:
            return bytes([ID_CHANGE]) + address + bytes(4)
        if message[0] in (GET_SOURCES, GET_SOURCES_OBFUSCATED):
            seed = (
                message[1:17] + b"\x01" + socket.inet_aton(SERVER4) + struct.pack("<H", SEED_PORT)
            )
            if self.site.obfuscated_file == message[1:17]:
                return bytes([FOUND_OBFUSCATED]) + seed + bytes([OBFUSCATED]) + user_hash(self.site)
            return bytes([FOUND]) + seed
        return None


def user_hash(site):
    """The seed's, as it tells it: eMule's mark is put into it."""
    told = bytearray(site.read("server", "seed/preferences.dat")[1:17])
    told[5], told[14] = 0x0E, 0x6F
    return bytes(told)


def folder_of(site, side, folder, address, number, obfuscated):
    site.write(
        side,
        f"{folder}/amule.conf",
        CONF.format(
            nick=folder,
            folder=folder,
            address=address,
            port=SEED_PORT,
            control=5700 + number,
            obfuscated=int(obfuscated),
        ),
    )
    site.write(side, f"{folder}/server.met", SERVER_MET)
    for name in ("Temp", "Incoming"):
        site.folder(side, f"{folder}/{name}")


def start(site):
    """Two files of the seed: the directory names it as obfuscated for one of them."""
    site.links, site.obfuscated_file, site.leechers = {}, None, 0
    folder_of(site, "server", "seed", SERVER4, 0, True)
    for number, kind in enumerate(("plain", "obfuscated")):
        site.write("server", f"seed/Incoming/{kind}", blob(50 + number, SIZE))
        said = site.on_server("alcc", f"/mnt/seed/Incoming/{kind}").split()
        site.links[kind] = next(word for word in said if word.startswith("ed2k://"))
    site.obfuscated_file = bytes.fromhex(site.links["obfuscated"].split("|")[4])
    Directory(site)
    site.serve("amuled", "-c", "/mnt/seed", port=SEED_PORT)
    wait_until(
        lambda: site.exists("server", "seed/preferences.dat")
        and site.exists("server", "seed/known.met"),
        20,
        "the seed shares its files",
    )


def leech(site, kinds):
    """As many at once, each somebody new with nothing, at an address of its own: who comes with
    another name from a known one is turned away by the seed. The seed serves them in its own time,
    so it is enough that one of each kind has the whole file; that it let all of them in is seen in
    synward's counters."""
    leechers = []
    for number, kind in enumerate(kinds):
        folder = f"{kind}-{number}"
        shutil.rmtree(site.path("client", folder), ignore_errors=True)
        site.leechers += 1
        folder_of(site, "client", folder, f"10.78.0.{site.leechers}", number, kind == "obfuscated")
        site.write("client", f"{folder}/ED2KLinks", site.links[kind] + "\n")
        leechers.append((folder, kind, site.spawn("client", "amuled", "-c", f"/mnt/{folder}")))
    whole = {}

    def all_kinds():
        for folder, kind, _ in leechers:
            if site.exists("client", f"{folder}/Incoming/{kind}"):
                whole.setdefault(kind, folder)
        return len(whole) == len(set(kinds))

    wait_until(all_kinds, 180, f"one of each kind has its file (there is {whole})")
    for _, _, leecher in leechers:
        leecher.stop(timeout=10)
    for kind, folder in whole.items():
        check_equal(
            site.digest("client", f"{folder}/Incoming/{kind}"),
            site.digest("server", f"seed/Incoming/{kind}"),
            "the content",
        )
    return f"{sorted(whole)} whole"


# Slots of the seed are given after a minute and more: few sessions, of many clients. The obfuscated
# ones can be checked once plain ones have been answered with the seed's user hash.
SERVICES = [
    Service(
        "eMule plain and obfuscated",
        SEED_PORT,
        ("edonkey",),
        start,
        lambda site: leech(site, ["plain"] * 3 + ["obfuscated"] * 2),
        connections=5,
        sessions=1,
        families=(4,),
        sessions_first=2,
    ),
]

add_tests(globals(), SERVICES)
runner.main(globals())
