"""Documents that people read under pressure say one thing a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sync_pipeline.config import PROJECT

LONGEST = 36  # words
_BEGINS = re.compile(r"\s*(?:[-*]|\d+\.) ")


def paragraphs(text: str) -> Iterator[str]:
    """Running text: no tables, headings or examples."""
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        apart = not line.strip() or line.lstrip().startswith("|") or line.startswith(("#", "    "))
        if (apart or _BEGINS.match(line)) and lines:
            yield " ".join(lines)
            lines = []
        if not apart:
            lines.append(line.strip())


def sentences(name: str) -> Iterator[str]:
    text = (PROJECT / "docs" / name).read_text("utf-8")
    text = re.sub(r"<!-- python -m.*?<!-- end[^>]*-->|^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for one in paragraphs(text):
        plain = re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "CODE", one))
        yield from re.split(r"(?<=[.!?])\s+(?=[A-Z“*\[(])", plain)


@pytest.mark.parametrize("name", ["security.md", "operations.md", "agents.md", "migrations.md", "validation.md"])
def test_a_sentence_is_read_in_one_breath(name: str) -> None:
    found = list(sentences(name))
    assert len(found) > 20
    assert [one for one in found if len(re.findall(r"[\w’'-]+", one)) > LONGEST] == []
