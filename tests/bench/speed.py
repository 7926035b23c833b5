#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed of synward beside what else could stand there: the same work through each in turn, A B A B,
several rounds.

    speed.py [--quick] [--rounds N] [--works PART,PART] [--through NAME,NAME] [--out FILE] [--write]
    speed.py --from FILE [--write]         only tells (and writes) what a run before has found

What stands between the hosts: topology.py. What was found goes to build/bench/results.json, every
sample of it; tables to standard output and, with --write, to doc/performance.md with plots beside
it (speed_report.py). A work that fails is noted, what it failed on is built anew, and the rest goes
on; exit 1 if then something was not measured at all. Times never fail it."""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "net"))
import speed_report  # noqa: E402
import topology  # noqa: E402
from lab import BUILD, PROJECT, SYNWARD, Failure, run  # noqa: E402

RESULTS = os.path.join(BUILD, "bench", "results.json")
FLOOD_LEAD_S = 0.2  # a flood is under way for so long before anything is measured
FLOODS = {50: (1, 32, 256), 150: (1, 8, 32, 256), 300: (1, 32, 256)}
QUICK_WORKS = ("rr1", "conn1", "conn32", "flood150-8", "syn", "stream1")
QUICK_LIMIT_S = 75  # behind the first round nothing is begun after that


class Work:
    """One kind of load. `run` gets (topology, seconds) and returns what was measured, by name."""

    def __init__(self, name, seconds, run_it, also=(), through=topology.ALL):
        self.name, self.seconds, self.run = name, seconds, run_it
        self.through = [*through, *also]


BOTH_MODES = [*topology.PORTS_NORMAL, *topology.PORTS_ATTACK]


def request_response(connections):
    return Work(
        f"rr{connections}", 2, lambda lab, seconds: lab.wrk(connections, seconds), BOTH_MODES
    )


def connections(concurrency):
    return Work(
        f"conn{concurrency}",
        1.5,
        lambda lab, seconds: lab.load(concurrency, round(seconds * 1000)),
        [*BOTH_MODES, *topology.HOOKED],
    )


def under_flood(thousands, concurrency):
    def work(lab, seconds):
        flood = lab.flood_to_server(seconds + 5, rate=thousands * 1000)
        time.sleep(FLOOD_LEAD_S)
        try:
            result = lab.load(concurrency, round(seconds * 1000))
        finally:
            sent = flood.stop_report()
        return {**result, "flood_per_s": sent["sent"] * 1e6 / sent["took_us"]}

    return Work(
        f"flood{thousands}-{concurrency}", 1.5, work, [*topology.PORTS_ATTACK, *topology.HOOKED]
    )


def bare_flood(name, rate, ack):
    """What a flood alone costs the machine, its sender among it."""

    def work(lab, seconds):
        flood = lab.flood_to_server(seconds, rate=rate, ack=ack)
        sent = flood.report(timeout=seconds + 20)
        return {"sent": sent["sent"], "per_s": sent["sent"] * 1e6 / sent["took_us"]}

    through = [topology.KernelBridge, *topology.PORTS_ATTACK, topology.Sink]
    return Work(name, 2, work, through=through if ack else [*through, topology.NftSynproxy])


def full_speed():
    """SYN-ACKs that came out, with a sender that makes as many SYNs as it can."""

    def work(lab, seconds):
        flood = lab.flood_to_server(seconds + 5)
        time.sleep(FLOOD_LEAD_S)
        begin, before = time.monotonic(), lab.answered()
        time.sleep(seconds)
        answered, took = lab.answered() - before, time.monotonic() - begin
        sent = flood.stop_report()
        return {
            "per_s": answered / took,
            "sent": sent["sent"],
            "flood_per_s": sent["sent"] * 1e6 / sent["took_us"],
        }

    return Work("syn", 1.5, work, [topology.BareAnswer, *topology.PORTS_ATTACK, topology.Sink])


def streams(count):
    return Work(f"stream{count}", 2, lambda lab, seconds: lab.iperf(count, seconds), BOTH_MODES)


def memory():
    """What a daemon of its own holds when it follows so many connections, and when none."""
    lab = topology.SynwardNormal()
    try:
        lab.build()
        idle_kib = lab.worker_kib()
        lab.flood(
            topology.HTTP_PORT,
            count=speed_report.MEMORY_FLOWS + speed_report.MEMORY_FLOWS // 10,
            rate=speed_report.MEMORY_FLOWS,
        )
        return {"idle_kib": idle_kib, "flows": len(lab.flows()), "kib": lab.worker_kib()}
    finally:
        lab.close()


def all_works():
    """Floods come last, so that a round's other works find nothing of them in the hosts."""
    return (
        [request_response(n) for n in (1, 100)]
        + [connections(n) for n in (1, 32, 256)]
        + [streams(n) for n in (1, 8)]
        + [under_flood(rate, n) for rate, many in FLOODS.items() for n in many]
        + [full_speed()]
        + [bare_flood("syns300", 300_000, False), bare_flood("acks300", 300_000, True)]
    )


