"""What the typed client sends: each value as the service reads it, or a refusal that names its place."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.exact_json import loads
from sync_pipeline_client.transport import _json, _text, part

_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(), max_size=8),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(_values)
def test_what_is_sent_comes_back_equal(value: Any) -> None:
    assert json.loads(_json(value, ""), parse_float=Decimal) == _exact(value)


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _exact(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_exact(one) for one in value]
    return Decimal(repr(value)) if isinstance(value, float) else value


def test_digits_are_kept_and_a_time_without_a_zone_is_utc() -> None:
    price = Decimal("0.1234567890123456789012345678901234567891000")
    assert _json({"price": price, "whole": Decimal(10)}, "") == f'{{"price": {price}, "whole": 10}}'
    noon = datetime.fromisoformat("2026-01-01T12:00")
    there = noon.replace(tzinfo=timezone(timedelta(hours=-5)))
    assert loads(_json([noon, noon.replace(tzinfo=UTC), there, noon.date(), UUID(int=1)], "")) == [
        "2026-01-01T12:00:00+00:00",
        "2026-01-01T12:00:00+00:00",
        "2026-01-01T17:00:00+00:00",
        "2026-01-01",
        "00000000-0000-0000-0000-000000000001",
    ]
    assert (_text(noon, "as_of"), _text(True, "all"), _text(1.5, "x")) == ("2026-01-01T12:00:00+00:00", "true", "1.5")


class Size(Enum):
    LARGE = "large"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"bytes", "bytes"), ({1}, "set"), (object, "object"), (object(), "object"), (range(2), "range"),
        (iter([1]), "list_iterator"), (1j, "complex"), (timedelta(1), "timedelta"), (Size.LARGE, "Size"),
    ],
)  # fmt: skip
def test_what_json_does_not_have_is_refused(value: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=rf"products\[1\]\.name: {kind} cannot be sent"):
        _json({"products": [{}, {"name": value}]}, "")
    with pytest.raises(TypeError, match=f"search: {kind} cannot be sent"):
        _text(value, "search")
    with pytest.raises(TypeError, match=f"{kind} cannot be sent"):
        part(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity"), Decimal("sNaN")])
def test_a_number_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"a\[0\]: .* cannot be sent"):
        _json({"a": [value]}, "")


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="a: the name 1 is int"):
        _json({"a": {1: "x"}}, "")


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_part_of_a_path_that_is_another_path_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot be a part of the path"):
        part(value)
    assert (part("a/b"), part(7), part(date(2026, 1, 1))) == ("a%2Fb", "7", "2026-01-01")
