"""The shape of the code: one name for one thing, statements that a search finds, functions that fit on a page."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sync_pipeline.config import PROJECT

PACKAGE = PROJECT / "sync_pipeline"
SOURCES = {file: file.read_text("utf-8") for file in sorted(PACKAGE.rglob("*.py"))}
MOST_LINES = 60
_STATEMENT = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_LOGGED = re.compile(r"\bUPDATE (core\.\w+|promote\.(integration_mapping|pending_link)|\{table\}) ")

_WRITES_DIFFERENCE = re.compile(r"\b(INSERT INTO|UPDATE|MERGE INTO) +preview\.difference\b")
_COMMAND = re.compile(r"(^|\s)--[a-z]|sync-pipeline ")


def _place(file: Path, line: int = 1) -> str:
    return f"{file.relative_to(PROJECT)}:{line}"


def test_no_two_public_classes_share_a_name() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for file, text in SOURCES.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(_place(file, node.lineno))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_every_statement_has_a_name_of_its_own_that_a_search_finds() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.sql")):
        for name in _STATEMENT.findall(file.read_text("utf-8")):
            found[name].append(_place(file))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}
    everything = "\n".join(SOURCES.values())
    assert [name for name in found if f'"{name}"' not in everything] == [], "no .py file names these statements"


def test_every_update_of_what_undo_keeps_says_which_queue_it_was() -> None:
    """Else undo takes a row that the queue wrote twice for one that another queue wrote meanwhile, and refuses."""
    silent = [
        name
        for file in sorted(PACKAGE.rglob("*.sql"))
        for name, statement in zip(*[iter(_STATEMENT.split(file.read_text("utf-8"))[1:])] * 2, strict=True)
        for update in _LOGGED.finditer(statement)
        if "queue_id" not in statement[update.start() :].partition("WHERE")[0]
    ]
    # Of records that the same batch has mapped just before, which wrote its queue.
    assert silent == ["claim_orders"]


def test_whoever_writes_a_difference_gives_it_its_warnings() -> None:
    """A row without them is one that a policy lets through: `warn`, `warn_some` or `warn_again` follows it."""
    writers = {
        name
        for file in sorted(PACKAGE.rglob("*.sql"))
        for name, statement in zip(*[iter(_STATEMENT.split(file.read_text("utf-8"))[1:])] * 2, strict=True)
        if _WRITES_DIFFERENCE.search(statement)
    }
    warned = {
        "write_different": ("steps/preview/compare.py", "warn(conn"),
        "write_some": ("steps/preview/compare.py", "warn_some(conn"),
        "follow_differs": ("steps/preview/followed.py", "warn_again(conn"),
        "show_again": ("steps/promote/undo.py", "warn_again(conn"),
    }
    of_warnings = {"forget_warnings", "forget_sku_warnings", "forget_some_sku_warnings", "write_warnings"}
    assert writers == {*warned, *of_warnings, "no_longer_missing"}
    for name, (file, then) in warned.items():
        before, _, after = SOURCES[PACKAGE / file].partition(f'SQL["{name}"]')
        assert before
        assert then in after.partition("\ndef ")[0], f"{file}: {name} is not followed by {then}"


def test_no_error_that_every_door_shows_speaks_of_the_command_line() -> None:
    """Who calls the API, or uses the Explorer, has no options and no commands. Those of an operator are named here."""
    found = {
        _place(file).partition(":")[0]
        for file, text in SOURCES.items()
        if file.relative_to(PACKAGE).parts[0] in ("api", "explorer", "steps", "sources", "gates")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        for part in ast.walk(node.exc)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and _COMMAND.search(part.value)
    }
    operators = {
        "gates/migration.py": "migrates the database",
        "steps/approve/apply_proposed.py": "applies a migration",
        "steps/approve/migrations.py": "approves a migration",
        "steps/approve/policies.py": "may grant a policy on the machine",
        "steps/connect/credentials.py": "adds a provider",
        "steps/connect/organizations.py": "adds an organization: a caller of the API has one",
        "steps/observe/validation/signoff.py": "validates and signs",
    }
    assert found == {f"sync_pipeline/{file}" for file in operators}


def test_long_functions_say_why() -> None:
    """A function over 60 lines, its docstring left out, has a comment at its first line: `# long: …`."""
    assert [place for file, text in SOURCES.items() for place in _long(file, text)] == []


def _long(file: Path, text: str) -> Iterator[str]:
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0]
        said = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        size = (node.end_lineno or 0) - node.lineno + 1 - ((first.end_lineno or 0) - first.lineno + 1 if said else 0)
        head = "\n".join(lines[node.lineno - 1 : first.lineno])
        if size > MOST_LINES and "# long: " not in head:
            yield f"{_place(file, node.lineno)} {node.name}: {size} lines"
