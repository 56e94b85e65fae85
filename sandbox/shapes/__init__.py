"""Shapes: facts about recorded payloads, without their contents.

`woocommerce.json` and `odoo.json` beside this file describe what real servers answered: field names, the kinds of
their values, headers, status and error codes. `python -m sandbox.shapes RECORDINGS` writes them.

A shape is nested as the payload is, the members of a list merged into one:

    "null|decimal text"             a value: all recorded kinds, joined by |
    {"id": "integer", "sku?": …}    an object; ? marks a field that some of the objects do not have
    {"*": …}                        an object whose keys are contents (ids, option names), not fields
    […] or []                       a list and its members; a list that was always empty
    {"": "null", "[]": […], …}      a value of several of these forms
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

Shape = Any  # str | list[Shape] | dict[str, Shape]

_TEXTS = (
    ("empty text", ""),
    ("integer text", r"-?\d+"),
    ("decimal text", r"-?\d+\.\d+"),
    ("date text", r"\d{1,4}-\d\d-\d\d"),
    ("time with T text", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"),
    ("time text", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    ("HTTP date", r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"),
    ("URL", r"https?://\S+"),
    ("link header", r'<\S+>; rel="\S+"(, <\S+>; rel="\S+")*'),
    ("e-mail", r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    ("slug", r"[a-z0-9]+([_-][a-z0-9]+)*"),
    ("text", r"[\s\S]*"),
)
_PATTERNS = [(kind, re.compile(pattern)) for kind, pattern in _TEXTS]
TEXT_KINDS = tuple(kind for kind, _ in _TEXTS)
JSON_TYPES = {
    "null": "null", "true": "boolean", "false": "boolean", "0": "integer", "integer": "integer", "0.0": "number",
    "number": "number", **dict.fromkeys(TEXT_KINDS, "text"), "empty list": "list", "list": "list", "pair": "list",
    "text pair": "list", "empty object": "object", "object": "object",
}  # fmt: skip
EMPTY = {"null", "false", "0", "0.0", "empty text", "empty list", "empty object"}
# Objects whose keys are contents: option names, values of plugins, route parameters.
_OPEN = re.compile(r"\.(value|routes|args|taxonomies|product_visibility_terms|reviewer_avatar_urls|options(\.\*)*)$")


def kind_of(value: Any) -> str:
    """The kind of a value, a key of `JSON_TYPES`. For lists and objects it says only whether they are empty."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return "integer" if value else "0"
    if isinstance(value, float):
        return "number" if value else "0.0"
    if isinstance(value, str):
        return next(kind for kind, pattern in _PATTERNS if pattern.fullmatch(value))
    if isinstance(value, dict):
        return "object" if value else "empty object"
    if len(value) == 2 and isinstance(value[1], str):
        return "pair" if isinstance(value[0], int) else "text pair"
    return "list" if value else "empty list"


def joined(values: list[Any]) -> str:
    """The kinds of some values, as written in a shape."""
    return "|".join(sorted({kind_of(value) for value in values}))


def learn(values: list[Any], path: str = "") -> Shape:
    """The shape of the values of one path, for example `[].billing`."""
    objects = [value for value in values if isinstance(value, dict)]
    lists = [value for value in values if isinstance(value, list)]
    filled = any(objects)
    others = joined([v for v in values if (v == {} and not filled) or not isinstance(v, (dict, list))])
    members = learn_members(lists, path) if lists else []
    if not filled and not (lists and others):
        return members if lists else others
    shape: dict[str, Shape] = {"": others} if others else {}
    if lists:
        shape["[]"] = members
    if _OPEN.search(path):
        return {**shape, "*": learn([value for one in objects for value in one.values()], f"{path}.*")}
    for name in dict.fromkeys(name for one in objects for name in one):
        inner = [one[name] for one in objects if name in one]
        shape[name if len(inner) == len(objects) else f"{name}?"] = learn(inner, f"{path}.{name}")
    return shape


def learn_members(lists: list[list[Any]], path: str) -> list[Shape]:
    members = [value for one in lists for value in one]
    return [learn(members, f"{path}[]")] if members else []


def digest(value: Any) -> str:
    """A hash that proves a value equal to the recorded one, without storing that one."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def laid_out(value: Any, indent: int = 0) -> str:
    """JSON text with one value per line where it fits, so that changes have short diffs."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent < 110 or not value or isinstance(value, str):
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, list):
        return "[" + f",\n{pad}".join(laid_out(one, indent + 1) for one in value) + "]"
    lines = [f"{json.dumps(name)}: {laid_out(one, indent + 1)}" for name, one in value.items()]
    return "{\n" + pad + f",\n{pad}".join(lines) + "\n" + " " * indent + "}"


def shapes(provider: str) -> dict[str, Any]:
    """The shapes of a provider's recordings, `woocommerce` or `odoo`."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / f"{provider}.json").read_text("utf-8"))
    return found
