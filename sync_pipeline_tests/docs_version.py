"""The version of the documents: `make docs-version` writes it to sync_pipeline/documents.json.

It is the SHA-256 of the prose that people write: generated documents, code blocks, tables that a command writes, line
breaks and pictures do not count. A new version needs an entry in the changelog.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from typing import Any

from sync_pipeline.config import PROJECT
from sync_pipeline_tests.acceptance_scripts import names, script

FILE = PROJECT / "sync_pipeline" / "documents.json"
GENERATED = frozenset({"api.md", "api-examples.md", "core.md"})
_WRITTEN = re.compile(r"<!-- python -m .*?<!-- end[^>]*-->", re.DOTALL)  # by a command
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def current() -> dict[str, Any]:
    """The version, the changelog's entries for the next release, and the acceptance scripts, each as a SHA-256."""
    docs = PROJECT / "docs"
    read = sorted(file for folder in (docs, docs / "uat") for file in folder.glob("*.md") if file.name not in GENERATED)
    prose = "\n".join(f"{file.relative_to(docs)} {_prose(file.read_text('utf-8'))}" for file in read)
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    return {
        "version": _hash(prose),
        "changelog": _hash(" ".join(re.split(r"^## ", changelog, flags=re.MULTILINE)[1].split())),
        "scripts": {name: script(name).hash for name in names()},
    }


def next_version(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What is to be written now.

    Raises:
        ValueError: the documents changed, and the changelog did not.
    """
    if now["version"] == before["version"]:
        return {**now, "changelog": before["changelog"]}
    if now["changelog"] == before["changelog"]:
        raise ValueError(
            "The documents have changed. Say in CHANGELOG.md, under Unreleased, what is new, and run "
            "`make docs-version` again."
        )
    return now


def _prose(text: str) -> str:
    return " ".join(_FENCED.sub("", _WRITTEN.sub("", text)).split())


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    try:
        written = next_version(json.loads(FILE.read_text("utf-8")), current())
    except ValueError as error:
        sys.exit(str(error))
    FILE.write_text(json.dumps(written, indent=1) + "\n", "utf-8")
