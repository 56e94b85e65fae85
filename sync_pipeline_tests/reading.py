"""Which fields of a payload a mapper reads: found in its code, and in what its stream declares."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sync_pipeline.entities.base import Follow
from sync_pipeline.entities.named_by import NamedBy
from sync_pipeline.sources.base import Source, Stream

_DECLARED = (
    "columns", "noise", "sweep_fields", "money", "numbers", "dates", "lists", "objects", "texts", "flags", "references",
    "needs", "named_in",
)  # fmt: skip
_ONE = ("parent_field", "currency", "total")
_ALTERNATIVES = ("label", "code", "email", "created", "modified")


def fields_read(mapper: Any) -> set[str]:
    """The fields of a payload that a mapper reads by name, itself and in functions that it hands the payload."""
    function = inspect.unwrap(mapper)
    return set(_named(function, next(iter(inspect.signature(function).parameters)), set()))


def looked_up(mapper: Any) -> set[str]:
    """The fields in which a mapper finds records that name its own; no payload has them."""
    return {one.field for one in getattr(mapper, "follows", ()) if isinstance(one, NamedBy)}


def needed(source: Source) -> Mapping[str, Mapping[str, set[str]]]:
    """What a provider's mappers and streams read of each stream's payloads: path → who reads it."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for stream in source.streams.values():
        mapper = stream.to_entity
        for name in (fields_read(mapper) | set(getattr(mapper, "reads", ()))) - looked_up(mapper):
            found[stream.name][name].add(f"the mapper of {stream.name}")
        for name in _declared(stream):
            found[stream.name][name].add(f"the stream {stream.name}")
        _follow(source, stream, getattr(mapper, "follows", ()), f"the mapper of {stream.name}", found)
    return found


def _declared(stream: Stream) -> Iterator[str]:
    for attribute in (*_DECLARED, "expects", "computed"):
        yield from getattr(stream, attribute, ())
    yield from stream.words
    yield from (name for attribute in _ONE if (name := getattr(stream, attribute)))
    for attribute in _ALTERNATIVES:
        yield from (name for name in (getattr(stream, attribute) or "").replace("|", " ").split())


def _follow(
    source: Source,
    stream: Stream,
    follows: Sequence[Follow],
    who: str,
    found: dict[str, dict[str, set[str]]],
) -> None:
    for follow in follows:
        below = source.stream(follow.entity_type)
        if isinstance(follow, NamedBy):
            found[below.name][follow.by or below.parent_field or ""].add(who)
        else:
            found[stream.name][follow.field].add(who)
        for name in follow.reads:
            found[below.name][name].add(who)
        _follow(source, below, follow.follows, who, found)


def _named(function: Any, parameter: str, seen: set[Any]) -> Iterator[str]:
    if function in seen:
        return
    seen.add(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        method = node.func if isinstance(node.func, ast.Attribute) else None
        if method is not None and isinstance(method.value, ast.Name) and method.value.id == parameter:
            yield from (str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant))
        places = [n for n, one in enumerate(node.args) if isinstance(one, ast.Name) and one.id == parameter]
        if not places or not isinstance(node.func, ast.Name):
            continue
        called = function.__globals__.get(node.func.id)
        fields = [one.value for one in node.args[places[0] + 1 :] if isinstance(one, ast.Constant)]
        if called is not None and called.__module__.endswith(".values"):
            yield from (field for field in fields if isinstance(field, str))
        elif inspect.isfunction(called) and ".mappers." in called.__module__:
            yield from _named(called, list(inspect.signature(called).parameters)[places[0]], seen)
