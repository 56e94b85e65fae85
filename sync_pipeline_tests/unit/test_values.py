"""Values that every store writes: what is read as a moment, and what is not."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.entities.values import moment

_WRITTEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def _changed(places: list[tuple[int, str]]) -> str:
    text = list("2026-03-01T10:00:00")
    for place, character in places:
        text[place] = character
    return "".join(text)


@given(st.lists(st.tuples(st.integers(0, 18), st.sampled_from("0123456789WTZ+-:., ٣_")), max_size=4).map(_changed))
def test_nothing_else_is_a_moment(text: str) -> None:
    """Python alone also reads weeks, digits without dashes, and offsets in places where no store writes one."""
    assert moment(text) is None or _WRITTEN.fullmatch(text.strip())


@pytest.mark.parametrize("text", ["2026-W01-1T10:00:00", "2026-03-01T10+00:00", "20260301T100000", "2026-03-01T10"])
def test_these_are_none(text: str) -> None:
    assert moment(text) is None


@pytest.mark.parametrize("text", ["2026-03-01T10:00:00", " 2026-03-01 10:00:00 ", "2026-03-01T12:00:00+02:00"])
def test_these_are_the_same(text: str) -> None:
    assert moment(text) == datetime(2026, 3, 1, 10, tzinfo=UTC)
