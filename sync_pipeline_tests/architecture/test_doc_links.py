"""Every link of the documents leads somewhere: to a file of the project, and to a heading in it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from sync_pipeline.config import PROJECT
from sync_pipeline.sources.base import all_sources

DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")


@cache
def _text(file: Path) -> str:
    return _FENCED.sub("", file.read_text("utf-8"))


@cache
def _anchors(file: Path) -> frozenset[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", _text(file), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one) for one in heads]
    return frozenset(re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in plain)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(PROJECT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    lost = []
    for link in _LINK.findall(_text(document)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            lost.append(link)
    assert lost == []


def test_the_index_names_every_document() -> None:
    index = (PROJECT / "docs" / "README.md").read_text("utf-8")
    assert [file.name for file in (PROJECT / "docs").glob("*.md") if f"({file.name})" not in index] == ["README.md"]


def test_the_comparison_counts_the_streams_that_there_are() -> None:
    text = (PROJECT / "docs" / "compare.md").read_text("utf-8")
    for one in all_sources().values():
        row = f"| {one.title} | {len(one.streams)} entities |"
        assert row in text, f"docs/compare.md counts other entities of {one.title}: write “{row}”."
