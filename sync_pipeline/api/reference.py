"""What the OpenAPI document says about each call, as docs/api.md and the page /docs show it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_pipeline.api.examples import Example, walk


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter, or a field of a body or an answer: `a[].b` is a field of the records in the list `a`."""

    name: str
    place: str  # path, query, header, body
    kind: str  # its type in a word or two
    needed: str  # required, optional, default …
    words: str


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """What a call may answer."""

    status: str
    words: str


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call. `right`: what it needs, None for any token; `roles` is empty where it needs no token."""

    id: str
    method: str
    path: str
    words: str
    right: str | None
    roles: Sequence[str]
    parameters: Sequence[Parameter]
    answers: Sequence[CallAnswer]  # the one of success first
    fields: Sequence[Parameter]  # of that answer
    examples: Sequence[Example]


@dataclass(frozen=True, slots=True)
class ApiSection:
    """The calls with one tag, in the order in which their examples work."""

    name: str
    words: str
    calls: Sequence[ApiCall]


def sections(document: Mapping[str, Any]) -> Iterator[ApiSection]:
    """All calls of the document by tag; tags without calls are left out."""
    order = {name: place for place, name in reversed(list(enumerate(one.under for one in walk())))}
    for tag in document["tags"]:
        calls = [
            _call(document, method, path, operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if tag["name"] in operation.get("tags", ())
        ]
        if calls:
            calls.sort(key=lambda call: order.get(call.id, len(order)))
            yield ApiSection(tag["name"], tag["description"], calls)


def _call(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> ApiCall:
    parameters = [
        _parameter(document, one["name"], one["in"], one.get("description"), one["schema"], bool(one.get("required")))
        for one in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    parameters += _fields(document, body["schema"]) if body else []
    responses = operation["responses"]
    good = next(status for status in responses if status < "300")
    answer = responses[good].get("content", {}).get("application/json", {}).get("schema")
    return ApiCall(
        operation["operationId"],
        method.upper(),
        path,
        operation.get("description", operation.get("summary", "")).strip(),
        operation.get("x-right"),
        operation.get("x-roles", ()),
        parameters,
        [CallAnswer(one, responses[one]["description"]) for one in sorted(responses, key=lambda one: one != good)],
        _fields(document, answer, place="answer") if answer else (),
        [example for example in walk() if example.under == operation["operationId"]],
    )


def _parameter(
    document: Mapping[str, Any], name: str, place: str, words: str | None, schema: Mapping[str, Any], required: bool
) -> Parameter:
    default = f"default {json.dumps(schema['default'])}" if schema.get("default") is not None else "optional"
    said = words or schema.get("description") or ""
    return Parameter(name, place, _kind(document, schema), "required" if required else default, said)


def _fields(
    document: Mapping[str, Any], schema: Mapping[str, Any], before: str = "", place: str = "body"
) -> list[Parameter]:
    """Each field of a body, and each field of the records in its lists."""
    schema = _resolved(document, schema)
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return _fields(document, one, before, place)
    found = []
    needed = set(schema.get("required", ()))
    for name, one in sorted(schema.get("properties", {}).items(), key=lambda field: field[0] not in needed):
        found.append(_parameter(document, before + name, place, None, one, name in needed))
        found += _fields(document, one.get("items", {}), f"{before}{name}[].", place)
    return found


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
