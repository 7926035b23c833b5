# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward rehearse`: in calm it names what attack mode would refuse, and refuses nothing."""
import json
import socket

import runner
from lab import SERVER4, SYNWARD, Lab, check, check_equal, run, wait_until


def say(lab, text):
    """A client of its own kind; what the server answers, until it closes."""
    with lab.client.inside():
        client = socket.create_connection((SERVER4, 80), timeout=10)
    with client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while more := client.recv(4096):
            answer += more
    return answer


def rehearsed(lab, *options):
    servers = lab.cli("rehearse", *options)["rehearsal"]
    return {(s["server"], s["port"]): s for s in servers}


def reasons(server):
    return {reason["reason"]: reason for reason in server["reasons"]}


def right_ones(lab):
    """One more request, and how many were found right by now."""
    check_equal(lab.fetch("http", 80)["failed"], 0, "a right request")
    why = reasons(rehearsed(lab)[(SERVER4, 80)])
    return why["right"]["requests"] if "right" in why else 0


def test_names_what_would_be_refused_and_refuses_nothing():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start(mode="normal")
        lab.http()
        lab.learn("http", 80)
        wait_until(lambda: right_ones(lab) > 0, 30, "what was learned is in force")
        before = rehearsed(lab)[(SERVER4, 80)]
        check_equal(before["refused"], 0, "refused while it was learned")
        check_equal(lab.fetch("http", 80, count=5)["failed"], 0, "right requests")
        say(lab, b"PURGE / HTTP/1.1\r\nHost: a\r\n\r\n")  # a method that we do not know is HTTP
        say(lab, b"SSH-2.0-\x1b[2Jstranger\r\n")
        say(lab, b"\x00\x01\x02\x03\x04\x05\x06\x07")

        def all_judged():
            now = rehearsed(lab)[(SERVER4, 80)]
            return (
                now if now["requests"] >= before["requests"] + 8 and now["refused"] >= 2 else None
            )

        server = wait_until(all_judged, 30, "all are judged")
        why = reasons(server)
        check_equal(server["refused"], 2, f"{server}")
        check_equal(why["other_protocol"]["looks_like"], "ssh", f"{why}")
        check_equal(
            bytes.fromhex(why["other_protocol"]["example"]), b"SSH-2.0-\x1b[2Jstranger\r\n", "bytes"
        )
        check(why["right"]["requests"] >= 6, f"{why}")
        check_equal(lab.stats()["requests"]["mismatched"], 0, "refused in fact")
        told = lab.cli_text("rehearse", f"{SERVER4}:80", "--for", "10m")
        check("2 would be refused" in told and "\x1b" not in told, told)
        check("SSH-2.0-.[2Jstranger" in told, told)
        check_equal(rehearsed(lab, "192.0.2.9:80"), {}, "another server")


def test_bad_words():
    for words, fragment in (
        (("--for", "never"), "--for never"),
        (("--for", "0"), "--for 0"),
        (("--store", "x"), "goes with --pcap only"),
        (("--pcap", "x", "--for", "9"), "leave out --for"),
    ):
        done = run(SYNWARD, "rehearse", *words, ok=False)
        check_equal((done.returncode, done.stdout), (2, ""), f"{words}")
        check(fragment in done.stderr, done.stderr)
    done = run(SYNWARD, "rehearse", "--pcap", "/dev/null", "--store", "/nonexistent.json", ok=False)
    check_equal(done.returncode, 3, f"no profiles: {done}")
    check("learn them first" in done.stderr, json.dumps(done.stderr))


if __name__ == "__main__":
    runner.main(globals())
