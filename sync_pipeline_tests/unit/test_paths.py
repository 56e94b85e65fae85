"""Two values compared deeply: every difference is named by its path, and nothing else is."""

from __future__ import annotations

import copy
import random
from decimal import Decimal
from typing import Any

import pytest

from sync_pipeline.exact_json import dumps
from sync_pipeline.steps.preview.paths import LONGEST, MOST, told

LINES = [
    {"id": 496, "sku": "A", "image": {"src": "x" * 300}},
    {"id": 497, "sku": "B", "product_id": 168, "image": {"src": "x" * 300}},
]


def paths(before: Any, after: Any, name: str = "f") -> list[tuple[Any, ...]]:
    found = told(name, {"before": before, "after": after}).get("paths", [])
    return [(one["path"], one.get("before", "–"), one.get("after", "–")) for one in found]


def test_one_value_of_one_record_in_a_list_is_named() -> None:
    after = copy.deepcopy(LINES)
    after[1] |= {"product_id": 0, "sku": None}
    assert paths(LINES, after, "line_items") == [
        ("line_items[id=497].sku", "B", None),
        ("line_items[id=497].product_id", 168, 0),
    ]


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        ([{"id": 1, "a": 1}], [{"id": 2, "a": 1}],
         [("f[id=1]", {"id": 1, "a": 1}, "–"), ("f[id=2]", "–", {"id": 2, "a": 1})]),
        ([{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 1}], [("f[].id", ["1", "2"], ["2", "1"])]),
        ([{"id": 0, "a": 1}, {"id": 0, "a": 2}], [{"id": 0, "a": 1}, {"id": 0, "a": 3}], [("f[1].a", 2, 3)]),
        ([1, 2, 3], [0, 1, 2, 3], [("f[0]", "–", 0)]),
        ([1, 2, 3], [1, 3], [("f[1]", 2, "–")]),
        ({"a": {"b": 1}}, {"a": {"c": None}}, [("f.a.b", 1, "–"), ("f.a.c", "–", None)]),
        ([True], [1], [("f[0]", True, 1)]),
        ([Decimal("1.0")], [1], []),
        ({"a": 1}, [1], [("f", {"a": 1}, [1])]),
    ],
)  # fmt: skip
def test_what_is_added_removed_moved_and_changed(before: Any, after: Any, seen: list[tuple[Any, ...]]) -> None:
    assert paths(before, after) == seen


def test_long_texts_show_where_they_begin_to_differ() -> None:
    [(_, before, after)] = paths("x" * 500 + "old" + "y" * 500, "x" * 500 + "new" + "y" * 500)
    assert before != after
    assert "old" in before
    assert "new" in after
    assert len(before) <= LONGEST + 2


def test_there_is_an_end_to_how_many_and_how_long() -> None:
    change = told("f", {"before": [], "after": [{"id": n, "t": "x" * 999} for n in range(1, 201)], "through": "a b"})
    assert (len(change["paths"]), change["more"], change["through"]) == (MOST, 200 - MOST, "a b")
    assert all(len(dumps(one)) < 2 * LONGEST for one in change["paths"])


def test_short_values_say_all_by_themselves() -> None:
    assert told("f", {"before": 1, "after": 2}) == {"before": 1, "after": 2}
    assert told("f", {"after": [1]}) == {"after": [1]}
    assert told("f", {"before": None, "after": [1]}) == {"before": None, "after": [1]}


def test_what_is_changed_anywhere_is_what_is_named() -> None:
    """Of random values, one place is changed: exactly its path is told, and its two values differ to the reader."""
    chance = random.Random(1)
    for _ in range(300):
        before: dict[str, Any] = {
            "rows": [_record(chance, n) for n in range(1, chance.randint(2, 6))],
            "text": "x" * 400,
        }
        after = copy.deepcopy(before)
        row = chance.choice(after["rows"])
        row["deep"]["list"][2] = "changed"
        assert paths(before, before) == []
        name = f"f.rows[id={row['id']}].deep.list[2]"
        assert paths(before, after) == [(name, "c", "changed")]


def _record(chance: random.Random, number: int) -> dict[str, Any]:
    return {"id": number, "n": chance.random(), "deep": {"list": ["a", "b", "c", "d"], "long": "z" * 500}}
