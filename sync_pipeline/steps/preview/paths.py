"""Two values of JSON compared deeply: what differs, each by its path.

`line_items[id=497].product_id: 168 → 0`. Records of a list that have ids are named by them; other elements by their
place, counted from 0. Pages, commands, the API and the agents' server tell changes by these paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.exact_json import dumps

MOST = 50  # paths of one field
LONGEST = 160  # characters of a value
_DEEPEST = 16  # levels that are walked; what is deeper differs as a whole
_CONTEXT = 40  # characters of a long text that are shown before the first that differs
_IDS = ("id", "external_item_id")  # of records of stores, of items of orders in core
_MISSING = object()


@dataclass(slots=True)
class _Found:
    """The differences: at most `most` are kept, all are counted."""

    most: int
    longest: int
    paths: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0

    def add(self, path: str, before: Any, after: Any) -> None:
        self.count += 1
        if len(self.paths) < self.most:
            start = _first_difference(before, after)
            sides = (("before", before), ("after", after))
            there = {side: _cut(value, self.longest, start) for side, value in sides if value is not _MISSING}
            self.paths.append({"path": path[:300], **there})


def told(name: str, sides: Mapping[str, Any], *, most: int = MOST, longest: int = LONGEST) -> dict[str, Any]:
    """A change {before, after, …} of the field `name` with `paths`, where lists, objects or long texts are compared.

    `paths` are {path, before, after}: a side that is not there has no key, so without `before` it was added and without
    `after` removed. At most `most` of them are given; `more` says how many there are beyond. A value of more than
    `longest` characters is the beginning of its JSON, or of a text the part around the first difference.
    """
    plain = {key: value for key, value in sides.items() if key not in ("paths", "more")}
    if "before" not in plain or "after" not in plain:
        return plain
    before, after = plain["before"], plain["after"]
    if not (_is_list_or_object(before, after) or (_is_long(before, longest) and _is_long(after, longest))):
        return plain
    found = _Found(most, longest)
    _compare(name, before, after, found, _DEEPEST)
    if found.paths:
        plain["paths"] = found.paths
    if found.count > len(found.paths):
        plain["more"] = found.count - len(found.paths)
    return plain


def told_list(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same of changes that name their `field`."""
    return [told(str(one["field"]), one) for one in changes]


def _is_list_or_object(*values: Any) -> bool:
    return any(isinstance(one, Mapping | list | tuple) for one in values) and None not in values


def _is_long(value: Any, longest: int) -> bool:
    return isinstance(value, str) and len(value) > longest


def _compare(path: str, before: Any, after: Any, found: _Found, deepest: int) -> None:
    if deepest > 0 and isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            name = f"{path}.{key}" if path else str(key)
            _compare(name, before.get(key, _MISSING), after.get(key, _MISSING), found, deepest - 1)
    elif deepest > 0 and isinstance(before, list | tuple) and isinstance(after, list | tuple):
        _compare_lists(path, before, after, found, deepest - 1)
    elif not _same(before, after, deepest):
        found.add(path, before, after)


def _compare_lists(path: str, before: Sequence[Any], after: Sequence[Any], found: _Found, deepest: int) -> None:
    was, now = _by_id(before), _by_id(after)
    if was is None or now is None:
        for place, one, other in _by_place(before, after, deepest):
            _compare(f"{path}[{place}]", one, other, found, deepest)
        return
    for key in [*was, *(key for key in now if key not in was)]:
        _compare(f"{path}[id={key}]", was.get(key, _MISSING), now.get(key, _MISSING), found, deepest)
    if [key for key in was if key in now] != [key for key in now if key in was]:
        found.add(f"{path}[].id", list(was), list(now))


def _by_id(values: Sequence[Any]) -> dict[str, Any] | None:
    """Records by their ids; None if one has none, or two have the same."""
    found: dict[str, Any] = {}
    for one in values:
        number = next((one[key] for key in _IDS if key in one), None) if isinstance(one, Mapping) else None
        if isinstance(number, bool) or not isinstance(number, int | str) or number in ("", 0) or str(number) in found:
            return None
        found[str(number)] = one
    return found


def _by_place(before: Sequence[Any], after: Sequence[Any], deepest: int) -> Iterator[tuple[int, Any, Any]]:
    """Elements side by side, without those that both begin and end with: of one that was put in, only that is told."""
    start, end, shorter = 0, 0, min(len(before), len(after))
    while start < shorter and _same(before[start], after[start], deepest):
        start += 1
    while end < shorter - start and _same(before[-1 - end], after[-1 - end], deepest):
        end += 1
    was, now = before[start : len(before) - end], after[start : len(after) - end]
    for place in range(max(len(was), len(now))):
        one = was[place] if place < len(was) else _MISSING
        other = now[place] if place < len(now) else _MISSING
        yield start + place, one, other


def _same(before: Any, after: Any, deepest: int) -> bool:
    """Is it the same JSON? True is not 1, and 1.0 is 1, as PostgreSQL has it."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        if deepest <= 0:
            return dumps(before) == dumps(after)
        return before.keys() == after.keys() and all(_same(before[key], after[key], deepest - 1) for key in before)
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        if deepest <= 0:
            return dumps(before) == dumps(after)
        return len(before) == len(after) and all(
            _same(one, other, deepest - 1) for one, other in zip(before, after, strict=True)
        )
    return isinstance(before, bool) is isinstance(after, bool) and bool(before == after)


def _first_difference(before: Any, after: Any) -> int:
    """Where two texts begin to differ; 0 for other values."""
    if not isinstance(before, str) or not isinstance(after, str):
        return 0
    shorter = min(len(before), len(after))
    return next((place for place in range(shorter) if before[place] != after[place]), shorter)


def _cut(value: Any, longest: int, start: int) -> Any:
    if isinstance(value, str):
        if len(value) <= longest:
            return value
        start = max(0, start - _CONTEXT)
        part = value[start : start + longest]
        return f"{'…' if start else ''}{part}{'…' if start + longest < len(value) else ''}"
    if isinstance(value, Mapping | list | tuple):
        text = dumps(value)
        return value if len(text) <= longest else f"{text[:longest]}…"
    return value
