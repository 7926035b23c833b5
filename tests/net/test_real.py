# SPDX-License-Identifier: GPL-2.0-or-later
"""nginx and dovecot behind synward: nobody who asks in the right way notices attack mode."""
import runner
from lab import Lab, check_equal, make_root


def in_both_modes(kind, port, start_server, learn_count, count):
    with Lab() as lab:
        lab.start(mode="normal")
        start_server(lab)
        lab.learn(kind, port, count=learn_count)
        normal = lab.fetch(kind, port, count=learn_count)
        opened = lab.server.counter("TcpPassiveOpens")
        lab.set_mode("attack")
        attack = lab.fetch(kind, port, count=count)
        check_equal(attack["failed"], 0, f"failures in attack mode ({attack})")
        check_equal(attack["ok"], count, "fetches")
        check_equal(
            (attack["distinct"], attack["digest"]),
            (normal["distinct"], normal["digest"]),
            "answers against normal mode",
        )
        check_equal(
            lab.server.counter("TcpPassiveOpens") - opened,
            count,
            "connections that the server accepted",
        )
        if not lab.stand_in:
            check_equal(
                lab.stats()["cookies"]["sent"] >= count, True, "each was answered by a cookie"
            )
        return f"p50 {attack['p50_us']} us against {normal['p50_us']} us, p99 {attack['p99_us']} us"


def test_nginx_1000_fetches():
    make_root()
    return in_both_modes("http", 80, Lab.nginx, 50, 1000)


def test_dovecot_1000_logins():
    make_root()
    return in_both_modes("pop3", 110, Lab.dovecot, 50, 1000)


def test_curl_sees_no_difference():
    make_root()
    with Lab() as lab:
        lab.start(mode="normal")
        lab.nginx()
        lab.dovecot()
        lab.learn("http", 80)
        lab.learn("pop3", 110)

        def ask():
            return [
                lab.in_root(
                    "curl", "-sS", "-i", "-H", "Connection: close", "--max-time", "30", url
                ).replace("\r", "")
                for url in (
                    "http://10.77.0.2/",
                    "http://[fd77::2]/",
                    "http://10.77.0.2/missing",
                    "pop3://test:secret@10.77.0.2/1",
                )
            ]

        def without_date(answers):
            return [
                "\n".join(line for line in a.split("\n") if not line.startswith("Date:"))
                for a in answers
            ]

        normal = without_date(ask())
        lab.set_mode("attack")
        check_equal(without_date(ask()), normal, "curl's answers")


runner.main(globals())
