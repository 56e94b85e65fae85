"""The version of the documents, and the acceptance scripts among them. `make docs-version` writes both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

FILE = "documents.json"


@dataclass(frozen=True, slots=True)
class DocumentsVersion:
    """`version`: SHA-256 of the documents that people write. `scripts`: acceptance script → SHA-256 of its file."""

    version: str
    scripts: Mapping[str, str]


@cache
def documents_version() -> DocumentsVersion:
    """Those of this program."""
    text = resources.files("sync_pipeline").joinpath(FILE).read_text("utf-8")
    found = json.loads(text)
    return DocumentsVersion(found["version"], found["scripts"])
