"""docs/api.md, from the OpenAPI document and the recorded examples; a test holds them equal.

`python -m sync_pipeline.api.docs > docs/api.md` writes it; `make examples` records anew first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from sync_pipeline.api.application import build
from sync_pipeline.api.auth import RIGHTS, Right
from sync_pipeline.api.examples import Example, command, laid_out, taken, walk
from sync_pipeline.config import Settings

_HEAD = """# The HTTP API

Written by `make examples` from the service's OpenAPI document (`/openapi.json`); do not edit. The answers were recorded
from the demo, and a test runs all calls of this page, in their order, and compares. From a fresh clone, in a terminal:

    make demo

and when it says that the API is there, in another one, in the same folder:

```sh
API=http://127.0.0.1:8000
STORE=http://127.0.0.1:18871    # acme's shop: the demo says at which port it opened its stores
TOKEN=$(.venv/bin/sync-pipeline token add acme --role operator)
ADMIN=$(.venv/bin/sync-pipeline token add acme --role admin)
PLUGIN=$(.venv/bin/sync-pipeline token add acme --role plugin --connection shop)
```

The calls are there to be copied one after the other. Where one needs something that an answer said, as the id of a
plan, a line `PLAN=…` shows where it stands; yours is another. `| python3 -m json.tool` lays an answer out.
`"…": "52 more"` marks what is left out on this page alone.

{description}
"""
_RIGHTS = {
    Right.READ: "look at everything but secrets",
    Right.PROPOSE: "select as a draft, make a plan",
    Right.FETCH: "ask a store: preview, full sync, test",
    Right.SELECT: "make a selection that counts",
    Right.PROMOTE: "approve, apply, undo plans; steer queues",
    Right.DECIDE: "answer a gate",
    Right.CONNECT: "make and change connections",
    Right.PEOPLE: "tokens and users",
    Right.PUSH: "send records into the token's connection",
}


def render(document: Mapping[str, Any]) -> str:
    """The document as Markdown."""
    return "\n".join(_lines(document)).rstrip() + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield _HEAD.format(description=document["info"]["description"])
    yield "## Who may do what\n"
    yield "| right | " + " | ".join(RIGHTS) + " |"
    yield "|---|" + "---|" * len(RIGHTS)
    for right, words in _RIGHTS.items():
        yield f"| {right}: {words} | " + " | ".join("yes" if right in those else "" for those in RIGHTS.values()) + " |"
    yield ""
    order = {name: place for place, name in reversed(list(enumerate(one.under for one in walk())))}
    for tag in document["tags"]:
        calls = [
            (method, path, operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if tag["name"] in operation.get("tags", ())
        ]
        if not calls:
            continue
        calls.sort(key=lambda call: order.get(call[2]["operationId"], len(order)))
        yield f"## {tag['name'].capitalize()}\n"
        yield f"{tag['description']}\n"
        for method, path, operation in calls:
            yield from _call(document, method, path, operation)


def _call(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {method.upper()} {path}\n"
    yield f"{operation.get('description', operation.get('summary', '')).strip()}\n"
    if "x-right" in operation:
        needs = f"the right to {operation['x-right']}" if operation["x-right"] else "any token"
        yield f"Needs {needs}: {', '.join(operation['x-roles'])}.\n"
    rows = [
        _row(document, one["name"], one["in"], one.get("description"), one["schema"], bool(one.get("required")))
        for one in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    rows += _fields(document, body["schema"]) if body else []
    if rows:
        yield "| parameter | in | | |"
        yield "|---|---|---|---|"
        yield from rows
        yield ""
    for example in walk():
        if example.under == operation["operationId"]:
            yield from _shown(example)
    good = next(status for status in operation["responses"] if status < "300")
    others = [status for status in operation["responses"] if status != good]
    if others:
        yield f"Other answers: {', '.join(others)}.\n"


def _row(
    document: Mapping[str, Any], name: str, place: str, words: str | None, schema: Mapping[str, Any], required: bool
) -> str:
    default = f"default {json.dumps(schema['default'])}" if schema.get("default") is not None else "optional"
    said = (words or schema.get("description") or "").replace("|", "/")
    return f"| `{name}` | {place} | {_kind(document, schema)}, {'required' if required else default} | {said} |"


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any], before: str = "") -> list[str]:
    """The rows of a body's fields, and of those of the records in its lists."""
    schema = _resolved(document, schema)
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return _fields(document, one, before)
    rows = []
    needed = set(schema.get("required", ()))
    for name, one in sorted(schema.get("properties", {}).items(), key=lambda field: field[0] not in needed):
        required = name in needed
        rows.append(_row(document, before + name, "body", None, one, required))
        rows += _fields(document, one.get("items", {}), f"{before}{name}[].")
    return rows


def _shown(example: Example) -> Iterator[str]:
    if example.says:
        yield f"{example.says}\n"
    yield f"```sh\n{command(example)}\n```\n"
    if example.call or example.take:
        yield f"Answers {example.status}:\n"
        if isinstance(example.answer, str):
            yield f"```text\n{example.answer}\n```\n"
        else:
            yield f"```json\n{laid_out(example.answer)}\n```\n"
    if example.take:
        yield "```sh\n" + "\n".join(taken(example)) + "\n```\n"


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        kinds = [_kind(document, one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    return str(schema.get("format") or schema.get("type") or "any")


if __name__ == "__main__":
    sys.stdout.write(render(build(Settings()).openapi()))
