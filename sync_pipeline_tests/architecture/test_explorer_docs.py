"""The document of roles names every page and action of the Explorer, and who may."""

from __future__ import annotations

from sync_pipeline.explorer.roles import DOCUMENT, pages, written


def test_the_table_of_roles_is_current() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert text == written(text), "run: python -m sync_pipeline.explorer.roles"


def test_every_page_and_action_says_what_it_is() -> None:
    assert [f"{method} {path}" for method, path, words, _ in pages() if not words.endswith(".")] == []
