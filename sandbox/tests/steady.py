"""Tests that do not depend on the machine's speed: a fixed clock and long timeouts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

PATIENCE = 60.0  # seconds; only a failure takes that long
_MOMENT = datetime.now(UTC)


def still() -> datetime:
    """The clock of a store that only `advance` moves."""
    return _MOMENT


@contextmanager
def own_process(*arguments: str) -> Iterator[dict[str, Any]]:
    """Run `python -m sandbox …` and yield the line it prints when ready. It must exit with 0 on SIGTERM."""
    command = [sys.executable, "-m", "sandbox", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
