# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run of speed.py came to: tables in Markdown, budgets met and missed, plots in SVG.

A figure is the median of the rounds, with the least and the greatest. A ratio is the median of the
ratios of each round: both figures of a ratio were measured one after the other, so that what else
the machine did, it did to both."""
import os
import statistics

import svg

BEGIN, END = "<!-- made by `make bench WRITE=1` -->\n", "<!-- end -->\n"
COLUMNS = ["bridge", "nft", "tap", "normal", "attack"]
RATE, P50, P99, STREAM = "per_s", "p50_us", "p99_us", "gbit_s"
HOOK_COLUMNS = ["bridge", "attack", "hook", "path-attack", "hook-path"]
HOOK_RATIOS = [("hook", "bridge"), ("hook-path", "bridge")]
PATH_COLUMNS = ["bridge", "port-normal", "path-normal", "port-attack", "path-attack"]
UNITS = {RATE: "/s", P50: " us", P99: " us", STREAM: " Gb/s"}

MODES = {"path-attack": "kernel path", "hook-path": "kernel path and hook"}
# (what, work, metric, in which mode, compared with, what the ratio must be, no failures or stalls)
BUDGETS = [
    ("SYNs answered at full speed", "syn", RATE, "attack", "answer", ">=", 0.9, False),
    ("the same, beside nft synproxy (an aim)", "syn", RATE, "attack", "nft", ">=", 2.0, False),
    ("connections, 32 at once", "conn32", RATE, "attack", "bridge", ">=", 1.0, False),
    ("connections, 1 at a time, p50", "conn1", P50, "attack", "bridge", "<=", 2.0, True),
    (
        "connections, 8 at once, 150,000 SYN/s",
        "flood150-8",
        RATE,
        "attack",
        "bridge",
        ">=",
        1.0,
        True,
    ),
    ("SYNs answered, kernel path", "syn", RATE, "path-attack", "nft", ">=", 2.8, False),
    *(
        (f"connections, {what}", work, RATE, mode, "bridge", ">=", 1.2, True)
        for mode in ("path-attack", "hook-path")
        for work, what in (
            ("flood150-8", f"8 at once, 150,000 SYN/s, {MODES[mode]}"),
            ("flood300-32", f"32 at once, 300,000 SYN/s, {MODES[mode]}"),
        )
    ),
    ("one TCP stream, normal mode", "stream1", STREAM, "normal", "tap", ">=", 0.97, False),
    ("one TCP stream, attack mode", "stream1", STREAM, "attack", "tap", ">=", 0.97, False),
    ("request-response p50, normal mode", "rr1", P50, "normal", "bridge", "<=", 1.1, False),
    ("request-response p50, attack mode", "rr1", P50, "attack", "bridge", "<=", 1.1, False),
]
# CPU time of the whole machine for one, beyond what it costs where nobody takes it: (what, work, of
# which part of what it is through another; None: microseconds, at most so many)
BEYOND = [
    ("CPU for one SYN answered at full speed, kernel path", "syn", "nft", 0.25),
    ("CPU for one of 300,000 SYN/s, kernel path", "syns300", "nft", 0.25),
    ("CPU for one acknowledgment of nothing, kernel path", "acks300", None, 1.0),
]
FLOODS_ALONE = {
    "syn": "SYNs answered at full speed",
    "syns300": "300,000 SYN/s",
    "acks300": "300,000 acknowledgments of nothing a second",
}
RESIDENT_MIB, MEMORY_FLOWS = 64, 100_000
PATH_RATIOS = [
    ("path-normal", "bridge"),
    ("path-attack", "bridge"),
    ("path-normal", "port-normal"),
    ("path-attack", "port-attack"),
]


def metric_of(work):
    if work.startswith("rr"):
        return P50
    return STREAM if work.startswith("stream") else RATE


def title_of(work):
    """In words: flood150-8 is "8 at once, 150,000 SYN/s"."""
    if work.startswith("rr"):
        many = int(work[2:])
        return f"request-response, {many} connection{'s' if many > 1 else ''}"
    if work.startswith("stream"):
        return "one TCP stream" if work == "stream1" else f"{work[6:]} TCP streams"
    if work.startswith("flood"):
        rate, many = work[5:].split("-")
        return f"connections, {many} at once, {rate},000 SYN/s"
    return FLOODS_ALONE.get(work) or f"connections, {work[4:]} at once"


def values(result, work, name, metric):
    """By round; None where it was not measured, or nothing was done whose time could be told."""
    found = []
    for sample in result["samples"].get(work, {}).get(name, []):
        value = sample.get(metric) if sample else None
        found.append(value if value or metric in (RATE, STREAM) else None)
    return found


def spread(numbers):
    """(median, least, greatest), or None."""
    numbers = [n for n in numbers if n is not None]
    return (statistics.median(numbers), min(numbers), max(numbers)) if numbers else None


def ratios(result, work, metric, name, other):
    pairs = zip(values(result, work, name, metric), values(result, work, other, metric))
    return [one / two for one, two in pairs if one is not None and two]


def troubles(result, work, name):
    """(failures, stalls) of all rounds."""
    samples = [s for s in result["samples"].get(work, {}).get(name, []) if s]
    return sum(s.get("failed", 0) for s in samples), sum(s.get("stalls", 0) for s in samples)


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def with_spread(found, unit=""):
    return f"{number(found[0])}{unit} ({number(found[1])} - {number(found[2])})" if found else "-"


def brief(work, sample):
    """A sample in a word, for the lines that tell how far a run is."""
    if not sample:
        return "-"
    metric = metric_of(work)
    trouble = sample.get("failed", 0) + sample.get("stalls", 0)
    return f"{number(sample[metric])}{UNITS[metric]}" + (
        f" ({trouble} failed or stalled)" if trouble else ""
    )


def table(rows):
    return "\n".join(
        ["| " + " | ".join(row) + " |" for row in rows[:1]]
        + ["|" + "---|" * len(rows[0])]
        + ["| " + " | ".join(row) + " |" for row in rows[1:]]
    )


def absolute_table(result):
    rows = [["work", *(result["titles"][name] for name in COLUMNS)]]
    for work in result["samples"]:
        metrics = {P50: [P50, P99], RATE: [RATE] if work in FLOODS_ALONE else [RATE, P50]}.get(
            metric_of(work), [STREAM]
        )
        for metric in metrics:
            what = {P50: ", p50", P99: ", p99"}.get(metric, "")
            rows.append(
                [title_of(work) + what]
                + [
                    with_spread(spread(values(result, work, name, metric)), UNITS[metric])
                    for name in COLUMNS
                ]
            )
        if work.startswith(("conn", "flood")):
            rows.append(
                ["... failed, stalled"]
                + [", ".join(map(str, troubles(result, work, name))) for name in COLUMNS]
            )
    answer = spread(values(result, "syn", "answer", RATE))
    return table(rows) + (
        f"\n\nA bare TAP that answers every SYN itself: {with_spread(answer, '/s')}."
        if answer
        else ""
    )


def ratio_table(result):
    """synward beside each of the others, in the metric that the work is about."""
    rows = [
        [
            "work",
            "metric",
            *(
                f"{mode} / {other}"
                for mode in ("normal", "attack")
                for other in ("bridge", "tap", "nft")
            ),
        ]
    ]
    for work in result["samples"]:
        metric = metric_of(work)
        cells = []
        for mode in ("normal", "attack"):
            for other in (
                "bridge",
                "answer" if work == "syn" and mode == "attack" else "tap",
                "nft",
            ):
                found = spread(ratios(result, work, metric, mode, other))
                cells.append(f"{found[0]:.2f}" if found else "-")
        rows.append(
            [title_of(work), {RATE: "per second", P50: "p50", STREAM: "Gb/s"}[metric], *cells]
        )
    return table(rows)


def beyond(result, work, name):
    """By round; None where one of both was not measured."""
    through, alone = (machine_each(result, work, n) for n in (name, "sink"))
    return [None if a is None or b is None else a - b for a, b in zip(through, alone)]


def beyond_lines(result):
    lines = []
    for what, work, other, wanted in BEYOND:
        found = beyond(result, work, "path-attack")
        if other:
            pairs = zip(found, beyond(result, work, other))
            found = [a / b for a, b in pairs if a is not None and b]
        found = spread(found)
        unit, whose = ("", f"of {result['titles'].get(other)}") if other else (" us", "")
        verdict = "not measured" if not found else "met" if found[0] <= wanted else "**missed**"
        lines.append(
            (
                what + ", beyond the sender's own",
                with_spread(found, unit),
                f"<= {wanted}{unit} {whose}".rstrip(),
                verdict,
            )
        )
    return lines


def budget_lines(result):
    """[(what, ratio with spread, wanted, verdict)]"""
    lines = beyond_lines(result)
    for what, work, metric, mode, other, sign, wanted, calm in BUDGETS:
        found = spread(ratios(result, work, metric, mode, other))
        if not found:
            verdict = "**missed**" if any(troubles(result, work, mode)) else "not measured"
            lines.append((what, "-", f"{sign} {wanted} of {result['titles'][other]}", verdict))
            continue
        met = found[0] >= wanted if sign == ">=" else found[0] <= wanted
        failed, stalled = troubles(result, work, mode) if calm else (0, 0)
        trouble = f", {failed} failed, {stalled} stalled" if calm else ""
        lines.append(
            (
                what,
                f"{found[0]:.2f} ({found[1]:.2f} - {found[2]:.2f}){trouble}",
                f"{sign} {wanted} of {result['titles'][other]}"
                + (", no failure, no stall" if calm else ""),
                "met" if met and not failed + stalled else "**missed**",
            )
        )
    memory = result.get("memory")
    if memory:
        mib = memory["kib"] / 1024
        lines.append(
            (
                f"resident memory with {memory['flows']:,} flows",
                f"{mib:.0f} MiB ({memory['idle_kib'] / 1024:.0f} idle)",
                f"<= {RESIDENT_MIB} MiB with {MEMORY_FLOWS:,}",
                "met" if mib <= RESIDENT_MIB and memory["flows"] >= MEMORY_FLOWS else "**missed**",
            )
        )
    return lines


def budget_table(result):
    return table([["budget", "measured", "wanted", ""], *map(list, budget_lines(result))])


def per_unit(result, work, name, unit, scale):
    """CPU seconds of the process for so many of what it did."""
    samples = [s for s in result["samples"].get(work, {}).get(name, []) if s and "cpu_s" in s]
    return spread([s["cpu_s"] / s[unit] * scale for s in samples if s.get(unit)])


def cost_table(result):
    rows = [
        [
            "CPU seconds of the process",
            "for a million SYNs answered",
            "for a million frames forwarded",
            "for a gigabyte in one stream",
            "resident memory, tables filled by floods",
        ]
    ]
    for name in ("tap", "answer", "normal", "attack"):
        syn = per_unit(result, "syn", name, "answered", 1e6)
        frames = (
            None
            if name == "answer"
            else per_unit(
                result, "rr100" if "rr100" in result["samples"] else "rr1", name, "frames", 1e6
            )
        )
        stream = None if name == "answer" else per_unit(result, "stream1", name, "gigabytes", 1)
        kib = result["resident_kib"].get(name)
        rows.append(
            [
                result["titles"][name],
                with_spread(syn),
                with_spread(frames),
                with_spread(stream),
                f"{kib / 1024:.0f} MiB" if kib else "-",
            ]
        )
    return table(rows)


def path_table(result):
    """With the kernel path and without, between the same ports."""
    rows = [
        [
            "kernel path",
            "metric",
            *(result["titles"][name] for name in PATH_COLUMNS),
            *(f"{one} / {two}" for one, two in PATH_RATIOS),
        ]
    ]
    for work, by_name in result["samples"].items():
        if not any(name.startswith("path") for name in by_name):
            continue
        metric = metric_of(work)
        pairs = [spread(ratios(result, work, metric, *pair)) for pair in PATH_RATIOS]
        rows.append(
            [title_of(work), {RATE: "per second", P50: "p50", STREAM: "Gb/s"}[metric]]
            + [with_spread(spread(values(result, work, name, metric))) for name in PATH_COLUMNS]
            + [f"{found[0]:.2f}" if found else "-" for found in pairs]
        )
    return table(rows) if len(rows) > 1 else ""


def machine_unit(work):
    """(what one is called, how many there were of it in a sample)"""
    if work.startswith("stream"):
        return "gigabyte", lambda sample: sample["gigabytes"] * 1e6
    if work in ("syns300", "acks300"):
        return "frame sent", lambda sample: sample["sent"]
    if work == "syn":
        return "SYN answered", lambda sample: sample["answered"] or sample.get("sent")
    if work.startswith("rr"):
        return "request", lambda sample: sample["done"]
    return "connection", lambda sample: sample["per_s"] * sample["took_us"] / 1e6


def machine_each(result, work, name):
    """Microseconds of the whole machine for one, by round; of a gigabyte: seconds."""
    _, count = machine_unit(work)
    samples = result["samples"].get(work, {}).get(name, [])
    return [s["machine_s"] * 1e6 / count(s) if s and count(s) else None for s in samples]


def machine_us(result, work, name):
    return spread(machine_each(result, work, name))


def machine_table(result):
    """Whoever works for it: both hosts, the kernel, who sends a flood."""
    columns = [*PATH_COLUMNS, "nft", "sink"]
    rows = [["CPU of the whole machine for one", *(result["titles"][name] for name in columns)]]
    for work, by_name in result["samples"].items():
        if not any(name.startswith("path") for name in by_name):
            continue
        unit = " s" if work.startswith("stream") else " us"
        rows.append(
            [f"{machine_unit(work)[0]} ({title_of(work)})"]
            + [with_spread(machine_us(result, work, name), unit) for name in columns]
        )
    return table(rows) if len(rows) > 1 else ""


def hook_table(result):
    """Connections, joined by a splice and made by the server's own TCP."""
    columns = [name for name in HOOK_COLUMNS if name in result["titles"]]
    rows = [
        [
            "the hook",
            "metric",
            *(result["titles"][name] for name in columns),
            *(f"{one} / {two}" for one, two in HOOK_RATIOS),
        ]
    ]
    for work, by_name in result["samples"].items():
        if not any(name.startswith("hook") for name in by_name):
            continue
        metric = metric_of(work)
        pairs = [spread(ratios(result, work, metric, *pair)) for pair in HOOK_RATIOS]
        rows.append(
            [title_of(work), {RATE: "per second", P50: "p50", STREAM: "Gb/s"}[metric]]
            + [with_spread(spread(values(result, work, name, metric))) for name in columns]
            + [f"{found[0]:.2f}" if found else "-" for found in pairs]
        )
        rows.append(
            ["", "CPU of the whole machine for one"]
            + [with_spread(machine_us(result, work, name), " us") for name in columns]
            + [""] * len(pairs)
        )
        rows.append(
            ["", "failed, stalled"]
            + [", ".join(map(str, troubles(result, work, name))) for name in columns]
            + [""] * len(pairs)
        )
    return table(rows) if len(rows) > 1 else ""


