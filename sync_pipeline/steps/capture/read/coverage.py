"""The proof that a walk lost nothing: the id ranges its pages cover have no gap between them.

A page ordered by id covers every id from its first to its last row at the moment it was read. Pages overlap by one row,
so there was nothing between two pages whose ranges touch, whatever was deleted or inserted meanwhile.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from itertools import pairwise

LOWEST = 0
HIGHEST = 2**63 - 1


class Coverage:
    """A union of closed id ranges."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges: list[tuple[int, int]] = []
        for low, high in ranges:
            self.add(low, high)

    def add(self, low: int, high: int) -> None:
        """Add ids `low` to `high`. Ids are whole numbers, so 1–5 and 6–9 join."""
        insort(self._ranges, (low, high))
        merged: list[tuple[int, int]] = []
        for start, end in self._ranges:
            if merged and start <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        self._ranges = merged

    @property
    def complete(self) -> bool:
        """True when every possible id is covered."""
        return self._ranges == [(LOWEST, HIGHEST)]

    def first_gap(self) -> tuple[int, int] | None:
        """The last covered id before the first gap and the first one after it."""
        previous = LOWEST - 1
        for low, high in self._ranges:
            if low > previous + 1 and not (previous == LOWEST - 1 and low == LOWEST):
                return previous, low
            previous = high
        return None if previous == HIGHEST else (previous, HIGHEST + 1)

    def gaps(self) -> Sequence[tuple[int, int]]:
        """The ranges that are not covered, in order."""
        edges = [(LOWEST - 1, LOWEST - 1), *self._ranges, (HIGHEST + 1, HIGHEST + 1)]
        return tuple((end + 1, start - 1) for (_, end), (start, _) in pairwise(edges) if start > end + 1)

    def ranges(self) -> Sequence[tuple[int, int]]:
        """The covered ranges in order."""
        return tuple(self._ranges)