class Runner:
    """Keeps what was built from round to round; what something failed on is taken down, and built
    anew when it is needed."""

    def __init__(self, quick):
        self.quick, self.labs = quick, {}
        self.begin_s = time.monotonic()
        self.samples, self.errors, self.resident_kib = {}, [], {}

    def lab(self, kind):
        lab = self.labs.get(kind.name)
        if lab and lab.worker and not lab.worker.running():
            self.drop(kind)
            raise Failure(f"its process has ended: {lab.worker.name}")
        if kind.name not in self.labs:
            made = kind()
            self.labs[kind.name] = made
            made.build()
        return self.labs[kind.name]

    def drop(self, kind):
        lab = self.labs.pop(kind.name, None)
        return lab.close() if lab else None

    def measure(self, work, kind):
        lab = self.lab(kind)
        seconds = (
            work.seconds // 2 or 0.7 if self.quick else work.seconds
        )  # wrk and iperf3 take whole seconds
        cpu, frames, answered, begin = lab.cpu_s(), lab.frames(), lab.answered(), time.monotonic()
        machine_s = topology.machine_cpu_s()
        sample = work.run(lab, seconds)
        sample["machine_s"] = topology.machine_cpu_s() - machine_s
        sample["took_s"] = time.monotonic() - begin
        sample["frames"], sample["answered"] = lab.frames() - frames, lab.answered() - answered
        if cpu is not None:
            sample["cpu_s"] = lab.cpu_s() - cpu
            self.resident_kib[kind.name] = max(
                self.resident_kib.get(kind.name, 0), lab.worker_kib()
            )
        return sample

    def one(self, work, kind, number):
        """A sample, or None and a line among the errors."""
        try:
            return self.measure(work, kind)
        except (
            Failure,
            OSError,
            KeyError,
            ValueError,
            IndexError,
            subprocess.SubprocessError,
        ) as failure:
            fault = self.drop(kind)
            self.errors.append(
                {
                    "work": work.name,
                    "through": kind.name,
                    "round": number,
                    "error": str(fault or failure)[-400:],
                }
            )
            print(
                f"  {work.name} through {kind.title}: {fault or failure}",
                file=sys.stderr,
                flush=True,
            )
            return None

    def took_s(self):
        return round(time.monotonic() - self.begin_s)

    def round(self, number, rounds, works, through):
        for work in works:
            if self.quick and number > 1 and self.took_s() > QUICK_LIMIT_S:
                print(
                    f"round {number}: the rest is left out, as {QUICK_LIMIT_S} s are over",
                    file=sys.stderr,
                    flush=True,
                )
                return
            line = []
            for kind in work.through:
                if kind.name in through:
                    sample = self.one(work, kind, number)
                    self.samples.setdefault(work.name, {}).setdefault(kind.name, []).append(sample)
                    line.append(f"{kind.name} {speed_report.brief(work.name, sample)}")
            print(
                f"round {number}/{rounds} {work.name}: " + ", ".join(line),
                file=sys.stderr,
                flush=True,
            )

    def close(self):
        for name in list(self.labs):
            fault = self.labs.pop(name).close()
            if fault:
                self.errors.append({"work": "end", "through": name, "round": 0, "error": fault})


