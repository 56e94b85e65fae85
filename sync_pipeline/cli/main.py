"""The entry of `sync-pipeline`. Errors become one clear paragraph on stderr and an exit code.

0: all done. 1: part of it failed, and the output says which. 2: wrong usage or configuration, with what to do.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from sync_pipeline.cli import (
    check,
    connect,
    database,
    decisions,
    demo,
    export,
    inspect,
    org,
    plan,
    preview,
    pull,
    reconcile,
    rules,
    select,
    serve,
    status,
    table,
    tokens,
    up,
    users,
)
from sync_pipeline.cli.signals import end_on_signals

app = typer.Typer(
    name="sync-pipeline",
    help="A zero-loss, versioned copy of every WooCommerce and Odoo record: pull it, see what would change, "
    "select, plan, apply.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    up,
    serve,
    demo,
    database,
    org,
    connect,
    pull,
    preview,
    table,
    select,
    rules,
    plan,
    export,
    status,
    inspect,
):
    module.register(app)
for module in (reconcile, check, decisions, tokens, users):
    module.register(app)


def main() -> int:
    """Run the command of this process's arguments; returns the exit code."""
    end_on_signals()
    try:
        app()
    except SystemExit as ended:
        return _code(ended.code)
    except KeyboardInterrupt:
        return _stopped()
    except Exception as error:  # noqa: BLE001
        return _failed(error)
    return 0


def _code(code: Any) -> int:
    if code == 130:
        return _stopped()
    return code if isinstance(code, int) else (0 if code is None else 1)


def _stopped() -> int:
    print("Stopped. Committed work is safe; the next run continues from there.", file=sys.stderr)
    return 130


def _failed(error: Exception) -> int:
    from sync_pipeline.errors import ConfigurationError, DiskFull, SyncError, redact

    if os.environ.get("SYNC_DEBUG") == "1":
        import traceback

        print(redact("".join(traceback.format_exception(error))), file=sys.stderr)
    code = 2 if isinstance(error, ConfigurationError) else 1
    if isinstance(error, SyncError):
        text = str(error)
    elif _is_full(error):
        text = str(DiskFull())
    elif settings := _settings_problem(error):
        text, code = settings, 2
    else:
        text = (
            f"Something unexpected went wrong: {type(error).__name__}: {_first_line(error)}. What was committed is "
            "safe. SYNC_DEBUG=1 shows where."
        )
    text = redact(text)
    print(f"Error: {text}", file=sys.stderr)
    if "--json" in sys.argv and "export" not in sys.argv:
        from sync_pipeline.cli.output import emit

        emit({"error": text})
    return code


def _is_full(error: Exception) -> bool:
    from sync_pipeline.db.engine import is_full

    return is_full(error)


def _settings_problem(error: Exception) -> str | None:
    """A wrong environment variable, without its value: it may be a secret."""
    if type(error).__name__ != "ValidationError" or not hasattr(error, "errors"):
        return None
    problems = "; ".join(
        f"SYNC_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False)
    )
    return f"An environment variable is not right: {problems}."


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:300]


if __name__ == "__main__":
    sys.exit(main())
