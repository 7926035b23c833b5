# SPDX-License-Identifier: GPL-2.0-or-later
"""Services whose greeting is another one each time, of other lengths, in pieces, or with more
behind it: learned on a live wire, then attacked. Whoever asks in the right way is served as before;
a wrong one never reaches the server, where it can be spoken for."""
import itertools
import re
import threading

import runner
from lab import SERVER4, Lab, check, check_equal, wait_until
from rawtcp import RawClient
from test_protocols import KEXINIT, Service, connect, refused

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LEARNED = 12


class Numbers:
    """A number for each connection, and how many are there at once; `big` makes them longer."""

    def __init__(self):
        self.count, self.now, self.big, self.lock = itertools.count(1), 0, 0, threading.Lock()

    def __enter__(self):
        with self.lock:
            self.now += 1
            return next(self.count) + self.big, self.now

    def __exit__(self, *_):
        with self.lock:
            self.now -= 1


def lines_of(connection, answers, end):
    """Answers each line by the first of `answers` that it begins with; after `end` that is all."""
    with connection.makefile("rb") as lines:
        for line in lines:
            answer = next(
                (answer for word, answer in answers.items() if line.startswith(word)),
                b"500 what\r\n",
            )
            connection.sendall(answer)
            if line.startswith(end):
                return


def dialogue(lab, port, greeting, steps):
    """The greeting must fit the pattern to its last byte; then each request has its answer, and
    nothing else comes."""
    with connect(lab, port) as client:
        said = b""
        while not re.fullmatch(greeting, said, re.DOTALL):
            data = client.recv(1000)
            check(data, f"the greeting ends with {said!r}")
            said += data
        with client.makefile("rb") as lines:
            for request, answer in steps:
                client.sendall(request)
                check_equal(lines.read(len(answer)), answer, f"answer to {request!r}")
            check_equal(lines.read(), b"", "behind the last answer")
    return said


def learn(lab, port, session, protocol, kind, opening="greets"):
    for _ in range(LEARNED):
        session()
    lab.wait_armed(port)
    if not lab.stand_in:
        application = lab.profile(port)["application"]
        check_equal(
            (application["protocol"], application["greeting"]["kind"]),
            (protocol, kind),
            "what was learned",
        )


def greeted_before_the_server(lab, service, port, count=5):
    """Clients that only listen: what they hear was said for the server, which they do not reach."""
    if lab.stand_in:
        return
    accepted = service.accepted
    for _ in range(count):
        with connect(lab, port) as client:
            check(client.recv(1000), "no greeting")
    check_equal(service.accepted, accepted, "connections that the server saw")


def wrong_clients_do_not_reach(lab, service, port):
    if lab.stand_in:
        return
    accepted = service.accepted
    check(refused(lab, port, GET), "GET was not refused")
    check_equal(service.accepted, accepted, "connections that the server saw")


def at_once(session, count=20):
    """`count` sessions at the same time; their greetings."""
    heard, faults = [], []

    def one():
        try:
            heard.append(session())
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    check(not faults, f"{len(faults)} of {count} failed, such as {faults[:1]}")
    check_equal(len(heard), count, "sessions")
    return heard


FTP_GREETING = (
    rb"220---------- Welcome to Pure-FTPd \[privsep\] \[TLS\] ----------\r\n"
    rb"220-You are user number \d+ of 50 allowed.\r\n"
    rb"220-Local time is now \d+:\d\d. Server port: 21.\r\n"
    rb"220 You will be disconnected after 15 minutes of inactivity.\r\n"
)
FTP_STEPS = ((b"USER a\r\n", b"331 password\r\n"), (b"QUIT\r\n", b"221 bye\r\n"))


