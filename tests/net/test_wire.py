# SPDX-License-Identifier: GPL-2.0-or-later
"""Attack mode seen by a client made of frames: what the kernels of ordinary clients do not show."""
import signal

import runner
from lab import Lab, check, check_equal
from rawtcp import ACK, FIN, PSH, RST, SYN, RawClient

REQUEST = b"GET / HTTP/1.1\r\nHost: synward.example\r\n\r\n"


class AttackLab(Lab):
    """An HTTP server, learned, in attack mode; `raw` is the client."""

    def __enter__(self):
        self.start(mode="normal")
        self.web = self.http()
        self.learn("http", 80)
        self.set_mode("attack")
        self.raw = RawClient(self)
        return self


def answered(data):
    return data.endswith(b"server\n")


def test_syn_sent_again_gets_the_same_cookie():
    with AttackLab() as lab:
        connection = lab.raw.connection(80)
        connection.syn()
        first = connection.receive_synack()
        connection.syn()
        check_equal(connection.receive_synack().seq, first.seq, "the ISN")
        connection.segment(ACK)
        connection.send(REQUEST)
        connection.read(answered)
        connection.finish()


def test_request_on_the_last_segment_of_the_handshake():
    with AttackLab() as lab:
        connection = lab.raw.connection(80)
        connection.syn()
        connection.receive_synack()
        connection.send(REQUEST)
        connection.read(answered)
        connection.finish()


def test_request_and_fin_in_one_segment():
    with AttackLab() as lab:
        connection = lab.raw.connection(80)
        connection.handshake()
        connection.send(REQUEST, flags=ACK | PSH | FIN)
        connection.seq = (connection.seq + 1) & 0xFFFFFFFF
        data, ended = b"", False
        while not ended:
            segment = connection.receive(3)
            check(
                segment is not None and not segment.flags & RST,
                f"an answer and an end; so far {data!r}",
            )
            if segment.seq == connection.ack and (segment.data or segment.flags & FIN):
                data += segment.data
                ended = bool(segment.flags & FIN)
                connection.ack = (connection.ack + len(segment.data) + ended) & 0xFFFFFFFF
            connection.segment(ACK)
        check(answered(data), f"the answer: {data!r}")


def test_request_sent_twice_is_served_once():
    with AttackLab() as lab:
        before = lab.web.counts()["requests"]
        connection = lab.raw.connection(80)
        connection.handshake()
        connection.send(REQUEST, advance=False)
        connection.send(REQUEST)
        data = connection.read(answered)
        connection.finish()
        check_equal(data.count(b"HTTP/1.1 200"), 1, "answers")
        check_equal(lab.web.counts()["requests"] - before, 1, "requests that the server saw")


def test_silent_client_ends():
    """A client that says nothing and closes is told so, and no server hears of it."""
    with AttackLab() as lab:
        accepted = lab.web.accepted()
        connection = lab.raw.connection(80)
        connection.handshake()
        connection.segment(FIN | ACK)
        end = connection.receive(3, lambda s: bool(s.flags & FIN))
        check(end is not None, "no FIN came back")
        check_equal(end.ack, (connection.seq + 1) & 0xFFFFFFFF, "what it acknowledges")
        if not lab.stand_in:
            check_equal(lab.web.accepted(), accepted, "connections accepted")


def test_keepalive_is_answered():
    with AttackLab() as lab:
        connection = lab.raw.connection(80)
        connection.handshake()
        connection.segment(ACK, seq=(connection.seq - 1) & 0xFFFFFFFF)
        answer = connection.receive(3, lambda s: not s.flags & SYN)
        check(answer is not None and not answer.flags & RST, f"answer to a keepalive: {answer}")
        check_equal((answer.seq, answer.ack), (connection.ack, connection.seq), "its numbers")
        connection.send(REQUEST)
        connection.read(answered)
        connection.finish()


def test_same_port_again():
    """The client comes back with the port of a connection that has just ended, several times."""
    with AttackLab() as lab:
        for round_number in range(4):
            connection = lab.raw.connection(80)
            connection.sport = 40000
            connection.isn = (1_000_000 * (round_number + 1)) & 0xFFFFFFFF
            connection.seq = connection.isn + 1
            connection.ts_base = 1000 + 1_000_000 * round_number
            connection.handshake()
            connection.send(REQUEST)
            connection.read(answered)
            connection.finish()


def test_data_with_the_syn_is_not_acknowledged():
    with AttackLab() as lab:
        connection = lab.raw.connection(80)
        lab.raw.send_segment(
            connection.sport, 80, connection.isn, 0, SYN, 64240, connection.syn_options(), REQUEST
        )
        connection.receive_synack()  # fails unless it acknowledges the SYN alone
        connection.segment(ACK)
        connection.send(REQUEST)
        connection.read(answered)
        connection.finish()


def test_server_that_is_gone():
    """Nobody listens any more: the proved client is reset, at a number that it believes."""
    with AttackLab() as lab:
        lab.web.stop(signal.SIGTERM)
        connection = lab.raw.connection(80)
        if lab.stand_in:
            return "the SYN itself is refused"
        connection.handshake()
        connection.send(REQUEST)
        reset = connection.wait_reset(3)
        check_equal(reset.seq, connection.ack, "the number of the reset")


runner.main(globals())
