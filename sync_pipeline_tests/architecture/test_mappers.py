"""Mappers read payloads with the functions of `values` and with nothing else, so that a rule for a kind of value holds
for every field.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.config import PROJECT
from sync_pipeline.sources.base import all_sources

SOURCES = PROJECT / "sync_pipeline" / "sources"
WOOCOMMERCE = sorted((SOURCES / "woocommerce" / "mappers").glob("*.py"))
EVERY = sorted(SOURCES.glob("*/mappers/*.py"))
PARSERS = {"fromisoformat", "strptime", "fromtimestamp", "unescape", "loads"}


def _reads(tree: ast.AST) -> Iterator[int]:
    """Lines that take a value out of a payload by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            yield node.lineno
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and isinstance(node.slice, ast.Constant):
            yield node.lineno


@pytest.mark.parametrize("file", [one for one in WOOCOMMERCE if one.name != "values.py"], ids=lambda one: one.name)
def test_no_mapper_takes_a_value_out_of_a_payload_itself(file: Path) -> None:
    assert list(_reads(ast.parse(file.read_text("utf-8")))) == []


@pytest.mark.parametrize("file", EVERY, ids=lambda one: f"{one.parent.parent.name}/{one.name}")
def test_dates_numbers_and_entities_are_parsed_in_one_place(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    named = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
    }
    assert named & PARSERS == ({"unescape"} if file == SOURCES / "woocommerce" / "mappers" / "values.py" else set())
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Decimal"]
    assert all(isinstance(argument, ast.Constant) for node in made for argument in node.args)


MAPPERS = {
    f"{provider}/{stream.name}": stream.to_entity
    for provider, one in all_sources().items()
    for stream in one.streams.values()
    if getattr(stream.to_entity, "reads", None)  # a mapper that declares none is given every field
}


def _named(function: Any, parameter: str, seen: set[Any]) -> Iterator[str]:
    """The fields of a payload that a function reads by name, and those that functions it hands it to read."""
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


@pytest.mark.parametrize("name", MAPPERS)
def test_a_mapper_declares_every_field_that_it_reads(name: str) -> None:
    """Promotion decodes no other fields: one that `@reads` does not name would always be empty."""
    mapper: Any = MAPPERS[name]
    function = inspect.unwrap(mapper)
    first = next(iter(inspect.signature(function).parameters))
    named = set(_named(function, first, set()))
    assert named, "this test finds no field of the mapper"
    assert named - set(mapper.reads) == set()
