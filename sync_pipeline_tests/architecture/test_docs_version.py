"""The documents' version is bound to what they say, and a new one to an entry in the changelog."""

from __future__ import annotations

import json

import pytest

from sync_pipeline.steps.observe import validation
from sync_pipeline_tests import docs_version


def test_the_version_is_that_of_the_documents() -> None:
    now = docs_version.current()
    written = json.loads(docs_version.FILE.read_text("utf-8"))
    said = "say in CHANGELOG.md what is new in the documents, then: make docs-version"
    assert written["version"] == now["version"], said
    assert written["scripts"] == now["scripts"], "run: make docs-version"
    assert validation.documents_version().version == now["version"]


def test_documents_that_change_need_an_entry_in_the_changelog() -> None:
    before = {"version": "a", "changelog": "b", "scripts": {}}
    with pytest.raises(ValueError, match=r"Say in CHANGELOG\.md"):
        docs_version.next_version(before, {**before, "version": "c"})
    changed = {"version": "c", "changelog": "d", "scripts": {"x": "y"}}
    assert docs_version.next_version(before, changed) == changed
    # An entry without a new document is not used up: it still belongs to the change that it describes.
    assert docs_version.next_version(before, {**before, "changelog": "d"})["changelog"] == "b"


def test_what_a_command_writes_and_how_lines_break_is_no_change() -> None:
    plain = docs_version._prose("One two.\n\nThree.")
    assert docs_version._prose("One\ntwo. Three.\n```sh\ncurl\n```\n") == plain
    assert docs_version._prose("One two.\n<!-- python -m x -->\n| a |\n<!-- end of the table -->\nThree.") == plain
    assert docs_version._prose("One two. Four.") != plain
