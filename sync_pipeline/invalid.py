"""What is wrong with a value that somebody sent, in words: pydantic's kinds of errors, said once for every door.

A sentence never has the value itself, which may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sync_pipeline.redaction import marked

_NAMED = 10  # errors of one call that are said
_LONGEST = 60  # characters of a name that somebody sent
_CHOICE = re.compile(r"\^\(([\w|]+)\)(?:\(:\(([\w|]+)\)\)\?)?\$")
_FORMS = {
    r"^[0-9a-f]{64}$": "is not a hash of 64 characters from 0 to 9 and a to f",
    r"^([01]\d|2[0-3]):[0-5]\d$": "is not a time of day such as 08:00",
}
_PLAIN = "has characters that cannot be seen: control characters, line breaks or marks of direction"

_Say = str | Callable[[Mapping[str, Any]], str]


def _one_of(context: Mapping[str, Any]) -> str:
    return f"is not one of {str(context['expected']).replace(chr(39), '')}"


def _too_short(context: Mapping[str, Any]) -> str:
    least = context["min_length"]
    return "is empty" if least == 1 else f"has fewer than {least:,} {_parts(context)}"


def _too_long(context: Mapping[str, Any]) -> str:
    return f"has more than {context['max_length']:,} {_parts(context)}"


def _parts(context: Mapping[str, Any]) -> str:
    """Of what a length is: a secret is a text, too."""
    return "characters" if context.get("field_type", "Value") == "Value" else "elements"


def _form(context: Mapping[str, Any]) -> str:
    pattern = str(context["pattern"])
    if choice := _CHOICE.fullmatch(pattern):
        names, ends = (part.split("|") if part else [] for part in choice.groups())
        either = f", each perhaps with {' or '.join(f':{end}' for end in ends)}" if ends else ""
        return f"is not one of {', '.join(names)}{either}"
    return _FORMS.get(pattern, _PLAIN if pattern.startswith("^[^") else "does not have the form that is wanted")


_WHOLE, _NUMBER, _TIME = "is not a whole number", "is not a number", "is not a time such as 2026-03-01T12:00:00Z"
_WORDS: Mapping[str, _Say] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "none_required": "is not null",
    **dict.fromkeys(("string_type", "string_sub_type", "string_unicode", "bytes_type"), "is not a text"),
    "string_too_short": _too_short,
    "too_short": _too_short,
    "string_too_long": _too_long,
    "too_long": _too_long,
    "string_pattern_mismatch": _form,
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    "int_parsing_size": "is too large",
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing", "finite_number"), _NUMBER),
    **dict.fromkeys(("decimal_max_digits", "decimal_max_places", "decimal_whole_digits"), "has too many digits"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "is neither true nor false"),
    "greater_than": lambda context: f"is not more than {context['gt']}",
    "greater_than_equal": lambda context: f"is less than {context['ge']}",
    "less_than": lambda context: f"is not less than {context['lt']}",
    "less_than_equal": lambda context: f"is more than {context['le']}",
    "multiple_of": lambda context: f"is no multiple of {context['multiple_of']}",
    **dict.fromkeys(("literal_error", "enum"), _one_of),
    **dict.fromkeys(
        ("model_type", "model_attributes_type", "dict_type", "mapping_type", "dataclass_type"), "is not an object"
    ),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), "is not a list"),
    **dict.fromkeys(("uuid_type", "uuid_parsing", "uuid_version"), "is not a UUID"),
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"), _TIME
    ),
    "timezone_aware": "is a time without a zone: end it with Z, or with an offset such as +01:00",
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
        "is not a date such as 2026-03-01",
    ),
    "time_type": "is not a time of day such as 08:00",
    "time_parsing": "is not a time of day such as 08:00",
    "value_error": lambda context: str(context["error"]),
    "assertion_error": lambda context: str(context["error"]),
    "url_type": "is not an address",
    "url_parsing": "is not an address such as https://shop.example",
    "url_scheme": lambda context: f"is not an address that begins with {context['expected_schemes']}",
}


def is_said(kind: str) -> bool:
    """Are there words for this kind of error? Those of the others are pydantic's."""
    return kind in _WORDS


def words(error: Mapping[str, Any]) -> str:
    """What is wrong with one value, to follow its name."""
    say = _WORDS.get(error["type"], str(error["msg"]))
    return say if isinstance(say, str) else say(error.get("ctx", {}))


def sentence(error: Mapping[str, Any], whole: str, known: Collection[str] = ()) -> str:
    """The same after the name of the value. `whole` is the name of what was sent, `known` the fields there are."""
    place = ".".join(marked(str(part)[:_LONGEST]) for part in error["loc"]) or whole
    if error["type"] == "value_error":  # says itself what it is about
        return words(error) if place == whole else f"{place}: {words(error)}"
    there_are = f"; there are {', '.join(sorted(known))}" if known and error["type"] == "extra_forbidden" else ""
    return f"{place} {words(error)}{there_are}"


def sentences(errors: Iterable[Mapping[str, Any]], whole: str) -> str:
    """All of a call's errors, up to ten."""
    return "; ".join(sentence(one, whole) for one in list(errors)[:_NAMED])