def floods_reached(result):
    """Where the sender could not keep to a flood's rate, because what it sends to runs on its own
    time."""
    rows = [["flood, SYN/s", *(result["titles"][name] for name in COLUMNS)]]
    for rate in ("50", "150", "300"):
        cells = []
        for name in COLUMNS:
            found = [
                s["flood_per_s"]
                for work, by_name in result["samples"].items()
                if work.startswith(f"flood{rate}-")
                for s in by_name.get(name, [])
                if s
            ]
            cells.append(with_spread(spread(found)))
        if any(cell != "-" for cell in cells):
            rows.append([f"{rate},000", *cells])
    return table(rows) if len(rows) > 1 else ""


def head(result):
    machine = result["machine"]
    return (
        f"Measured {result['date'][:10]} at {result['commit']} on {machine['cores']} cores "
        f"({machine['model']}, {machine['arch']}), Linux {machine['kernel']}, "
        f"load before the start {machine['load_before']}: "
        f"{result['rounds']} rounds in {result['took_s']} s. "
        "Median (least - greatest); times and rates are this machine's."
    )


def text(result):
    parts = [
        head(result),
        "Budgets, as ratios of one run:",
        budget_table(result),
        "synward beside the others, ratios:",
        ratio_table(result),
        "All figures:",
        absolute_table(result),
        cost_table(result),
        path_table(result),
        hook_table(result),
        machine_table(result),
        floods_reached(result),
    ]
    if result["errors"]:
        parts.append(
            f"{len(result['errors'])} samples failed: "
            + "; ".join(
                f"{e['work']} through {e['through']}, round {e['round']}: {e['error']}"
                for e in result["errors"][:5]
            )
        )
    return "\n\n".join(part for part in parts if part)


