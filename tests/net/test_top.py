# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward top` in a terminal (tmux): an attack shows, keys do what they say, and --once prints a
frame for scripts."""
import runner
from lab import SYNWARD, Lab, check, check_equal, in_time, load, run
from terminal import terminal


def watched_lab(lab):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode="auto")
    lab.http()
    lab.learn("http", 80)


def test_an_attack_shows_in_both_sizes():
    with Lab() as lab:
        watched_lab(lab)
        with terminal(lab, 80, 24) as small, terminal(lab, 200, 60) as large:
            small.expect("10.77.0.2:80", "normal")
            large.expect("10.77.0.2:80", "normal")
            lab.flood(80, count=20000)
            small.expect("10.77.0.2:80", "attack", "half-open")
            large.expect("10.77.0.2:80", "attack", "half-open")
            check(any("▁" <= c <= "█" for c in "".join(large.screen())), "SYNs are drawn")


def test_keys_show_one_server_its_sources_and_set_its_mode():
    with Lab() as lab:
        watched_lab(lab)
        with terminal(lab, 80, 24) as shown:
            shown.expect("10.77.0.2:80", "normal")
            shown.press("Enter")
            shown.expect("admitted 0")
            shown.press("o")
            shown.expect("no sources are put aside")
            shown.press("Escape")
            shown.expect("SERVER", "CAUSE")
            shown.press("s")
            shown.expect("sorted by refused")
            shown.press("m")
            shown.expect("t attack")
            shown.press("t")
            shown.expect("10.77.0.2:80", "attack")
            check_equal(lab.cli("status")["servers"][0]["setting"], "attack", "what was set")
            shown.press("q")
            shown.expect("ended 0")


def test_a_thousand_servers_cost_less_than_a_hundredth_of_a_core():
    with Lab() as lab:
        watched_lab(lab)
        listeners = lab.thousand_servers()
        (alone,) = load([lab.daemon.pid])
        with terminal(lab, 200, 60) as shown:
            shown.expect("10.77.0.2:3", "normal")
            costs = []

            def measured():
                costs[:] = load([shown.pid(), lab.daemon.pid])
                return costs[0] + max(0, costs[1] - alone)

            in_time(0.01, measured, "a second of top")
        for listener in listeners:
            listener.close()
        return (
            f"top {costs[0] * 100:.2f} % of a core, daemon {costs[1] * 100:.2f} %,"
            f" {alone * 100:.2f} % without it"
        )


def test_once_prints_a_frame():
    with Lab() as lab:
        watched_lab(lab)
        lines = lab.cli_text("top", "--once").splitlines()
        check(lines[0].startswith("synward "), lines[0])
        check(any("10.77.0.2:80" in line and "normal" in line for line in lines), str(lines))
        check(all(len(line) <= 80 for line in lines), "80 columns")


def test_ctrl_c_is_no_failure():
    with Lab() as lab:
        watched_lab(lab)
        with terminal(lab, 80, 24) as shown:
            shown.expect("10.77.0.2:80", "normal")
            shown.press("C-c")
            shown.expect("ended 0")


def test_a_terminal_that_cannot_move_its_cursor():
    with Lab() as lab:
        watched_lab(lab)
        command = f"{SYNWARD} top --control {lab.control}"
        done = run("env", "TERM=dumb", "script", "-qec", command, "/dev/null", ok=False)
        check_equal(done.returncode, 1, f"exit code ({done.stdout})")
        check("--once" in done.stdout.splitlines()[-1], f"what it says: {done.stdout!r}")


runner.main(globals())
