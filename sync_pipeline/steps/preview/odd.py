"""Which payloads a mapper may refuse or warn of: one jsonpath a stream, which PostgreSQL evaluates.

It decides nothing. It passes over records whose values all have their plain form, so that a preview does not map every
record that changed; what is wrong with the others, the mapper says. A plain value must therefore be one that mappers
take without a word: test_preview_values holds that for every field.

The path is strict, so that a list is not taken apart where a text is expected; a field that is missing makes its
condition unknown, which counts as no.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from sync_pipeline.sources.base import Stream

_NUMBER = r"^(-?[0-9]{1,100}(\.[0-9]{0,100})?)?$"
# 29 February is left to the mapper.
_DAY = (
    r"((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?"
)
_DATE = rf"^((19|20)[0-9]{{2}}-{_DAY})?$"


_Condition = Mapping[str, str]  # JSON type → when a value of that type is odd


def _unlike(pattern: str) -> str:
    """A text that does not have the pattern."""
    return f'(@.type() == "string" && !(@ like_regex {json.dumps(pattern)}))'


def _never(*kinds: str) -> dict[str, str]:
    """Values of these types are odd, whatever they are."""
    return {kind: f'@.type() == "{kind}"' for kind in kinds}


def _one_of(words: Iterable[str]) -> _Condition:
    known = "|".join(word.replace("-", r"\-") for word in words)
    return {**_never("null", "array", "object", "number", "boolean"), "string": _unlike(f"^({known})$")}


_NUMBERS: _Condition = {**_never("array", "object"), "boolean": "@ == true", "string": _unlike(_NUMBER)}
_DATES: _Condition = {**_never("array", "object", "number"), "boolean": "@ == true", "string": _unlike(_DATE)}
_LISTS: _Condition = _never("object", "string", "number", "boolean")
_OBJECTS: _Condition = {**_never("string", "number", "boolean"), "array": '(@.type() == "array" && @.size() > 0)'}
_TEXTS: _Condition = _never("array", "object")
_FLAGS: _Condition = {**_never("array", "object", "number"), "string": _unlike("^(parent)?$")}


def _conditions(stream: Stream, seen: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
    """Where (`` or the list or object a field is in), and when the record there is odd."""
    kinds = (
        *((field, _NUMBERS) for field in (*stream.money, *stream.numbers)),
        *((field, _DATES) for field in stream.dates),
        *((field, _LISTS) for field in stream.lists),
        *((field, _OBJECTS) for field in stream.objects),
        *((field, _TEXTS) for field in stream.texts),
        *((field, _FLAGS) for field in stream.flags),
        *((field, _one_of(words)) for field, words in stream.words.items()),
    )
    for field, condition in kinds:
        within, _, name = field.rpartition(".")
        # Of a field's types it is known which the store has ever written.
        odd = [one for kind, one in condition.items() if within or not seen or kind in seen.get(name, ())]
        if odd:
            yield within, f'exists(@."{name}" ? ({" || ".join(odd)}))'
    for field in stream.words:
        yield "", f'((exists(@."{field}")) is unknown)'
    for field in stream.dates:
        if field.endswith("_gmt"):  # the date may be there, and not in UTC
            empty = f'((exists(@."{field}")) is unknown || exists(@."{field}" ? (@ == null || @ == false || @ == "")))'
            yield "", f'({empty} && exists(@."{field.removesuffix("_gmt")}" ? (@.type() == "string" && @ != "")))'
    for field in stream.lists:
        if "." not in field:
            yield "", f'exists(@."{field}"[*] ? (@.type() != "object" && @.type() != "null"))'


def odd_values(stream: Stream, seen: Mapping[str, Collection[str]]) -> str | None:
    """The jsonpath that is true for payloads to be mapped; None for streams whose mapper takes everything.

    `seen`: the JSON types that each top-level field was ever captured with; empty where that is not known.
    """
    if stream.to_entity is None or stream.entity is None:
        return None
    by_place: dict[str, list[str]] = defaultdict(list)
    for within, condition in _conditions(stream, seen):
        by_place[within].append(condition)
    parts = []
    for within, some in by_place.items():
        inside = " || ".join(some)
        # The elements of a list; of an object, itself.
        list_or_object = "" if within in stream.objects else "[*]"
        parts.append(f'exists(@."{within}"{list_or_object} ? ({inside}))' if within else inside)
    return f"strict $ ? ({' || '.join(parts)})" if parts else None
