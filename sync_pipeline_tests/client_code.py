"""Write sync_pipeline_client/models.py and calls.py from the OpenAPI document: `make client`.

A test compares the two files with what this writes.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from sync_pipeline.api.application import build
from sync_pipeline.config import PROJECT, Settings

FOLDER = PROJECT / "sync_pipeline_client"
# Errors are exceptions here; lists and answers are read by transport.py.
_OWN = ("Answer_", "Listing_", "Problem", "StaleProblem", "Moved", "HTTPValidationError", "ValidationError")
# A store sends the first, not a client; the second is a stream, and client.py follows it.
LEFT_OUT = ("deliver", "queue_events", "metrics")
_HEAD = '"""{words}\n\nWritten by `make client` from the OpenAPI document; do not edit.\n"""\n\n'
_IMPORTS = """from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

"""
_FORMATS = {"uuid": "UUID", "date-time": "datetime"}
_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
Schema = Mapping[str, Any]


def files() -> dict[Path, str]:
    """The generated files and what is to be in them."""
    document = build(Settings(secret_key=SecretStr("none"))).openapi()
    return {
        FOLDER / "models.py": _formatted(_models(document)),
        FOLDER / "calls.py": _formatted(_calls(document)),
    }


def _formatted(text: str) -> str:
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    fixed = [*ruff, "check", "--select", "F401,I", "--fix", "--quiet", "--stdin-filename", str(FOLDER / "x.py"), "-"]
    done = subprocess.run(fixed, input=text, capture_output=True, text=True, check=True, cwd=PROJECT)
    form = [*ruff, "format", "--quiet", "--stdin-filename", str(FOLDER / "x.py"), "-"]
    return subprocess.run(form, input=done.stdout, capture_output=True, text=True, check=True, cwd=PROJECT).stdout


def _models(document: Schema) -> str:
    lines = [
        _HEAD.format(words="What is sent and answered."),
        _IMPORTS,
        "from pydantic import BaseModel, ConfigDict, Field\n\n",
    ]
    sent = _sent_only(document)
    for name, schema in sorted(document["components"]["schemas"].items()):
        if not name.startswith(_OWN):
            lines.append("\n".join(_model(name, schema, sent=name in sent)) + "\n\n\n")
    return "".join(lines)


def _sent_only(document: Schema) -> set[str]:
    """The models that are sent and never answered. A newer service may answer more fields than a model knows."""
    calls = [one for operations in document["paths"].values() for one in operations.values()]
    sent = _named(document, [one.get("requestBody", {}) for one in calls])
    return sent - _named(document, [one["responses"] for one in calls])


def _named(document: Schema, part: Any) -> set[str]:
    """The models that a part of the document names, and those that these name."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        for name in set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(waiting.pop()))) - found:
            found.add(name)
            waiting.append(document["components"]["schemas"][name])
    return found


def _model(name: str, schema: Schema, *, sent: bool) -> Iterator[str]:
    yield f"class {name}(BaseModel):"
    yield f'    """{_words(schema.get("description", name), 4)}"""\n'
    fields = list(_fields(schema))
    # A field that it does not know would not be sent.
    settings = ['extra="forbid"'] if sent else []
    settings += ["populate_by_name=True"] if any("alias=" in line for line in fields) else []
    if settings:
        yield f"    model_config = ConfigDict({', '.join(settings)})\n"
    yield from fields


def _fields(schema: Schema) -> Iterator[str]:
    needed = set(schema.get("required", ()))
    for name, one in schema["properties"].items():
        ours = _alone(name)
        told: list[str] = [f"alias={name!r}"] if ours != name else []
        if name not in needed:
            told.insert(0, "default_factory=list" if one.get("type") == "array" else f"default={one.get('default')!r}")
        if "description" in one:
            yield from (f"    # {line}" for line in textwrap.wrap(one["description"], 112))
        kind = _kind(one)
        if name not in needed and one.get("default") is None and one.get("type") != "array" and "None" not in kind:
            kind = f"{kind} | None"
        given = f" = Field({', '.join(told)})" if len(told) > 1 or ours != name else ""
        if told and not given:
            given = (
                " = Field(default_factory=list)" if "factory" in told[0] else f" = {told[0].removeprefix('default=')}"
            )
        quiet = "  # noqa: N815" if ours != ours.lower() else ""
        yield f"    {ours}: {kind}{given}{quiet}"


