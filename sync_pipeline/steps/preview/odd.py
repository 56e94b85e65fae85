"""Which payloads a mapper may refuse or warn of: one jsonpath a stream, which PostgreSQL evaluates.

It decides nothing. It passes over records whose values all have their plain form, so that a preview does not map every
record that changed; what is wrong with the others, the mapper says. A plain value must therefore be one that mappers
take without a word: test_preview_values holds that for every field.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator

from sync_pipeline.sources.base import Stream

_PLAIN_NUMBER = r"^(-?[0-9]{1,100}(\.[0-9]{0,100})?)?$"
# 29 February is left to the mapper.
_DAY = (
    r"((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?"
)
_DATE = rf"^((19|20)[0-9]{{2}}-{_DAY})?$"
_LONG = ".{250}.{250}."  # a repetition has at most 255 in PostgreSQL


def _is(value: str, *kinds: str) -> list[str]:
    return [f'{value}.type() == "{kind}"' for kind in kinds]


def _text(value: str, pattern: str, *, unless: bool = True) -> str:
    """The value is a text that has the pattern, or `unless` that has it not."""
    like = f"{value} like_regex {json.dumps(pattern)}"
    return f'({value}.type() == "string" && {f"!({like})" if unless else like})'


def _number(value: str) -> list[str]:
    return [*_is(value, "array", "object"), f"{value} == true", _text(value, _PLAIN_NUMBER)]


def _date(value: str) -> list[str]:
    return [*_is(value, "array", "object", "number"), f"{value} == true", _text(value, _DATE)]


def _list(value: str) -> list[str]:
    return _is(value, "object", "string", "number", "boolean")


def _object(value: str) -> list[str]:
    return [*_is(value, "string", "number", "boolean"), f'({value}.type() == "array" && {value}.size() > 0)']


def _words(value: str) -> list[str]:
    return [*_is(value, "array", "object"), _text(value, _LONG, unless=False)]


def _flag(value: str) -> list[str]:
    return [*_is(value, "array", "object", "number"), _text(value, "^(parent)?$")]


def _one_of(value: str, words: Iterable[str]) -> list[str]:
    known = "|".join(word.replace("-", r"\-") for word in words)
    return [*_is(value, "array", "object", "number", "boolean"), _text(value, f"^({known})$")]


def _conditions(stream: Stream) -> Iterator[tuple[str, str]]:
    """Where (`` or the list or object a field is in), and when the record there is odd."""
    for fields, odd in (
        (stream.money, _number),
        (stream.numbers, _number),
        (stream.dates, _date),
        (stream.lists, _list),
        (stream.objects, _object),
        (stream.texts, _words),
        (stream.flags, _flag),
    ):
        for field in fields:
            within, _, name = field.rpartition(".")
            for condition in odd(f'@."{name}"'):
                yield within, condition
    for field, words in stream.words.items():
        yield "", f'!exists(@."{field}" ? (@ != null))'
        for condition in _one_of(f'@."{field}"', words):
            yield "", condition
    for field in stream.dates:
        if field.endswith("_gmt"):  # the date is there, and not in UTC
            local = f'@."{field.removesuffix("_gmt")}"'
            yield "", f'({_text(local, "^$")} && !exists(@."{field}" ? (@.type() == "string" && @ != "")))'
    for field in stream.lists:
        if "." not in field:
            yield "", f'exists(@."{field}"[*] ? (@.type() != "object" && @.type() != "null"))'


def odd_values(stream: Stream) -> str | None:
    """The jsonpath that is true for payloads to be mapped; None for streams whose mapper takes everything."""
    if stream.to_entity is None or stream.entity is None:
        return None
    by_place: dict[str, list[str]] = defaultdict(list)
    for within, condition in _conditions(stream):
        by_place[within].append(condition)
    parts = [
        f'exists(@."{within}"[*] ? ({" || ".join(some)}))' if within else " || ".join(some)
        for within, some in by_place.items()
    ]
    return f"$ ? ({' || '.join(parts)})" if parts else None
