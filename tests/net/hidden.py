# SPDX-License-Identifier: GPL-2.0-or-later
"""Peers whose first bytes look random: BitTorrent's message stream encryption (MSE) with a real key
exchange, and eMule's protocol obfuscation between clients. Both ends of each, over blocking
sockets; what they exchange ends up as plain bytes that can be compared."""
import hashlib
import os
import struct

# ---- RC4 as both use it: the first 1,024 bytes are thrown away ----

DROPPED = 1024


class Stream:
    def __init__(self, key):
        state, j = list(range(256)), 0
        for i in range(256):
            j = (j + state[i] + key[i % len(key)]) & 255
            state[i], state[j] = state[j], state[i]
        self._state, self._i, self._j = state, 0, 0
        self.crypt(bytes(DROPPED))

    def crypt(self, data):
        state, i, j, out = self._state, self._i, self._j, bytearray()
        for byte in data:
            i = (i + 1) & 255
            j = (j + state[i]) & 255
            state[i], state[j] = state[j], state[i]
            out.append(byte ^ state[(state[i] + state[j]) & 255])
        self._i, self._j = i, j
        return bytes(out)


class Plain:
    @staticmethod
    def crypt(data):
        return data


class Wire:
    """One end of a connection: a stream cipher each way."""

    def __init__(self, connection, seen=b""):
        self.connection, self._seen, self.send_by, self.receive_by = connection, seen, Plain, Plain

    def send(self, data):
        self.connection.sendall(self.send_by.crypt(data))

    def receive(self, count):
        while len(self._seen) < count:
            data = self.connection.recv(65536)
            if not data:
                raise ConnectionError(f"closed after {len(self._seen)} of {count} bytes")
            self._seen += data
        data, self._seen = self._seen[:count], self._seen[count:]
        return self.receive_by.crypt(data)

    def receive_up_to(self, mark, most):
        """Passes over up to `most` bytes, up to and with `mark` (as it stands on the wire)."""
        while mark not in self._seen:
            if len(self._seen) > most + len(mark):
                raise ConnectionError("no such mark")
            data = self.connection.recv(65536)
            if not data:
                raise ConnectionError("closed before the mark")
            self._seen += data
        self._seen = self._seen[self._seen.index(mark) + len(mark) :]

    def peek(self, count):
        """The first bytes as they stand on the wire, which stay there."""
        while len(self._seen) < count:
            data = self.connection.recv(65536)
            if not data:
                raise ConnectionError("closed before the first bytes")
            self._seen += data
        return self._seen[:count]


# ---- BitTorrent ----

P = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563",
    16,
)
KEY, PADDING = 96, 512
NOTHING = bytes(8)
CLEAR, CIPHER = 1, 2
PREFACE = b"\x13BitTorrent protocol"


def handshake(info_hash, peer_id=b"-TR4000-abcdefghijkl"):
    return PREFACE + b"\0\0\0\0\0\x10\0\5" + info_hash + peer_id


def _hash(*parts):
    return hashlib.sha1(b"".join(parts)).digest()


def _public(secret):
    return pow(2, secret, P).to_bytes(KEY, "big")


def _secret():
    """One whose public number does not begin as Telnet does: synward refuses such a client once in
    18,000 times, and it comes again."""
    while True:
        secret = int.from_bytes(os.urandom(20), "big")
        if _public(secret)[0] != 0xFF:
            return secret


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def _padding(pad):
    return os.urandom(int.from_bytes(os.urandom(2), "big") % (PADDING + 1) if pad is None else pad)


def mse_connect(connection, info_hash, offers=CLEAR | CIPHER, pad=None):
    """The client's side; the wire behind it, and the server's handshake of BitTorrent."""
    wire, secret = Wire(connection), _secret()
    wire.send(_public(secret) + _padding(pad))
    shared = pow(int.from_bytes(wire.receive(KEY), "big"), secret, P).to_bytes(KEY, "big")
    send, receive = Stream(_hash(b"keyA", shared, info_hash)), Stream(
        _hash(b"keyB", shared, info_hash)
    )
    first = handshake(info_hash)
    wire.send(
        _hash(b"req1", shared)
        + _xor(_hash(b"req2", info_hash), _hash(b"req3", shared))
        + send.crypt(
            NOTHING
            + struct.pack(">IH", offers, 7)
            + bytes(7)
            + struct.pack(">H", len(first))
            + first
        )
    )
    wire.receive_up_to(receive.crypt(NOTHING), PADDING)
    wire.receive_by = receive
    choice, padding = struct.unpack(">IH", wire.receive(6))
    wire.receive(padding)
    if choice == CLEAR:
        wire.receive_by = Plain
    else:
        wire.send_by = send
    return wire, wire.receive(len(first))


