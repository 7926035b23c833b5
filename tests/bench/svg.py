# SPDX-License-Identifier: GPL-2.0-or-later
"""A dot plot as SVG: rows of ratios on a logarithmic axis, a dot for the median and a line from the
least to the greatest."""
import math
from xml.sax.saxutils import escape

COLOURS = ["#8c6d31", "#7f7f7f", "#1f77b4", "#d62728", "#bcbd22"]
LABEL_WIDTH, PLOT_WIDTH, ROW_HEIGHT, TOP, MARGIN = 300, 560, 30, 64, 20
LEAST, GREATEST = 1 / 64, 64  # beyond these a mark stands at the edge


def _ticks(rows):
    """Powers of two that hold every mark."""
    marks = [
        value
        for _, by_name in rows
        for found in by_name.values()
        if found
        for value in found
        if value > 0
    ]
    low = max(LEAST, min([*marks, 0.5]))
    high = min(GREATEST, max([*marks, 2]))
    return [2.0**i for i in range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)]


def _text(x, y, text, anchor="start", size=12):
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} font-size="{size}">{escape(text)}</text>'


def _line(x1, y1, x2, y2, colour, width=1.0):
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def _legend(titles):
    parts, x = [], MARGIN
    for colour, title in zip(COLOURS, titles.values()):
        parts.append(
            f'<circle cx="{x + 5}" cy="40" r="4" fill="{colour}"/>' + _text(x + 14, 44, title)
        )
        x += 34 + 7 * len(title)
    return parts


def _axis(ticks, place, bottom):
    parts = []
    for tick in ticks:
        x = place(tick)
        label = f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}"
        parts.append(
            _line(x, TOP, x, bottom, "#555555" if tick == 1 else "#dddddd", 1.5 if tick == 1 else 1)
        )
        parts.append(_text(x, bottom + 16, label, "middle", 11))
    return parts


def dots(title, rows, titles):
    """rows: [(label, {name: (median, least, greatest) or None})]; titles: {name: how it is called},
    at most as many as COLOURS."""
    ticks = _ticks(rows)
    low, high = math.log2(ticks[0]), math.log2(ticks[-1])

    def place(value):
        at = low if value <= 0 else min(max(math.log2(value), low), high)
        return LABEL_WIDTH + MARGIN + (at - low) / (high - low) * PLOT_WIDTH

    bottom = TOP + ROW_HEIGHT * len(rows)
    width, height = LABEL_WIDTH + PLOT_WIDTH + 3 * MARGIN, bottom + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" fill="#222222">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(MARGIN, 20, title, size=14),
        *_legend(titles),
        *_axis(ticks, place, bottom),
    ]
    for index, (label, marks) in enumerate(rows):
        top = TOP + ROW_HEIGHT * index
        parts.append(_text(LABEL_WIDTH, top + ROW_HEIGHT / 2 + 4, label, "end"))
        for step, (colour, name) in enumerate(zip(COLOURS, titles)):
            found = marks.get(name)
            if not found:
                continue
            y = top + (step + 0.5) * ROW_HEIGHT / len(titles)
            parts.append(_line(place(found[1]), y, place(found[2]), y, colour, 1.5))
            parts.append(
                f'<circle cx="{place(found[0]):.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"
