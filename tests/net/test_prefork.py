# SPDX-License-Identifier: GPL-2.0-or-later
"""A small server: ten processes, each of which serves one connection at a time, and a backlog of
five. A hundred slow clients of fifty networks hold it, with bodies that trickle, answers that are
not read, and connections in which nothing is asked any more; each is opened again when it is ended.
An honest client is served ten times of ten beside them (rule 2.6, capacity)."""
import os
import signal
import socket
import time

import runner
from lab import SERVER4, Lab, check, check_equal, wait_until
from test_slow import GET, POST, WEB, Holders, Right, web_speak

PROCESSES, BACKLOG = 10, 5
SLOW, NETWORKS, LEARNED, FETCHES = 100, 50, 12, 10
HONEST = "10.78.250.7"
FETCH_S = 10  # a person who waits longer is gone
PATIENT_S, NEWCOMER_S = 60, 5  # the half of all newcomers, also where the machine is busy
KINDS = {
    "bodies": (WEB, SLOW, POST % 100000, b"x", None),
    "readers": (WEB, SLOW, GET % b"/large", b"", 2048),
    "idle": (WEB, SLOW, GET % b"/", b"", None),
}


class Prefork:
    """Real processes that accept by turns."""

    def __init__(self, lab):
        with lab.server.inside():
            listening = socket.socket()
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((SERVER4, WEB))
            listening.listen(BACKLOG)
        self.children = [self._fork(listening) for _ in range(PROCESSES)]
        listening.close()

    @staticmethod
    def _fork(listening):
        child = os.fork()
        if child:
            return child
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        while True:
            connection, _ = listening.accept()
            try:
                with connection:
                    web_speak(connection)
            except OSError:
                pass

    def end(self):
        for child in self.children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def fetch(lab, source=HONEST, timeout_s=FETCH_S):
    """How long a page took."""
    begun = time.monotonic()
    Right(lab, source, timeout_s=timeout_s).page()
    return time.monotonic() - begun


def held(lab):
    return next(s for s in lab.cli("status")["servers"] if s["port"] == WEB)


def idle_ones(server):
    """Of its processes, those that wait for a connection."""
    return [child for child in server.children if "accept" in open(f"/proc/{child}/wchan").read()]


def beside(kinds, known=False, sources=(HONEST,) * FETCHES, patient=None):
    """Fetches by these, one after the other, and first by one who waits as long as it takes."""
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal")
        server = Prefork(lab)
        try:
            for i in range(LEARNED):
                Right(lab, f"10.78.{i % 4}.1").page()
            if known:
                fetch(lab)
            lab.wait_armed(WEB)
            lab.set_mode("attack")
            holders = Holders(lab, [KINDS[kind] for kind in kinds], NETWORKS, each=2)
            try:
                wait_until(lambda: held(lab)["held"] >= PROCESSES, 30, "it holds as many")
                if "bodies" in kinds:  # the backlog gives them out late
                    wait_until(lambda: not idle_ones(server), 30, "all processes are held")
                if patient:
                    fetch(lab, patient, PATIENT_S)
                took = [fetch(lab, source, PATIENT_S if patient else FETCH_S) for source in sources]
            finally:
                holders.end()
        finally:
            server.end()
        check_equal(len(took), FETCHES, "pages")
        check(held(lab)["ended"] > 0, "nobody was ended")
        if patient:
            check(sorted(took)[FETCHES // 2] < NEWCOMER_S, f"newcomers waited {took} s")
            return f"half of them within {sorted(took)[FETCHES // 2]:.1f} s, all {max(took):.1f} s"
        return f"10 of 10 within {max(took):.1f} s, {held(lab)['ended']} slow ones ended"


def test_bodies():
    return beside(["bodies"])


def test_readers():
    return beside(["readers"])


def test_idle_ones_beside_a_known_client():
    """An idle one is known as such after 4 s only (doc/limits.md)."""
    return beside(["idle"], known=True)


def test_idle_ones_beside_newcomers():
    """Each comes for the first time, of a network of his own. Who was idle comes again at once
    where he was ended, and waits behind him (rule 2.6, idled). Whoever comes before the server is
    known to be full stands behind all that it has taken on by then."""
    return beside(
        ["idle"], sources=[f"10.78.{200 + i}.7" for i in range(FETCHES)], patient="10.78.199.7"
    )


def test_all_three_beside_a_known_client():
    return beside(["bodies", "readers", "idle"], known=True)


if __name__ == "__main__":
    runner.main(globals())
