"""What squawk says of a script: statements that rewrite a table or take a lock that others wait behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from sync_pipeline.config import PROJECT
from sync_pipeline.db.proposed.report import Direction, LintFinding

_SECONDS = 60


def findings(up: str, down: str) -> Sequence[LintFinding]:
    """The findings of both scripts, with the rules by which `make check` reads revisions.

    Raises:
        FileNotFoundError: squawk is not installed beside this program.
    """
    program = which("squawk", path=str(Path(sys.executable).parent)) or which("squawk")
    if program is None:
        raise FileNotFoundError("squawk")
    found: list[LintFinding] = []
    scripts: tuple[tuple[Direction, str], ...] = (("up", up), ("down", down))
    with TemporaryDirectory() as folder:
        for direction, script in scripts:
            file = Path(folder) / f"{direction}.sql"
            file.write_bytes(script.encode())
            rules = PROJECT / ".squawk.toml"
            command = [program, "--reporter", "json", *(["--config", str(rules)] if rules.exists() else []), str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
            found += [
                LintFinding(direction, int(one["line"]) + 1, str(one["rule_name"]), str(one["message"]))
                for one in json.loads(done.stdout or "[]")
            ]
    return found


def squawk(up: str, down: str) -> tuple[Sequence[LintFinding], Sequence[str]]:
    """The findings of both scripts, or none and why they cannot be read."""
    try:
        return findings(up, down), ()
    except FileNotFoundError:
        return (), ["squawk, which reads the scripts, is not installed: pip install squawk-cli."]
