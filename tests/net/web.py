# SPDX-License-Identifier: GPL-2.0-or-later
"""No test: `synward web` of a lab, in the client's namespace, and how it is asked.

    with web(lab) as page:
        page.state()                    what the page is made from
        page.get("/metrics")            (status, headers, body)
        with page.follow() as events:   each (kind, what was told), as it comes
"""
import contextlib
import http.client
import json
import socket
import urllib.parse

from lab import SYNWARD, Process, check, check_equal, wait_until


class Web:
    def __init__(self, lab, *options, control=None):
        self.lab = lab
        argv = [SYNWARD, "web", "--control", control or lab.control, *options]
        if "--listen" not in options:
            argv += ["--listen", "127.0.0.1:0"]
        with lab.client.inside():
            self.process = lab._keep(Process(argv, lab.log("web")))
        line = self.process.popen.stdout.readline().decode().strip()
        check(line, f"synward web did not start: {self.process.errors()}")
        self.url, _, self.token = line.partition("#")
        self.port = urllib.parse.urlsplit(self.url).port
        self.pid = self.process.pid

    def wait_state(self):
        wait_until(lambda: self.state()["status"], 20, "the daemon has told its state")

    def connect(self, timeout=20):
        with self.lab.client.inside():
            return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def request(self, path, headers=None, method="GET", body=None):
        """(status, headers, body) of one request, with the token if no other is given."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        client.sock = self.connect()
        try:
            client.putrequest(method, path, skip_host="Host" in (headers or {}))
            sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
            for name, value in sent.items():
                if value is not None:
                    client.putheader(name, value)
            client.endheaders(body)
            answer = client.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            client.close()

    def get(self, path, **headers):
        status, _, body = self.request(path, headers)
        check_equal(status, 200, f"{path}: {body[:200]}")
        return body

    def state(self):
        return json.loads(self.get("/state"))

    def server(self, name="10.77.0.2:80"):
        """As the state has it; None: it has not."""
        return next((s for s in self.state()["servers"] if s["name"] == name), None)

    def say(self, text, timeout=20):
        """What is answered to these bytes until the end of the connection."""
        with self.connect(timeout) as client:
            client.sendall(text)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while more := client.recv(65536):
                    answer += more
            return answer

    @contextlib.contextmanager
    def follow(self, last=None):
        """An iterator of (kind, data, number) over /events."""
        with self.connect(20) as client:
            last = "" if last is None else f"Last-Event-ID: {last}\r\n"
            client.sendall(
                f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n{last}"
                f"Authorization: Bearer {self.token}\r\n\r\n".encode()
            )
            answer = http.client.HTTPResponse(client)
            answer.begin()
            check_equal(answer.status, 200, "/events")
            yield _messages(answer)

    def stop(self):
        return self.process.stop()


def _messages(answer):
    fields = {}
    while line := answer.readline():
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], json.loads(fields["data"]), int(fields["id"])
            fields = {}


@contextlib.contextmanager
def web(lab, *options, **more):
    page = Web(lab, *options, **more)
    try:
        if "--token" not in options:
            page.wait_state()
        yield page
    finally:
        page.stop()
