"""docs/api.md, from the OpenAPI document: `python -m sync_pipeline.api.docs > docs/api.md`. A test holds them equal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from sync_pipeline.api.application import build
from sync_pipeline.api.auth import RIGHTS, Right
from sync_pipeline.config import Settings

_HEAD = """# The HTTP API

Written from the service's OpenAPI document (`/openapi.json`) by `python -m sync_pipeline.api.docs`; do not edit.

    sync-pipeline serve --port 8000
    TOKEN=$(sync-pipeline token add ORG --role operator)
    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8000/api/v1/status

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
_EXAMPLES = {"string": "…", "integer": 1, "number": 1.0, "boolean": False, "null": None}
_FORMATS = {"uuid": "6f1c0f4e-6f0b-4c39-9a51-6a2f0f3f8f10", "date-time": "2026-11-21T08:00:00Z"}


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
    for tag in document["tags"]:
        calls = [
            (method, path, operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if tag["name"] in operation.get("tags", ())
        ]
        if not calls:
            continue
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
    parameters = operation.get("parameters", [])
    if parameters:
        yield "| parameter | in | | |"
        yield "|---|---|---|---|"
        for one in parameters:
            kind = _kind(document, one["schema"])
            needed = "required" if one.get("required") else f"default {json.dumps(one['schema'].get('default'))}"
            words = one.get("description") or one["schema"].get("description") or ""
            yield f"| `{one['name']}` | {one['in']} | {kind}, {needed} | {words.replace('|', '/')} |"
        yield ""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    good = next(status for status in operation["responses"] if status < "300")
    answer = operation["responses"][good].get("content", {}).get("application/json")
    yield "```"
    yield from _curl(document, method, path, operation, body)
    if answer and answer.get("schema"):
        yield ""
        yield f"{good} {json.dumps(_example(document, answer['schema']), ensure_ascii=False)}"
    yield "```\n"
    others = [status for status in operation["responses"] if status != good]
    if others:
        yield f"Other answers: {', '.join(others)}.\n"


def _curl(
    document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any], body: Any
) -> Iterator[str]:
    query = []
    for one in operation.get("parameters", []):
        value = _example(document, one["schema"])
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(value))
        elif one["in"] == "query" and one.get("required"):
            query.append(f"{one['name']}={value}")
    address = "$API" + path + ("?" + "&".join(query) if query else "")
    token = ' -H "Authorization: Bearer $TOKEN"' if operation.get("security") else ""
    verb = "" if method == "get" else f" -X {method.upper()}"
    sent = ""
    if body:
        text = json.dumps(_example(document, body["schema"], only_required=True), ensure_ascii=False)
        sent = f" \\\n    -H 'Content-Type: application/json' -d '{text}'"
    yield f'curl{verb}{token} "{address}"{sent}'


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _example(document: Mapping[str, Any], schema: Mapping[str, Any], *, only_required: bool = False) -> Any:
    """A value of this schema: its own example, else one made of its parts."""
    schema = _resolved(document, schema)
    if schema.get("examples"):
        return schema["examples"][0]
    for name in ("example", "const"):
        if name in schema:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return _example(document, schema[name][0], only_required=only_required)
    if schema.get("type") == "object" or "properties" in schema:
        required = schema.get("required", [])
        return {
            name: _example(document, one, only_required=only_required)
            for name, one in schema.get("properties", {}).items()
            if not only_required or name in required
        }
    if schema.get("type") == "array":
        return [_example(document, schema["items"], only_required=only_required)] if schema.get("items") else []
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if "pattern" in schema and schema.get("minLength") == 64:
        return "0" * 64
    return _EXAMPLES.get(str(schema.get("type")), {})


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        kinds = [_kind(document, one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    return str(schema.get("format") or schema.get("type") or "any")


if __name__ == "__main__":
    sys.stdout.write(render(build(Settings()).openapi()))
