"""docs/flow.md: the way of one order through the files is as the document says, and short enough to follow."""

from __future__ import annotations

import ast
import re

import pytest

from sync_pipeline.config import PROJECT

_TEXT = (PROJECT / "docs" / "flow.md").read_text("utf-8")
_ROW = re.compile(r"^\|[^|]*\| `([\w/.]+)` \| ([^|]+) \|", re.MULTILINE)
HOPS = [(file, name) for file, names in _ROW.findall(_TEXT) for name in re.findall(r"`([\w.]+)`", names)]
MOST = 26


def test_a_person_opens_few_files() -> None:
    assert 15 < len({file for file, _ in HOPS}) <= MOST


@pytest.mark.parametrize(("file", "name"), HOPS)
def test_what_the_document_names_is_there(file: str, name: str) -> None:
    text = (PROJECT / "sync_pipeline" / file).read_text("utf-8")
    if file.endswith(".sql"):
        assert re.search(rf"^-- {name} --$", text, re.MULTILINE)
        return
    body: list[ast.stmt] = ast.parse(text).body
    for part in name.split("."):
        named = (ast.FunctionDef, ast.ClassDef)
        found = next(one for one in body if isinstance(one, named) and one.name == part)
        body = found.body