def machine():
    with open("/proc/cpuinfo") as cpus:
        model = re.search(r"model name\s*:\s*(.*)", cpus.read())
    return {
        "cores": os.cpu_count(),
        "model": model.group(1) if model else "unknown",
        "arch": platform.machine(),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def tool_versions():
    found = {}
    for name, argv in (
        ("wrk", ["wrk", "-v"]),
        ("iperf3", ["iperf3", "-v"]),
        ("nft", ["nft", "-v"]),
    ):
        done = run(*argv, ok=False)
        found[name] = ((done.stdout or done.stderr).splitlines() or ["unknown"])[0][:60]
    return found


def about(options, rounds):
    commit = run("git", "-C", PROJECT, "describe", "--always", "--dirty", ok=False).stdout.strip()
    return {
        "synward": {
            "version": run(SYNWARD, "--version", ok=False).stdout.strip() or "unknown",
            "schema": 1,
        },
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit or "unknown",
        "machine": machine(),
        "tools": tool_versions(),
        "quick": options.quick,
        "rounds": rounds,
        "titles": {kind.name: kind.title for kind in topology.EVERY},
    }


def chosen(text, names, what):
    """Those of `names` that begin with a part of `text`."""
    if not text:
        return names
    found = [name for name in names if any(name.startswith(part) for part in text.split(","))]
    if not found:
        sys.exit(f"speed.py: no {what} begins with {text}; there are {', '.join(names)}")
    return found


def save(result, path):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".new", "w") as out:
        json.dump(result, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)


def measure_all(options):
    works = all_works()
    wanted = chosen(
        options.works,
        [w.name for w in works if not options.quick or options.works or w.name in QUICK_WORKS],
        "work",
    )
    through = chosen(options.through, [kind.name for kind in topology.EVERY], "topology")
    rounds = options.rounds or (2 if options.quick else 5)
    result, runner = about(options, rounds), Runner(options.quick)
    try:
        for number in range(1, rounds + 1):
            runner.round(number, rounds, [work for work in works if work.name in wanted], through)
            result.update(
                samples=runner.samples,
                errors=runner.errors,
                resident_kib=runner.resident_kib,
                took_s=runner.took_s(),
            )
            save(result, options.out)  # what there is, after each round
    finally:
        runner.close()
    if "normal" in through and not options.works:
        result["memory"] = memory()
    save(result, options.out)
    return result


def missing(result):
    return [
        f"{work} through {name}"
        for work, by_name in result["samples"].items()
        for name, samples in by_name.items()
        if not any(samples)
    ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="2 rounds of a few works, under 90 s")
    parser.add_argument("--rounds", type=int, help="how many (5)")
    parser.add_argument(
        "--works",
        default="",
        help="only those whose names begin so: rr, conn, stream, flood, syn, syns, acks",
    )
    parser.add_argument(
        "--through",
        default="",
        help="only these: bridge, nft, tap, answer, normal, attack, hook, port, path, sink",
    )
    parser.add_argument("--out", default=RESULTS, help="the JSON of results")
    parser.add_argument("--from", dest="source", help="tell what is in this JSON")
    parser.add_argument("--write", action="store_true", help="into doc/performance.md too")
    options = parser.parse_args()
    if options.source:
        with open(options.source) as source:
            result = json.load(source)
    else:
        result = measure_all(options)
    print(speed_report.text(result))
    if options.write:
        speed_report.write(result, os.path.join(PROJECT, "doc"))
    if missing(result):
        sys.exit("speed.py: not measured: " + "; ".join(missing(result)))


if __name__ == "__main__":
    try:
        main()
    except Failure as error:
        sys.exit(f"speed.py: {error}")