def plot(result, title, works):
    """Ratios to the kernel bridge, a row for each (work, metric)."""
    rows = []
    for work, metric in works:
        marks = {
            name: spread(ratios(result, work, metric, name, "bridge"))
            for name in COLUMNS[1:] + ["answer"]
        }
        if any(marks.values()):
            rows.append((title_of(work) + (", p99" if metric == P99 else ""), marks))
    return svg.dots(
        title, rows, {name: result["titles"][name] for name in COLUMNS[1:] + ["answer"]}
    )


def plots(result):
    samples = result["samples"]
    rates = [(work, metric_of(work)) for work in samples if metric_of(work) != P50]
    times = [
        (work, metric)
        for work in samples
        for metric in (P50, P99)
        if work.startswith(("rr", "conn"))
    ]
    return {
        "performance-rates.svg": plot(
            result, "Work done per second, kernel bridge = 1 (to the right is faster)", rates
        ),
        "performance-times.svg": plot(
            result, "Time taken (p50, p99), kernel bridge = 1 (to the left is faster)", times
        ),
    }


def write(result, folder):
    path = os.path.join(folder, "performance.md")
    with open(path) as old:
        before, rest = old.read().split(BEGIN)
    drawn = plots(result)
    for name, drawing in drawn.items():
        with open(os.path.join(folder, name), "w") as out:
            out.write(drawing)
    images = "\n\n".join(f"![{name}]({name})" for name in drawn)
    with open(path, "w") as new:
        new.write(
            before + BEGIN + text(result) + "\n\n" + images + "\n" + END + rest.split(END, 1)[1]
        )
