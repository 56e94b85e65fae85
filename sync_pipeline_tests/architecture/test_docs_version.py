"""The documents' version is bound to what they say, and the changelog names those that have changed since a release."""

from __future__ import annotations

from pathlib import Path

from sync_pipeline.config import PROJECT
from sync_pipeline.steps.observe import validation
from sync_pipeline_tests import docs_version

CHANGELOG = "# Changelog\n\n## Unreleased\n\n- New: {}.\n\n## 1.0\n\n- a.md, b.md, uat/\n"


def test_the_version_is_that_of_the_documents() -> None:
    there = docs_version.written()
    assert there == docs_version.current(there["released"]), "run: make docs-version"
    assert validation.documents_version().version == there["version"]


def test_the_changelog_names_every_document_that_changed_since_the_release() -> None:
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    missing = docs_version.unnamed(docs_version.documents(), docs_version.written()["released"], changelog)
    assert missing == [], "say in CHANGELOG.md, under Unreleased, what is new in them; once until the next release"


def test_new_changed_and_removed_documents_are_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "uat").mkdir()
    for name, text in (("a.md", "One."), ("b.md", "Two."), ("uat/c.md", "Three."), ("api.md", "generated")):
        (tmp_path / name).write_text(text, "utf-8")
    before = docs_version.documents(tmp_path)
    assert set(before) == {"a.md", "b.md", "uat/c.md"}
    assert docs_version.unnamed(before, before, CHANGELOG.format("nothing")) == []
    (tmp_path / "a.md").write_text("One more.", "utf-8")
    (tmp_path / "b.md").unlink()
    (tmp_path / "uat" / "d.md").write_text("Four.", "utf-8")
    now = docs_version.documents(tmp_path)
    assert docs_version.unnamed(now, before, CHANGELOG.format("nothing")) == ["a.md", "b.md", "uat/d.md"]
    assert docs_version.unnamed(now, before, CHANGELOG.format("a.md, uat/")) == ["b.md"]
    assert docs_version.unnamed(now, before, CHANGELOG.format("a.md, b.md, uat/d.md")) == []
    (tmp_path / "a.md").write_text("One more, and more.", "utf-8")
    assert docs_version.unnamed(docs_version.documents(tmp_path), before, CHANGELOG.format("a.md, b.md, uat/")) == []


def test_what_a_command_writes_and_how_lines_break_is_no_change() -> None:
    plain = docs_version.prose("One two.\n\nThree.")
    assert docs_version.prose("One\ntwo. Three.\n```sh\ncurl\n```\n") == plain
    assert docs_version.prose("One two.\n<!-- python -m x -->\n| a |\n<!-- end of the table -->\nThree.") == plain
    assert docs_version.prose("One two. Four.") != plain
