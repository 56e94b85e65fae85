"""What of many cases `make test` runs; `make torture` runs the others, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest


def first(number: int, cases: Iterable[Any]) -> list[Any]:
    """The cases, of which `make test` runs the first `number`."""
    return [case if place < number else rarely(case) for place, case in enumerate(cases)]


def every(number: int, rows: Sequence[Any], columns: Sequence[Any]) -> list[Any]:
    """Each row with each column, of which `make test` runs one in `number`: each row and each column at least once."""
    assert number <= min(len(rows), len(columns)), "some row or column would be left out"
    return [
        (row, column) if (down + across) % number == 0 else rarely(row, column)
        for down, row in enumerate(rows)
        for across, column in enumerate(columns)
    ]


def rarely(*case: Any) -> Any:
    """A case, one value or several, that `make torture` alone runs."""
    return pytest.param(*case, marks=pytest.mark.torture)
