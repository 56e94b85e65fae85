"""Ctrl-C and SIGTERM end a command cleanly: it releases the database and stops its children."""

import signal
from typing import Any, NoReturn


def end_on_signals() -> None:
    """Install the handlers. Repeat this after a Dagster run in this process, which installs its own."""
    signal.signal(signal.SIGTERM, _terminated)
    # Set it explicitly: a background job inherits from its shell that SIGINT is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _terminated(_number: int, _frame: Any) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
