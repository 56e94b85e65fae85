"""Mappers read payloads with the functions of `values` and with nothing else, so that a rule for a kind of value holds
for every field.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.config import PROJECT
from sync_pipeline.sources.base import all_sources
from sync_pipeline_tests.reading import fields_read, looked_up

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


@pytest.mark.parametrize("name", MAPPERS)
def test_a_mapper_declares_every_field_that_it_reads(name: str) -> None:
    """Promotion decodes no other fields: one that `@reads` does not name would always be empty."""
    mapper: Any = MAPPERS[name]
    named = fields_read(mapper)
    assert named, "this test finds no field of the mapper"
    forgotten = sorted(named - set(mapper.reads) - looked_up(mapper))
    assert not forgotten, f"The mapper of {name} reads {', '.join(forgotten)}: name that in its @reads(…)."
    assert not looked_up(mapper) & set(mapper.reads), "what a payload says there is not what is looked up"
