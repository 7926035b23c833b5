# SPDX-License-Identifier: GPL-2.0-or-later
"""Votes survive a restart of the daemon, and a broken file of them harms nobody."""
import os
import signal

import runner
from lab import Lab, check, check_equal


def votes_of(lab):
    return sorted(name for name in os.listdir(lab.folder) if ".votes" in name)


def logged(lab, text):
    with open(lab.daemon.log, errors="replace") as log:
        return text in log.read()


def test_votes_outlive_the_daemon():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.persistent_cards()
        lab.start(mode="normal")
        lab.pop3()
        lab.learn("pop3", 110, count=12)
        lab.restart("normal", how=signal.SIGTERM)
        check_equal(votes_of(lab), ["profiles.json.votes"], "beside the store")
        path = os.path.join(lab.folder, "profiles.json.votes")
        check_equal(os.stat(path).st_mode & 0o7777, 0o600, "mode")
        check(not logged(lab, "voting begins anew"), "the votes were not read")
        with open(path, "wb") as votes:
            votes.write(b"synward votes 1\n")
        lab.restart("normal", how=signal.SIGKILL)
        check(logged(lab, "voting begins anew"), "nothing is said of the broken votes")
        check_equal(votes_of(lab), ["profiles.json.votes.bad"], "put aside")
        check(lab.profile(110)["evidence"]["armed"], "the profile stays armed")
        lab.set_mode("attack")
        check_equal(lab.fetch("pop3", 110, count=5)["failed"], 0, "clients in attack mode")


runner.main(globals())
