"""Charts as figures of SVG: bars by day, drawn from numbers; the template writes them, style sheets colour them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import floor, log10

WIDTH, HEIGHT = 420, 170
LEFT, BOTTOM, TOP = 44, 24, 8  # room for the axes
_MOST_LABELS = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a day's bar, from below; `kind` is its class."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars with an axis: `ticks` are (y, words) of the values, `labels` (x, words) of the days."""

    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]
    labels: Sequence[tuple[float, str]]
    empty: bool


def chart(days: Sequence[date], parts: Sequence[tuple[str, str, Sequence[float]]], *, stacked: bool = True) -> Chart:
    """A bar a day of these parts: (class, words, a number a day). Unstacked ones stand before each other."""
    sums = [sum(values) if stacked else max(values) for values in zip(*(values for *_, values in parts), strict=True)]
    top = _round_up(max(sums, default=0.0))
    room, step = HEIGHT - BOTTOM - TOP, (WIDTH - LEFT) / max(1, len(days))
    width = max(1.0, min(32.0, step * 0.72))
    bars = []
    for number, day in enumerate(days):
        below = 0.0
        for kind, words, values in parts:
            height = room * values[number] / top
            if height > 0:
                x, y = LEFT + number * step + (step - width) / 2, TOP + room - below - height
                title = f"{day}: {words} {_short(values[number])}"
                bars.append(Bar(round(x, 1), round(y, 1), round(width, 1), round(max(height, 1.0), 1), kind, title))
            below += height if stacked else 0.0
    ticks = [(round(TOP + room * (1 - part), 1), _short(top * part)) for part in (0, 0.5, 1)]
    every = max(1, -(-len(days) // _MOST_LABELS))
    labels = [
        (round(LEFT + number * step + step / 2, 1), f"{day:%b} {day.day}")
        for number, day in enumerate(days)
        if number % every == 0
    ]
    return Chart(bars, ticks, labels, max(sums, default=0) == 0)


def spark(values: Sequence[float], width: int = 84, height: int = 20) -> Sequence[Bar]:
    """A small chart without axes."""
    top, step = max(values, default=0.0) or 1.0, width / max(1, len(values))
    return [
        Bar(round(n * step, 1), round(height - max(1.0, height * v / top), 1), round(step * 0.7, 1),
            round(max(1.0, height * v / top), 1), "bar" if v else "none", "")
        for n, v in enumerate(values)
    ]  # fmt: skip


def _round_up(value: float) -> float:
    """The next number of 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(one * power for one in (1, 2, 5, 10) if one * power >= value)


def _short(value: float) -> str:
    """A number for an axis: 12,000 is 12k."""
    for limit, name in ((1e6, "M"), (1e4, "k")):
        if value >= limit:
            return f"{value / (1e6 if name == 'M' else 1e3):,.3g}{name}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2g}"
