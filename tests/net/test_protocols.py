# SPDX-License-Identifier: GPL-2.0-or-later
"""Services other than HTTP and POP3, learned on a live wire and then attacked: TLS, SMTP and SSH's
first words. Whoever asks in the right way is served as before; the others never reach the server.
"""
import os
import ssl

import runner
from lab import Lab, check, check_equal, run, wait_until
from rawtcp import RawClient
from services import Service, connect, refused

SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
KEXINIT = b"\x00\x00\x00\x2c\x06\x14" + bytes(42)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LEARNED = 12


def learn_and_attack(lab, port, session, protocol, speaks_first):
    for _ in range(LEARNED):
        session()
    lab.wait_armed(port)
    if not lab.stand_in:
        application = lab.profile(port)["application"]
        check_equal(
            (application["protocol"], application["speaks_first"]),
            (protocol, speaks_first),
            "what was learned",
        )
        check_equal(application["request"]["protocols"], [protocol], "accepted protocols")
    lab.set_mode("attack")


def wrong_clients_do_not_reach(lab, service, port, wrong):
    accepted = service.accepted
    for data in wrong:
        check(refused(lab, port, data), f"{data!r} was not refused")
    check_equal(service.accepted, accepted, "connections that the server saw")


def tls_service(lab, port):
    key = os.path.join(lab.folder, "key.pem")
    run(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=a",
        "-keyout",
        key,
        "-out",
        key,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(key)

    def speak(connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.sendall(b"you said " + tls.recv(1000))

    return Service(lab, port, speak)


def tls_session(lab, port, names=()):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if names:
        context.set_alpn_protocols(names)
    with context.wrap_socket(connect(lab, port), server_hostname="a.example.org") as tls:
        tls.sendall(b"hello")
        check_equal(tls.recv(1000), b"you said hello", "inside TLS")


def test_tls():
    with Lab() as lab:
        lab.start(mode="normal")
        service = tls_service(lab, 8443)
        learn_and_attack(lab, 8443, lambda: tls_session(lab, 8443), "tls", "client")
        for _ in range(20):
            tls_session(lab, 8443)
        for _ in range(5):  # a ClientHello of more than one segment
            tls_session(lab, 8443, [f"{'long' * 50}-{i}" for i in range(12)])
        wrong_clients_do_not_reach(
            lab,
            service,
            8443,
            (GET, b"USER a\r\n", SSH, b"\x15\x03\x01\x00\x02\x01\x00", b"\x80\x7c\x01\x03\x01"),
        )


def smtp_speak(connection):
    connection.sendall(b"220 mx.example.org ESMTP\r\n")
    with connection.makefile("rb") as lines:
        for line in lines:
            connection.sendall(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 ok\r\n")
            if line.startswith(b"QUIT"):
                return


def smtp_session(lab, port):
    with connect(lab, port) as client, client.makefile("rb") as lines:
        for command, answer in (
            (None, b"220 mx.example.org ESMTP\r\n"),
            (b"EHLO a\r\n", b"250 ok\r\n"),
            (b"QUIT\r\n", b"221 bye\r\n"),
        ):
            if command:
                client.sendall(command)
            check_equal(lines.readline(), answer, f"answer to {command!r}")


def test_smtp_and_its_early_talkers():
    with Lab() as lab:
        lab.start(mode="normal")
        service = Service(lab, 25, smtp_speak)
        learn_and_attack(lab, 25, lambda: smtp_session(lab, 25), "smtp", "server")
        for _ in range(20):
            smtp_session(lab, 25)
        wrong_clients_do_not_reach(
            lab, service, 25, (GET, b"USER a\r\n", b"\x16\x03\x01\x00\xc1\x01")
        )
        accepted = service.accepted
        early = RawClient(lab).connection(25)
        early.handshake()
        early.send(b"EHLO a\r\n")  # it has acknowledged no greeting
        early.wait_reset()
        check_equal(service.accepted, accepted, "connections that the server saw")


def ssh_speak(connection):
    connection.sendall(SSH)
    if connection.recv(1000).startswith(b"SSH-2.0-"):
        connection.sendall(KEXINIT)
        connection.recv(1000)


def ssh_session(lab, port, waits):
    with connect(lab, port) as client, client.makefile("rb") as words:
        if not waits:
            client.sendall(SSH)
        check_equal(words.readline(), SSH, "the server's identification")
        if waits:
            client.sendall(SSH)
        check_equal(words.read(len(KEXINIT)), KEXINIT, "what follows it")


def test_ssh_clients_that_wait_and_that_do_not():
    with Lab() as lab:
        lab.start(mode="normal")
        service = Service(lab, 22, ssh_speak)
        learn_and_attack(lab, 22, lambda: ssh_session(lab, 22, waits=True), "ssh", "server")
        accepted = service.accepted
        for waits in (True, False) * 10:
            ssh_session(lab, 22, waits)
        wait_until(
            lambda: service.accepted == accepted + 20, 20, "each was one connection of the server's"
        )
        wrong_clients_do_not_reach(
            lab, service, 22, (GET, b"EHLO a\r\n", b"\x16\x03\x01\x00\xc1\x01")
        )


if __name__ == "__main__":
    runner.main(globals())
