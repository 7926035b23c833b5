#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""instructions.py PROGRAM [--update] - instructions per frame of the pure engine, under callgrind,
against instructions.txt.

Prints a table, and ends with "N passed, N failed": a figure fails that is more than 5 % away from
its reference, above or below (then the reference is to be renewed with --update, and the change
explained where it is committed), or that is over a budget which its reference meets. A budget
(doc/performance.md) that was missed before is only marked: what is known of it is in
doc/performance.md.

What makes the figures the same on every machine:
  - they count instructions, not time, and only inside engine_bench.c's measured();
  - valgrind shows one and the same processor to the program, but for AVX2, which it has where the
    machine has it: glibc is told to choose its plain SSE2 functions (memcpy), and libsodium's
    SipHash has one form only;
  - addresses are bound at the start (LD_BIND_NOW), and the cache model has fixed sizes;
  - compiler and -O level decide them too: with another major version than the one in
    instructions.txt, or other flags than the Makefile's, figures are printed and not compared.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCES = os.path.join(HERE, "instructions.txt")
TOLERANCE = 0.05
FRAMES = 1000
LOOKUP_FRAMES = 4000
LOOKUPS = (1000, 100000, 1000000, 4000000)
CACHE = ["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64"]
PLAIN = "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX2_Usable,-AVX_Usable,-AVX512F,-AVX512VL,-ERMS,-FSRM"


def why(what, command, run):
    said = run.stderr.strip().splitlines()[-1:]
    return f"FAILED {what}: {' '.join(command)}: {said}\n0 passed, 1 failed"


def callgrind(program, kind, frames, flows=1000, options=()):
    """The totals of one run, divided by its frames: {event: figure per frame}."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        command = [
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            "--toggle-collect=measured",
            f"--callgrind-out-file={out}",
            *options,
            program,
            kind,
            str(frames),
            str(flows),
        ]
        environment = {"PATH": os.environ["PATH"], "LD_BIND_NOW": "1", "GLIBC_TUNABLES": PLAIN}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            sys.exit(why(kind, command, run))
        with open(out, encoding="ascii") as file:
            text = file.read()
    events = re.search(r"^events: (.*)", text, re.M).group(1).split()
    totals = re.search(r"^totals: (.*)", text, re.M).group(1).split()
    return {event: int(total) / frames for event, total in zip(events, totals)}


def checks(program):
    """{"check-ROW": instructions} of the dearest request of each row of check_bench.c."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            "--toggle-collect=measured",
            f"--callgrind-out-file={folder}/out",
            os.path.join(os.path.dirname(program), "check-bench"),
        ]
        environment = {"PATH": os.environ["PATH"], "LD_BIND_NOW": "1", "GLIBC_TUNABLES": PLAIN}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            sys.exit(why("checks", command, run))
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="ascii") as file:
                text = file.read()
            row = re.search(r"Client Request: (.*)", text)
            if row:
                total = int(re.search(r"^totals: (\d+)", text, re.M).group(1))
                figures["check-" + row.group(1)] = max(
                    total, figures.get("check-" + row.group(1), 0)
                )
    return figures


def measure(program):
    """{figure: instructions per frame} of every kind, and of forwarding among many flows; {flows:
    cache misses}."""
    kinds = [kind for kind in references()["figures"] if not kind.startswith(("lookup-", "check-"))]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        lookups = [
            pool.submit(callgrind, program, "forward", LOOKUP_FRAMES, flows, CACHE)
            for flows in reversed(LOOKUPS)
        ]
        runs = [pool.submit(callgrind, program, kind, FRAMES) for kind in kinds]
        figures = {kind: run.result()["Ir"] for kind, run in zip(kinds, runs)}
        misses = {}
        for flows, run in zip(reversed(LOOKUPS), lookups):
            figures[f"lookup-{flows}"] = run.result()["Ir"]
            misses[flows] = run.result()
    figures.update(checks(program))
    return figures, misses


def references():
    """{"compiler": ..., "figures": {name: (reference, budget or None)}} of instructions.txt, in its
    order."""
    known = {"compiler": "", "figures": {}}
    with open(REFERENCES, encoding="ascii") as file:
        for line in file:
            words = line.split("#")[0].split()
            if words[:1] == ["compiler"]:
                known["compiler"] = " ".join(words[1:])
            elif words:
                known["figures"][words[0]] = (
                    int(words[1]),
                    int(words[2]) if words[2] != "-" else None,
                )
    return known


def built_by(program):
    """Compiler, major version and optimisation that the engine was built with, as its debug
    information says."""
    text = subprocess.run(
        ["readelf", "--debug-dump=info", "--dwarf-depth=1", program],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    for producer in re.findall(r"DW_AT_producer.*: (.*)", text):
        if not re.search(r"-O\d", producer) and "clang" not in producer:
            continue
        name = "clang" if "clang" in producer else "gcc"
        version = re.search(r"(?:version |GNU C\d+ )(\d+)", producer)
        level = re.findall(r"(?<!\S)-O(\S)", producer)
        extra = "".join(" " + flag for flag in re.findall(r"-fsanitize=\S+|-flto\S*", producer))
        return (
            f"{name} {version.group(1) if version else '?'} -O{level[-1] if level else '?'}{extra}"
        )
    return "unknown"


def update(figures, compiler):
    lines = []
    with open(REFERENCES, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words and words[0] == "compiler":
                line = f"compiler {compiler}\n"
            elif words and words[0] in figures:
                line = f"{words[0]:<18} {round(figures[words[0]]):>6} {words[2]:>7}\n"
            lines.append(line)
    with open(REFERENCES, "w", encoding="ascii") as file:
        file.writelines(lines)


def verdict(figure, reference, budget):
    if budget and reference <= budget < figure:
        return "FAILED over a budget that was met"
    if figure > reference * (1 + TOLERANCE):
        return "FAILED more"
    if figure < reference * (1 - TOLERANCE):
        return "FAILED less: renew the reference (--update)"
    return "ok"


def missed(run, cache):
    """Reads and writes; callgrind leaves out totals of 0 at the end of the line."""
    return run.get(cache + "mr", 0) + run.get(cache + "mw", 0)


def main():
    program, compiler = sys.argv[1], built_by(sys.argv[1])
    known = references()
    figures, misses = measure(program)
    comparable = compiler == known["compiler"]
    failed = 0

    unlike = "" if comparable else f": not compared, references are of {known['compiler']}"
    print(f"instructions per frame ({compiler}){unlike}")
    print(f"{'figure':<18} {'now':>6} {'budget':>7} {'reference':>10}")
    for name, (reference, budget) in known["figures"].items():
        word = verdict(figures[name], reference, budget) if comparable else ""
        failed += word.startswith("FAILED")
        over = (
            f"  over budget by {figures[name] - budget:.0f}"
            if budget and figures[name] > budget
            else ""
        )
        print(f"{name:<18} {figures[name]:>6.0f} {budget or '-':>7} {reference:>10}  {word}{over}")
    print(
        "cache misses per forwarded frame among so many flows (D1 32 KiB, LL 8 MiB; "
        "the frame's own and the payload's are in L1)"
    )
    for flows in LOOKUPS:
        one = misses[flows]
        print(f"{flows:>9} flows: {missed(one, 'D1'):5.2f} of D1, {missed(one, 'DL'):5.2f} of LL")
    if "--update" in sys.argv:
        update(figures, compiler)
        failed = 0
    print(f"{len(known['figures']) - failed if comparable else 0} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
