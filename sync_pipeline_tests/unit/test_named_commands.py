"""Commands that errors, hints and documents name are there, with these options and arguments: people copy them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sync_pipeline.cli.main import app
from sync_pipeline.config import PROJECT

_NAMED = re.compile(r"sync-pipeline ([a-z](?:(?!sync-pipeline)[^`\n])*)")
_END = re.compile(r"[,;.)](?: |$)| \(|  ")  # of the command, in a sentence
_DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
_MODULES = sorted((PROJECT / "sync_pipeline").rglob("*.py"))
# Named as what they are, not to be copied.
_NOUNS = {"connect", "mcp", "webhook", "migration"}


def _texts(module: Path) -> Iterator[str]:
    """The strings of a module, with X for what is filled in."""
    parts = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):  # a whole comes before its parts
        if isinstance(node, ast.JoinedStr):
            parts |= {id(one) for one in node.values}
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


@cache
def _root() -> Any:
    return get_command(app)


def wrong(text: str, *, whole: bool) -> list[str]:
    """What of the commands in a text is not so. `whole`: one between backticks has all its arguments."""
    found = []
    for match in _NAMED.finditer(text):
        words = _END.split(match[1])[0].split()
        command, path = _root(), list[str]()
        while words and words[0] in getattr(command, "commands", {}):
            path.append(words.pop(0))
            command = command.commands[path[-1]]
        name = " ".join(path)
        if getattr(command, "commands", None) and words and re.fullmatch(r"[a-z-]+", words[0]):
            found.append(f"there is no command “{' '.join([*path, words[0]])}”")
            continue
        options = {one for parameter in command.params for one in (*parameter.opts, *parameter.secondary_opts)}
        options |= {"--help", "-h"}
        if path[:1] != ["connect"]:  # its options are the providers'
            named = {word.partition("=")[0].rstrip(":…") for word in words if re.match("--[a-z]", word)}
            found += [f"“{name}” has no option {one}" for one in sorted(named - options)]
        needed = sum(one.param_type_name == "argument" and one.required for one in command.params)
        copied = whole and match.start() and text[match.start() - 1] == "`" and path and name not in _NOUNS
        given = [word for word in words if not word.startswith("-")]
        if copied and len(given) < needed:
            found.append(f"“{name}” needs {needed} arguments, “{match[0]}” has {len(given)}")
    return found


@pytest.mark.parametrize("module", _MODULES, ids=lambda one: str(one.relative_to(PROJECT)))
def test_what_the_program_names_can_be_copied(module: Path) -> None:
    assert [one for text in _texts(module) for one in wrong(text, whole=True)] == []


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda one: str(one.relative_to(PROJECT)))
def test_what_the_documents_name_is_there(document: Path) -> None:
    assert wrong(document.read_text("utf-8"), whole=False) == []


def test_what_is_not_there_is_found() -> None:
    assert wrong("Rotate it (`sync-pipeline rotate`).", whole=True) == ["there is no command “rotate”"]
    assert wrong("sync-pipeline pull acme --fully", whole=True) == ["“pull” has no option --fully"]
    assert wrong("Run `sync-pipeline doctor`.", whole=True) == [
        "“doctor” needs 1 arguments, “sync-pipeline doctor” has 0"
    ]