def test_ftp_user_number_and_clock_in_many_lines():
    """As Pure-FTPd does: learned from one client after the other within a minute, so that nothing
    changed yet."""
    with Lab() as lab:
        lab.start(mode="normal")
        numbers, clock = Numbers(), ["9:58"]

        def speak(connection):
            with numbers as (_, now):
                connection.sendall(
                    b"220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n"
                    b"220-You are user number %d of 50 allowed.\r\n" % now
                )
                connection.sendall(
                    b"220-Local time is now %s. Server port: 21.\r\n" % clock[0].encode()
                )
                connection.sendall(
                    b"220 You will be disconnected after 15 minutes of inactivity.\r\n"
                )
                lines_of(
                    connection, {b"USER": b"331 password\r\n", b"QUIT": b"221 bye\r\n"}, b"QUIT"
                )

        def session():
            return dialogue(lab, 21, FTP_GREETING, FTP_STEPS)

        service = Service(lab, 21, speak)
        learn(lab, 21, session, "ftp", "stable")
        lab.set_mode("attack")
        clock[0] = "10:01"
        accepted = service.accepted
        heard = at_once(session, 30)
        wait_until(
            lambda: service.accepted == accepted + 30, 5, "each is one connection of the server's"
        )
        if not lab.stand_in:
            check(all(b"9:58" in greeting for greeting in heard), "said as last learned")
            check_equal(lab.stats()["greetings"]["unequal"], 0, "unequal greetings")
        greeted_before_the_server(lab, service, 21)
        wrong_clients_do_not_reach(lab, service, 21)


def smtp_service(lab, greet, pieces=False):
    numbers = Numbers()

    def speak(connection):
        with numbers as (number, _):
            said = greet(number)
            connection.sendall(said[:9] if pieces else said)
            if pieces:
                threading.Event().wait(0.02)
                connection.sendall(said[9:])
            lines_of(
                connection, {b"EHLO": b"250-here\r\n250 ok\r\n", b"QUIT": b"221 bye\r\n"}, b"QUIT"
            )

    return Service(lab, 25, speak), numbers


SMTP_STEPS = ((b"EHLO a\r\n", b"250-here\r\n250 ok\r\n"), (b"QUIT\r\n", b"221 bye\r\n"))


def smtp_in_attack_mode(lab, service, numbers, pattern):
    def session():
        return dialogue(lab, 25, pattern, SMTP_STEPS)

    learn(lab, 25, session, "smtp", "template")
    lab.set_mode("attack")
    for numbers.big in (0, 5000, 7000000):  # g' > g, by more and more
        at_once(session, 10)
    if not lab.stand_in:
        check_equal(lab.stats()["greetings"]["unequal"], 0, "unequal greetings")
    greeted_before_the_server(lab, service, 25)
    wrong_clients_do_not_reach(lab, service, 25)


def test_smtp_host_counter():
    with Lab() as lab:
        lab.start(mode="normal")
        service, numbers = smtp_service(
            lab, lambda number: b"220 mx%d.example.org ESMTP Postfix\r\n" % number
        )
        smtp_in_attack_mode(lab, service, numbers, rb"220 mx\d+.example.org ESMTP Postfix\r\n")


