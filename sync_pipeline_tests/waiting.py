"""Waiting for what happens, for as long as a busy machine may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sync_pipeline.steps.capture import budget

PATIENCE_SECONDS = 120.0
USUAL_DELAY_SECONDS = budget.FIRST_DELAY_SECONDS


def do_not_delay() -> None:
    """From now on a store that does not answer is asked again almost at once."""
    budget.FIRST_DELAY_SECONDS = 0.01


def wait_until(true: Callable[[], Any], what: str) -> None:
    """Return as soon as it is true; fail after two minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:.0f} seconds: {what}"
        time.sleep(0.05)
