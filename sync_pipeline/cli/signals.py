"""Ctrl-C and SIGTERM end a command in an orderly way: it releases the database and stops its children."""

import signal
from typing import Any, NoReturn


def end_on_signals() -> None:
    """Install the handlers. Again after a run of Dagster in this process: it leaves its own behind."""
    signal.signal(signal.SIGTERM, _terminated)
    # Explicitly, because a shell's background job inherits that it is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _terminated(_number: int, _frame: Any) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
