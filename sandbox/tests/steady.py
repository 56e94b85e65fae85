"""What keeps a test independent of the machine's speed: a clock that stands still, and patience with processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

PATIENCE = 60.0  # seconds; only a failure takes as long
_MOMENT = datetime.now(UTC)


def still() -> datetime:
    """The clock of a store that only `advance` moves."""
    return _MOMENT


@contextmanager
def own_process(*arguments: str) -> Iterator[dict[str, Any]]:
    """`python -m sandbox …`: what it prints when it is ready. Afterwards it must end by itself when asked to."""
    command = [sys.executable, "-m", "sandbox", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
