"""Ctrl-C and SIGTERM end a command from where it is, so that it lets go of the database and of its children."""

import signal
from typing import Any, NoReturn


def end_on_signals() -> None:
    """Install the handlers. Again after a run of Dagster in this process: it leaves its own behind."""
    signal.signal(signal.SIGTERM, _terminated)
    # Explicitly, because a shell's background job inherits that it is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _terminated(_number: int, _frame: Any) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