def test_smtp_date_in_pieces():
    """Its length is not known before its end is there; the first words of the date were the same
    for all that were learned."""
    with Lab() as lab:
        lab.start(mode="normal")
        service, numbers = smtp_service(
            lab,
            lambda number: b"220 mail ESMTP Exim 4.96 Sun, %d Nov 2026 22:%02d:%02d +0000\r\n"
            % (22 + number // 60, number // 60 % 60, number % 60),
            pieces=True,
        )
        smtp_in_attack_mode(
            lab,
            service,
            numbers,
            rb"220 mail ESMTP Exim 4.96 Sun, \d+ Nov 2026 22:\d\d:\d\d \+0000\r\n",
        )


def pop3_with_timestamps(lab):
    numbers = Numbers()

    def speak(connection):
        with numbers as (number, _):
            connection.sendall(b"+OK POP3 ready <%d.%d@host.example>\r\n" % (number, number * 7919))
            lines_of(connection, {b"USER": b"+OK\r\n", b"QUIT": b"+OK bye\r\n"}, b"QUIT")

    return Service(lab, 110, speak), numbers


def test_apop_is_left_out_where_the_operator_allows():
    with Lab() as lab:
        lab.start(mode="normal")
        service, numbers = pop3_with_timestamps(lab)

        def session():
            return dialogue(
                lab,
                110,
                rb"\+OK POP3 ready( <[\d.]+@host.example>)?\r\n",
                ((b"USER a\r\n", b"+OK\r\n"), (b"QUIT\r\n", b"+OK bye\r\n")),
            )

        learn(lab, 110, session, "pop3", "template")
        lab.set_mode("attack")
        check(
            all(b"<" in greeting for greeting in at_once(session, 10)),
            "by default the server greets by itself",
        )
        if lab.stand_in:
            return
        lab.cli("profiles", "set", f"{SERVER4}:110", "greeting=template")

        def said_for_it():
            with connect(lab, 110) as client:
                return client.recv(1000) == b"+OK POP3 ready\r\n"

        wait_until(said_for_it, 20, "greeted without a timestamp")
        numbers.big = 123456
        check_equal(set(at_once(session, 10)), {b"+OK POP3 ready\r\n"}, "greetings")
        greeted_before_the_server(lab, service, 110)
        wrong_clients_do_not_reach(lab, service, 110)
        lab.cli("profiles", "set", f"{SERVER4}:110", "greeting=exact")
        wait_until(lambda: b"<" in session(), 20, "the server greets by itself again")


BANNER = b"Authorised use only.\r\nSSH-2.0-dropbear_2022.83\r\n"


def test_ssh_with_lines_before_and_keys_behind():
    """Dropbear's KEXINIT stands in the same segment: it is the client's, once, and never said by
    us."""
    with Lab() as lab:
        lab.start(mode="normal")
        numbers = Numbers()

        def keys(number):
            return KEXINIT[:6] + b"%016d" % number + KEXINIT[22:]

        def speak(connection):
            with numbers as (number, _):
                connection.sendall(BANNER + keys(number))
                if connection.recv(1000).startswith(b"SSH-2.0-"):
                    connection.sendall(b"\x00\x00\x00\x0c\x0a\x1f" + b"%010d" % number)

        def session(waits=True):
            with connect(lab, 22) as client, client.makefile("rb") as words:
                if not waits:
                    client.sendall(b"SSH-2.0-PuTTY\r\n")
                check_equal(words.read(len(BANNER)), BANNER, "the greeting")
                if waits:
                    client.sendall(b"SSH-2.0-PuTTY\r\n")
                kexinit = words.read(len(KEXINIT))
                number = int(kexinit[6:22])
                check_equal(kexinit, keys(number), "the server's keys")
                check_equal(
                    words.read(),
                    b"\x00\x00\x00\x0c\x0a\x1f" + b"%010d" % number,
                    "the answer is of the same connection",
                )

        service = Service(lab, 22, speak)
        learn(lab, 22, session, "ssh", "stable")
        check_equal(
            lab.profile(22)["application"]["greeting"]["text"], BANNER.decode(), "the greeting"
        ) if not lab.stand_in else None
        lab.set_mode("attack")
        at_once(lambda: session() or True, 10)
        at_once(lambda: session(waits=False) or True, 10)
        greeted_before_the_server(lab, service, 22)
        wrong_clients_do_not_reach(lab, service, 22)


def test_telnet_that_says_text_first():
    with Lab() as lab:
        lab.start(mode="normal")

        def speak(connection):
            connection.sendall(b"Debian GNU/Linux 12\r\n")
            if connection.recv(1000).startswith(b"\xff"):
                connection.sendall(b"\xff\xfb\x03\xff\xfd\x18login: ")
                connection.recv(1000)

        def session(waits=True):
            with connect(lab, 23) as client:
                with client.makefile("rb") as words:
                    if not waits:
                        client.sendall(b"\xff\xfd\x03")
                    check_equal(words.read(21), b"Debian GNU/Linux 12\r\n", "the greeting")
                    if waits:
                        client.sendall(b"\xff\xfd\x03")
                    check_equal(words.read(13), b"\xff\xfb\x03\xff\xfd\x18login: ", "the answer")
            return True

        service = Service(lab, 23, speak)
        learn(lab, 23, session, "telnet", "stable")
        lab.set_mode("attack")
        at_once(session, 10)
        at_once(lambda: session(waits=False), 10)
        greeted_before_the_server(lab, service, 23)
        wrong_clients_do_not_reach(lab, service, 23)


def test_mysql_greets_by_itself():
    with Lab() as lab:
        lab.start(mode="normal")
        numbers = Numbers()
        login = b"\x22\x00\x00\x01\x85\xa6\xff\x01" + bytes(30)

        def speak(connection):
            with numbers as (number, _):
                connection.sendall(
                    b"\x36\x00\x00\x00\x0a8.0.36\0"
                    + b"%08d" % number
                    + bytes(10)
                    + b"%012d" % (number * 31)
                    + b"\0mysql_native_p\0"
                )
                if connection.recv(1000) == login:
                    connection.sendall(b"\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00")
                    connection.recv(1000)

        def session():
            with connect(lab, 3306) as client, client.makefile("rb") as words:
                greeting = words.read(58)
                client.sendall(login)
                check_equal(
                    words.read(11), b"\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00", "the answer"
                )
                return greeting

        Service(lab, 3306, speak)
        learn(lab, 3306, session, "mysql", "variable")
        lab.set_mode("attack")
        heard = at_once(session, 20)
        check_equal(len(set(heard)), 20, "different salts")


def test_pop2():
    """RFC 937: named for its successor, its requests known by their pattern."""
    with Lab() as lab:
        lab.start(mode="normal")
        users = itertools.cycle([b"fred", b"anneliese", b"jo"])

        def speak(connection):
            connection.sendall(b"+ POP2 host.example Server\r\n")
            lines_of(
                connection,
                {b"HELO": b"#3 messages in your mailbox\r\n", b"QUIT": b"+ bye\r\n"},
                b"QUIT",
            )

        def session():
            return dialogue(
                lab,
                109,
                rb"\+ POP2 host.example Server\r\n",
                (
                    (b"HELO %s secret\r\n" % next(users), b"#3 messages in your mailbox\r\n"),
                    (b"QUIT\r\n", b"+ bye\r\n"),
                ),
            )

        service = Service(lab, 109, speak)
        learn(lab, 109, session, "pop3", "stable")
        lab.set_mode("attack")
        at_once(session, 10)
        greeted_before_the_server(lab, service, 109)
        wrong_clients_do_not_reach(lab, service, 109)


def test_refusals_are_not_learned_and_disarm_nobody():
    with Lab() as lab:
        lab.start(mode="normal")
        full = [False]

        def speak(connection):
            if full[0]:
                connection.sendall(b"421 Too many connections\r\n")
                return
            connection.sendall(b"220 ftp.example.org ready\r\n")
            lines_of(connection, {b"USER": b"331 password\r\n", b"QUIT": b"221 bye\r\n"}, b"QUIT")

        def session():
            return dialogue(lab, 21, rb"220 ftp.example.org ready\r\n", FTP_STEPS)

        Service(lab, 21, speak)
        learn(lab, 21, session, "ftp", "stable")
        if lab.stand_in:
            return
        full[0] = True
        for _ in range(4):
            with connect(lab, 21) as client:
                check(client.recv(1000).startswith(b"421"), "a refusal passes in normal mode")
        lab.set_mode("attack")
        raw = RawClient(lab)
        for _ in range(4):
            connection = raw.connection(21)
            connection.handshake()
            check_equal(connection.line(), b"220 ftp.example.org ready\r\n", "the greeting")
            connection.send(b"USER a\r\n")
            connection.wait_reset()
        raw.close()
        full[0] = False
        profile = lab.profile(21)
        check_equal(
            (profile["evidence"]["armed"], profile["application"]["greeting"]["text"]),
            (True, "220 ftp.example.org ready\r\n"),
            "the profile",
        )
        at_once(session, 10)


runner.main(globals())