def mse_accept(wire, info_hash, choice, pad=None):
    """The server's side; None where it does not have what the client asks for."""
    secret = _secret()
    shared = pow(int.from_bytes(wire.receive(KEY), "big"), secret, P).to_bytes(KEY, "big")
    wire.send(_public(secret) + _padding(pad))
    wire.receive_up_to(_hash(b"req1", shared), PADDING)
    if _xor(wire.receive(20), _hash(b"req3", shared)) != _hash(b"req2", info_hash):
        return None
    wire.receive_by, send = Stream(_hash(b"keyA", shared, info_hash)), Stream(
        _hash(b"keyB", shared, info_hash)
    )
    nothing, _offers, padding = struct.unpack(">8sIH", wire.receive(14))
    if nothing != NOTHING:
        raise ConnectionError("not in cipher")
    wire.receive(padding)
    first = wire.receive(struct.unpack(">H", wire.receive(2))[0])
    wire.connection.sendall(send.crypt(NOTHING + struct.pack(">IH", choice, 9) + bytes(9)))
    if choice == CLEAR:
        wire.receive_by = Plain
    else:
        wire.send_by = send
    return first


# ---- eMule ----

MAGIC = struct.pack("<I", 0x835E6FC4)
BY_CLIENT, BY_SERVER = 34, 203
HELLO, HELLO_ANSWER = 0x01, 0x4C
MARKS = (0xE3, 0xC5, 0xD4)


def message(code, content):
    return b"\xe3" + struct.pack("<I", len(content) + 1) + bytes([code]) + content


def hello(user_hash):
    return message(HELLO, b"\x10" + user_hash + b"\x7f\0\0\1\x36\x12" + bytes(4) + bytes(6))


def hello_answer(user_hash):
    return message(HELLO_ANSWER, user_hash + b"\x7f\0\0\1\x36\x12" + bytes(4) + bytes(6))


def receive_message(wire):
    head = wire.receive(5)
    return head + wire.receive(struct.unpack("<I", head[1:])[0])


def _emule_stream(user_hash, sender, part):
    return Stream(hashlib.md5(user_hash + bytes([sender]) + part).digest())


def emule_connect(connection, server_hash, padding=11):
    """The client's side of the obfuscated handshake, with the peer of this user hash."""
    wire, part = Wire(connection), os.urandom(4)
    mark = next(b for b in os.urandom(64) if b not in MARKS and b != 0xFF)  # 0xff: as _secret()
    send = _emule_stream(server_hash, BY_CLIENT, part)
    wire.connection.sendall(
        bytes([mark]) + part + send.crypt(MAGIC + bytes([0, 0, padding]) + bytes(padding))
    )
    wire.receive_by = _emule_stream(server_hash, BY_SERVER, part)
    magic, method, padding = struct.unpack("<4sBB", wire.receive(6))
    if magic != MAGIC or method != 0:
        raise ConnectionError("not obfuscated")
    wire.receive(padding)
    wire.send_by = send
    return wire


def emule_accept(wire, own_hash):
    """The server's side: it answers once the whole request is there, and wants nothing beyond."""
    part = wire.receive(5)[1:]
    wire.receive_by, send = _emule_stream(own_hash, BY_CLIENT, part), _emule_stream(
        own_hash, BY_SERVER, part
    )
    magic, _supported, _preferred, padding = struct.unpack("<4sBBB", wire.receive(7))
    if magic != MAGIC:
        raise ConnectionError("not obfuscated for this user hash")
    wire.receive(padding)
    wire.connection.sendall(send.crypt(MAGIC + bytes([0, 5]) + bytes(5)))
    wire.send_by = send
