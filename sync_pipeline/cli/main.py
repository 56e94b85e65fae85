"""The entry point of `sync-pipeline`. An error is printed as one paragraph on stderr and sets the exit code.

0: done. 1: part of it failed, and the output says which part. 2: wrong usage or configuration, and how to correct it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from sync_pipeline.cli.context import start_quickly
from sync_pipeline.cli.once import options_once
from sync_pipeline.cli.signals import end_on_signals

start_quickly()
app = typer.Typer(
    name="sync-pipeline",
    help="Keep a zero-loss, versioned copy of every WooCommerce and Odoo record. Pull records, preview what would "
    "change, select, plan, and apply.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Each module registers its commands, in the order and under the headings in which `--help` lists them.
_PANELS = {
    "Run it": "up serve mcp demo database migration",
    "Connect": "org connect",
    "Capture, preview, select": "pull preview table record select rules",
    "Promote": "plan plans approvals queue",
    "Observe": "status inspect check validate reconcile decisions export",
    "People and keys": "tokens users",
}
for panel, modules in _PANELS.items():
    for name in modules.split():
        commands, groups = len(app.registered_commands), len(app.registered_groups)
        import_module(f"sync_pipeline.cli.{name}").register(app)
        for command in app.registered_commands[commands:]:
            command.rich_help_panel = panel
        for group in app.registered_groups[groups:]:
            group.rich_help_panel = panel
options_once(app)


_LISTS = {"plan": "plans ORG", "queue": "queue list ORG"}  # by what was not found


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"sync-pipeline {version('sync-pipeline')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> int:
    """Run the command that the arguments name; returns the exit code."""
    end_on_signals()
    try:
        return _code(app(standalone_mode=False))
    except SystemExit as ended:
        return _code(ended.code)
    except KeyboardInterrupt:
        return _stopped()
    except typer.TyperException as error:
        return _misused(error)
    except Exception as error:  # noqa: BLE001
        return _failed(error)


def _code(code: Any) -> int:
    if code == 130:
        return _stopped()
    return code if isinstance(code, int) else (0 if code is None else 1)


def _stopped() -> int:
    print("Stopped. Committed work is safe; the next run continues from there.", file=sys.stderr)
    return 130


def _misused(error: Any) -> int:
    """Wrong arguments or options."""
    from typer import rich_utils

    rich_utils.rich_format_error(error)
    if "--json" in sys.argv:
        _emit_error(error.format_message())
    return int(error.exit_code)


def _emit_error(text: str) -> None:
    from sync_pipeline.cli.output import emit

    emit({"error": text})


def _failed(error: Exception) -> int:
    from sync_pipeline.errors import ConfigurationError, DiskFull, SyncError
    from sync_pipeline.redaction import redact

    if os.environ.get("SYNC_DEBUG") == "1":
        import traceback

        print(redact("".join(traceback.format_exception(error))), file=sys.stderr)
    code = 2 if isinstance(error, ConfigurationError) else 1
    if isinstance(error, SyncError):
        text = str(error)
        if listed_by := _LISTS.get(getattr(error, "what", "")):
            text += f" List them: sync-pipeline {listed_by}"
    elif _is_full(error):
        text = str(DiskFull())
    elif settings := _settings_problem(error):
        text, code = settings, 2
    else:
        said = str(error).strip().split("\n", 1)[0][:300]
        text = (
            f"Unexpected error: {type(error).__name__}: {said}. Committed work is safe. "
            "Set SYNC_DEBUG=1 to see the traceback."
        )
    text = redact(text)
    print(f"Error: {text}", file=sys.stderr)
    if "--json" in sys.argv:
        _emit_error(text)
    return code


def _is_full(error: Exception) -> bool:
    from sync_pipeline.db.engine import is_full  # late: it loads the database driver

    return is_full(error)


def _settings_problem(error: Exception) -> str | None:
    """Which environment variable is invalid. Its value may be a secret, so it is left out."""
    if type(error).__name__ != "ValidationError" or not hasattr(error, "errors"):
        return None
    from sync_pipeline import invalid

    problems = "; ".join(
        f"SYNC_{'_'.join(map(str, one['loc'])).upper()} {invalid.words(one)}"
        for one in error.errors(include_input=False)
    )
    return f"An environment variable is invalid: {problems}."


if __name__ == "__main__":
    sys.exit(main())
