# SPDX-License-Identifier: GPL-2.0-or-later
"""Small services for tests of protocols: a server that speaks in threads, and clients that connect
or are refused."""
import contextlib
import socket
import threading

from lab import CLIENT4, SERVER4


class Service:
    """A listening socket in the server's namespace, a thread for each connection; `accepted` counts
    them."""

    def __init__(self, lab, port, speak):
        self.speak, self.accepted = speak, 0
        with lab.server.inside():
            self.listening = socket.create_server((SERVER4, port))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            self.speak(connection)


def connect(lab, port):
    with lab.client.inside():
        return socket.create_connection((SERVER4, port), timeout=10, source_address=(CLIENT4, 0))


def refused(lab, port, data):
    """A client that says `data` at once is reset."""
    with connect(lab, port) as client:
        try:
            client.sendall(data)
            while client.recv(1000):
                pass
        except ConnectionResetError:
            return True
    return False