def _alone(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _kind(schema: Schema, models: str = "") -> str:
    """A schema as a type; `models`: what stands before the name of a model."""
    if "$ref" in schema:
        return models + str(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        kinds = dict.fromkeys("None" if one.get("type") == "null" else _kind(one, models) for one in schema["anyOf"])
        return "Any" if "Any" in kinds else " | ".join(kinds)
    if "const" in schema or "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema.get('enum', [schema.get('const')])))}]"
    if schema.get("type") == "array":
        return f"list[{_kind(schema.get('items', {}), models)}]"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {_kind(values, models) if isinstance(values, dict) else 'Any'}]"
    return _FORMATS.get(schema.get("format", ""), _TYPES.get(schema.get("type", ""), "Any"))


def _calls(document: Schema) -> str:
    lines = [
        _HEAD.format(words="Every call of the service as a method."),
        _IMPORTS,
        "from sync_pipeline_client import models\n",
        "from sync_pipeline_client.transport import Page, Transport, part\n\n\n",
        "class Calls(Transport):\n",
        '    """The calls. What a call needs and answers is in the API\'s documents under its path."""\n\n',
    ]
    for tag in document["tags"]:
        for path, operations in document["paths"].items():
            for method, one in operations.items():
                if tag["name"] in one["tags"] and one["operationId"] not in LEFT_OUT:
                    lines.append("\n".join(_call(document, method.upper(), path, one)) + "\n\n")
    return "".join(lines)


def _call(document: Schema, method: str, path: str, one: Schema) -> Iterator[str]:
    given, sent = ["self"], []
    every = one.get("parameters", ())
    given += [f"{p['name']}: {_kind(p['schema'], 'models.')}" for p in every if p["in"] == "path"]
    body, how = _body(one)
    given += [body] if body else []
    named = [p for p in every if p["in"] != "path"]
    given += ["*"] if named else []
    given += [_parameter(p) for p in sorted(named, key=lambda p: not p.get("required"))]
    for place, name in (("query", "query"), ("header", "headers")):
        pairs = [f'"{p["name"]}": {_snake(p["name"])}' for p in named if p["in"] == place]
        sent += [f"{name}={{{', '.join(pairs)}}}"] if pairs else []
    sent += [f"body={how}"] if how else []
    reader, kind = _answered(document, one)
    formatted = re.sub(r"{(\w+)}", r"{part(\1)}", path)
    address = f'f"{formatted}"' if formatted != path else f'"{path}"'
    yield f"    def {one['operationId']}({', '.join(given)}) -> {kind}:"
    yield f'        """{_words(one["description"], 8)}\n\n        {method} {path}\n        """'
    yield f"        return self.{reader}({', '.join([kind, json.dumps(method), address, *sent])})"


def _body(one: Schema) -> tuple[str, str]:
    """The method's parameter for the body, and what is sent of it."""
    schema = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return "", ""
    if "properties" in schema:  # a push: records with whatever fields a store has
        (kind,) = schema["properties"]
        return f"{kind}: list[dict[str, Any]]", f'{{"{kind}": {kind}}}'
    kind = _kind(schema, "models.")
    return (f"given: {kind} = None" if kind.endswith("None") else f"given: {kind}"), "given"


def _parameter(p: Schema) -> str:
    schema, kind = p["schema"], _kind(p["schema"], "models.")
    if p.get("required"):
        return f"{_snake(p['name'])}: {kind}"
    default = schema.get("default")
    return f"{_snake(p['name'])}: {kind} = {default!r}"


def _answered(document: Schema, one: Schema) -> tuple[str, str]:
    """The method of the transport that reads the answer, and as what."""
    good = next(status for status in one["responses"] if status < "300")
    name = one["responses"][good]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    data = document["components"]["schemas"][name]["properties"].get("data", {})
    if name.startswith("Answer_"):
        return "_data", _kind(data, "models.")
    if name.startswith("Listing_"):
        return "_answer", f"Page[{_kind(data['items'], 'models.')}]"
    return "_answer", f"models.{name}"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name.replace("-", "_")).lower()


def _words(text: str, indent: int) -> str:
    lines = [
        line for block in text.strip().split("\n\n") for line in (*textwrap.wrap(" ".join(block.split()), 108), "")
    ]
    return ("\n" + " " * indent).join(lines[:-1]).replace("\n" + " " * indent + "\n", "\n\n")


if __name__ == "__main__":
    for file, text in files().items():
        file.write_text(text, "utf-8")
