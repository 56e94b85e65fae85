"""Comparing a payload with recorded shapes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.shapes import JSON_TYPES, TEXT_KINDS, Shape

# Kinds of text without a form that a client could rely on.
_LOOSE = {"empty text", "slug", "text", "integer text"}


@dataclass(slots=True)
class Place:
    """The facts about one path: kinds of its values, fields of its objects in order, and which fields are optional."""

    kinds: set[str] = field(default_factory=set)
    fields: list[str] = field(default_factory=list)
    optional: set[str] = field(default_factory=set)

    @property
    def types(self) -> set[str]:
        """The types of JSON, which has one type for all numbers."""
        return {{"integer": "number"}.get(JSON_TYPES[kind], JSON_TYPES[kind]) for kind in self.kinds}

    @property
    def required(self) -> set[str]:
        return set(self.fields) - self.optional

    @property
    def forms(self) -> set[str]:
        return self.kinds & set(TEXT_KINDS) - {"empty text"}


def places(*shapes: Shape) -> dict[str, Place]:
    """Every path of the given shapes, with their facts combined."""
    found: dict[str, Place] = {}
    for shape in shapes:
        for path, one in _walk(shape, ""):
            if path not in found:
                found[path] = one
                continue
            known = found[path]
            if known.fields and one.fields:
                known.optional |= one.optional | set(known.fields) ^ set(one.fields)
            known.kinds |= one.kinds
            known.optional |= one.optional
            known.fields = list(dict.fromkeys([*known.fields, *one.fields]))
    return found


def _walk(shape: Shape, path: str) -> Iterator[tuple[str, Place]]:
    if isinstance(shape, str):
        yield path, Place(set(shape.split("|")))
        return
    if isinstance(shape, list):
        shape = {"[]": shape}
    inner = {name.removesuffix("?"): one for name, one in shape.items() if name not in ("", "[]")}
    kinds = set(shape[""].split("|")) if "" in shape else set()
    kinds |= {"list"} if "[]" in shape else set()
    kinds |= {"object"} if inner else set()
    yield path, Place(kinds, list(inner), {name.removesuffix("?") for name in shape if name.endswith("?")})
    for member in shape.get("[]", ()):
        yield from _walk(member, f"{path}[]")
    for name, one in inner.items():
        yield from _walk(one, f"{path}.{name}")


def differences(recorded: dict[str, Place], ours: dict[str, Place], excused: re.Pattern[str]) -> list[str]:
    """What `ours` has that was never recorded, and which required fields it lacks."""
    found = []
    for path, here in ours.items():
        there = recorded.get(path)
        if excused.search(path):
            continue
        if there is None:
            found.append(f"{path}: not in the recorded payload")
            continue
        if not here.types <= there.types:
            found.append(f"{path}: {sorted(here.types)} here, {sorted(there.types)} recorded")
        if there.forms and not there.forms & _LOOSE and not here.forms <= there.forms:
            found.append(f"{path}: {sorted(here.forms)} here, {sorted(there.forms)} recorded")
    for path, there in recorded.items():
        known = ours.get(path)
        if known is None or "object" not in known.types:
            continue
        if lacking := there.required - known.required - {"*"}:
            found.append(f"{path}: lacks {sorted(lacking)}")
        order = [[name for name in one.fields if name in there.required] for one in (known, there)]
        if path.count(".") == 0 and there.required == known.required and order[0] != order[1]:
            found.append(f"{path}: fields in another order: {order[0]}, recorded {order[1]}")
    return found
