"""The version of the documents: `make docs-version` writes it to sync_pipeline/documents.json.

It is the SHA-256 of the prose that people write: generated documents, code blocks, tables that a command writes, line
breaks and pictures do not count. What has changed since the last release is named in the changelog, once:
`python -m sync_pipeline_tests.docs_version release` begins anew, with a release.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sync_pipeline.config import PROJECT
from sync_pipeline_tests.acceptance_scripts import names, script

FILE = PROJECT / "sync_pipeline" / "documents.json"
GENERATED = frozenset({"api.md", "api-examples.md", "core.md"})
_WRITTEN = re.compile(r"<!-- (?:python -m|pictures:).*?<!-- end[^>]*-->", re.DOTALL)  # by a command
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    """What counts of a document."""
    return " ".join(_FENCED.sub("", _WRITTEN.sub("", text)).split())


def documents(folder: Path = PROJECT / "docs") -> dict[str, str]:
    """Each document that people write, by its name below docs, and the SHA-256 of its prose."""
    read = sorted(one for here in (folder, folder / "uat") for one in here.glob("*.md") if one.name not in GENERATED)
    return {str(one.relative_to(folder)): _hash(prose(one.read_text("utf-8"))) for one in read}


def unnamed(found: Mapping[str, str], released: Mapping[str, str], changelog: str) -> list[str]:
    """The documents that are other than in the last release, and that the changelog does not name since.

    A folder names what is in it: `uat/`.
    """
    said = re.split(r"^## ", changelog, flags=re.MULTILINE)[1]
    changed = [name for name in {**released, **found} if released.get(name) != found.get(name)]
    return sorted(name for name in changed if name not in said and f"{name.rpartition('/')[0] or name}/" not in said)


def written() -> dict[str, Any]:
    """What documents.json holds."""
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return found


def current(released: Mapping[str, str]) -> dict[str, Any]:
    """What it must hold."""
    version = _hash(json.dumps(documents(), sort_keys=True))
    return {"version": version, "scripts": {name: script(name).hash for name in names()}, "released": released}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    base = documents() if sys.argv[1:] == ["release"] else written()["released"]
    FILE.write_text(json.dumps(current(base), indent=1) + "\n", "utf-8")
    if missing := unnamed(documents(), base, (PROJECT / "CHANGELOG.md").read_text("utf-8")):
        sys.exit(f"Say in CHANGELOG.md, under Unreleased, what is new in: {', '.join(missing)}.")
