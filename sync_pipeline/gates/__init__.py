"""Decision gates: what stops and waits for a person.

`causes/` has one file for each cause, `cause` says what a cause declares, `store` is the only code that writes
decisions, and `migration` asks before a migration that loses data. The steps decide when a gate opens.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from sync_pipeline.gates import causes
from sync_pipeline.gates.cause import Cause, Option, Question, Resume
from sync_pipeline.gates.store import (
    answer_gate,
    answered,
    blocking,
    end_gates,
    latest_answer,
    note_stopped,
    open_gate,
    open_gates,
    record_outcome,
    settle,
    withdraw,
    withdraw_all,
)


@cache
def all_causes() -> Mapping[str, Cause]:
    """Every cause by its name, as the files of `causes/` declare them."""
    names = sorted(module.name for module in pkgutil.iter_modules(causes.__path__))
    found = [import_module(f"{causes.__name__}.{name}").CAUSE for name in names]
    return {cause.name: cause for cause in found}


def by_name(name: str) -> Cause:
    """The cause of this name.

    Raises:
        KeyError: no file declares it.
    """
    return all_causes()[name]


def resumed_by(cause: str, answer: str | None) -> Resume | None:
    """What continues the work after this answer: a pull, a promotion or a migration. None if the answer was “hold”:
    the work then waits until the cause ends.

    Raises:
        KeyError: no file declares the cause.
    """
    return None if answer == "hold" else by_name(cause).resume
