# SPDX-License-Identifier: GPL-2.0-or-later
"""Small services for tests of protocols: a server that speaks in threads, and clients that connect
or are refused."""
import contextlib
import socket
import threading

from lab import CLIENT4, CLIENT6, SERVER4


class Service:
    """A listening socket in the server's namespace, a thread for each connection; `accepted` counts
    them, `clients` says for each from which address. `receive_bytes` is its SO_RCVBUF."""

    def __init__(self, lab, port, speak, address=SERVER4, receive_bytes=None):
        self.speak, self.accepted, self.clients = speak, 0, []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with lab.server.inside():
            self.listening = socket.socket(family)
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if receive_bytes:
                self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            self.listening.bind((address, port))
            self.listening.listen(128)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, client = self.listening.accept()
                self.accepted += 1
                self.clients.append(client[0])
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            self.speak(connection)


def connect(lab, port, address=SERVER4, source=None, timeout=10, source_port=0):
    source = source or (CLIENT6 if ":" in address else CLIENT4)
    with lab.client.inside():
        return socket.create_connection(
            (address, port), timeout=timeout, source_address=(source, source_port)
        )


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
