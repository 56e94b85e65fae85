"""The calls that the documents show, in the order in which they work, with answers recorded from the demo.

`examples.json` goes through every operation. To add a call, write everything except `status` and `answer`, which
`make examples` records. A test runs the calls in the documents again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("examples.json")
MORE = "…"  # marks an omission: as a key of a mapping, a list's last element, or a line of a text
WIDTH = 118
_VARIABLE = re.compile(r"\$([A-Z][A-Z_]*)")


@dataclass(frozen=True)
class Example:
    """One call; or, without `call`, something to do at the store.

    `under`: the id of the operation that it illustrates. `call`: method and path with `$VARIABLES`. `as_`: the variable
    that holds the token. `first`: shell lines before the call. `take`: variable → path in the answer, for later calls.
    `keep`: path → the names, or the number of elements, that the documents show of a long part. `until`: path → value
    that the recording waits for. `off_schema`: the body is invalid on purpose, or a
    text of the shell that stands for one.
    """

    under: str
    says: str = ""
    first: tuple[str, ...] = ()
    call: str | None = None
    as_: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    take: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, Any] = field(default_factory=dict)
    until: Mapping[str, str] = field(default_factory=dict)
    off_schema: bool = False
    status: int | None = None
    answer: Any = None

    @property
    def method(self) -> str:
        """The HTTP method in lowercase, as in OpenAPI."""
        return (self.call or "").partition(" ")[0].lower()

    @property
    def path(self) -> str:
        """The path without the query."""
        return (self.call or "").partition(" ")[2].partition("?")[0]


@cache
def walk() -> tuple[Example, ...]:
    """All examples, in order."""
    given = json.loads(FILE.read_text("utf-8"))
    return tuple(Example(**{("as_" if key == "as" else key): value for key, value in one.items()}) for one in given)


def command(example: Example) -> str:
    """The shell lines that a reader copies; the last one is the call as curl."""
    lines = list(example.first)
    if example.call:
        method, _, address = example.call.partition(" ")
        parts = [f'curl "$API{address}"']
        if method != ("GET" if example.body is None else "POST"):
            parts.insert(0, f"curl -X {method}")
            parts[1] = parts[1].removeprefix("curl ")
        if example.as_:
            parts.append(f'-H "Authorization: Bearer ${example.as_}"')
        parts += [f'-H "{name}: {value}"' for name, value in example.headers.items()]
        if example.body is not None:
            parts += _sent(example.body)
        if address.endswith("/events"):
            parts[0] = parts[0].replace("curl", "curl -N", 1)
        lines.append(_wrapped(parts))
    return "\n".join(lines)


def _sent(body: Any) -> list[str]:
    if isinstance(body, str):  # sent unchanged: a variable, or invalid JSON
        return ["-H 'Content-Type: application/json'", f'-d "{body}"']
    text = laid_out(body).replace("'", "'\\''")
    return ["-H 'Content-Type: application/json'", "-d '" + _VARIABLE.sub(r"'$\1'", text) + "'"]


def _wrapped(parts: list[str]) -> str:
    text, width = parts[0], len(parts[0])
    for part in parts[1:]:
        first_line = part.partition("\n")[0]
        if width + 1 + len(first_line) > WIDTH - 2:
            text, width = f"{text} \\\n  {part}", 2 + len(first_line)
        else:
            text, width = f"{text} {part}", width + 1 + len(first_line)
        if "\n" in part:
            width = len(part.rpartition("\n")[2])
    return text


def laid_out(value: Any, width: int = WIDTH, indent: int = 0, before: int = 0) -> str:
    """JSON formatted for reading, with as much on a line as fits. `before`: characters already on the first line."""
    line = json.dumps(value, ensure_ascii=False)
    if indent + before + len(line) < width or not value or not isinstance(value, (dict, list)):
        return line
    inner = indent + 2
    if isinstance(value, dict):
        names = [f"{json.dumps(name, ensure_ascii=False)}: " for name in value]
        parts = [n + laid_out(one, width, inner, len(n)) for n, one in zip(names, value.values(), strict=True)]
        opening, closing = "{}"
    else:
        parts = [laid_out(one, width, inner) for one in value]
        opening, closing = "[]"
    lines: list[str] = []
    for part in parts:
        alone = "\n" in part or part.startswith("{") or not lines or "\n" in lines[-1]
        if alone or inner + len(lines[-1]) + 3 + len(part) > width:
            lines.append(part)
        else:
            lines[-1] += f", {part}"
    space = "\n" + " " * inner
    return f"{opening}{space}" + f",{space}".join(lines) + f"\n{' ' * indent}{closing}"


def at(value: Any, place: str) -> Any:
    """The value at a path such as `data.0.external_id` of an answer."""
    for part in place.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def calls(document: Mapping[str, Any]) -> Iterator[tuple[Example, str, dict[str, Any] | None]]:
    """Each example that calls the service, its path with variables resolved, and the OpenAPI operation it calls."""
    known: dict[str, Any] = {}
    for example in walk():
        if example.call:
            path = str(_resolved(example.path, known))
            resolved = replace(example, body=_resolved(example.body, known))
            yield resolved, path, _operation(document, example.method, path)
        if example.answer is not None:
            known |= {name: at(example.answer, place) for name, place in example.take.items()}


def _operation(document: Mapping[str, Any], method: str, path: str) -> dict[str, Any] | None:
    for template, operations in document["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if method in operations and re.fullmatch(pattern, path):
            found: dict[str, Any] = operations[method]
            return found
    return None


def illustrate(document: dict[str, Any]) -> None:
    """Add the examples to the requests and responses of the OpenAPI document."""
    for example, _, found in calls(document):
        if found is None or example.answer is None:
            continue
        sent = found.get("requestBody", {}).get("content", {}).get("application/json")
        if sent is not None and example.body is not None and not example.off_schema:
            _add(sent, example, example.body)
        for kind, media in found["responses"].get(str(example.status), {}).get("content", {}).items():
            text = kind != "application/json"
            if text == isinstance(example.answer, str):
                _add(media, example, example.answer if text else whole(example.answer))


def _add(media: dict[str, Any], example: Example, value: Any) -> None:
    there = media.setdefault("examples", {})
    summary = {"summary": example.says.partition(". ")[0].rstrip(".:")} if example.says else {}
    there[f"example {len(there) + 1}"] = {**summary, "value": value}


def _resolved(value: Any, known: Mapping[str, Any]) -> Any:
    """`value` with its variables replaced by values from the recorded answers."""
    if isinstance(value, dict):
        return {name: _resolved(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, known) for one in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: str(known.get(found[1], MORE)), value)
    return value


def whole(value: Any) -> Any:
    """`value` without the marks of omissions, so that it matches its schema."""
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items() if name != MORE}
    if isinstance(value, list):
        return [whole(one) for one in value if not (isinstance(one, str) and one.startswith(MORE))]
    return value


def taken(example: Example) -> Iterator[str]:
    """The shell lines that save parts of the answer in variables."""
    for name, place in example.take.items():
        value = at(example.answer, place) if example.answer is not None else MORE
        yield f"{name}={value}    # {place} of the answer above"
