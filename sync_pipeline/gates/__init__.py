"""Decision gates: a cause is one file of this folder. It holds no SQL: `journal` stores gates, the steps open them."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module

from sync_pipeline.gates.cause import Cause, Option, Question, Resume

__all__ = ["Cause", "Option", "Question", "Resume", "by_name", "causes"]


@cache
def causes() -> Mapping[str, Cause]:
    """Every cause by its name, as the files of this folder declare them."""
    modules: Sequence[str] = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "cause")
    found = [import_module(f"{__name__}.{name}").CAUSE for name in modules]
    return {cause.name: cause for cause in found}


def by_name(name: str) -> Cause:
    """The cause of this name.

    Raises:
        KeyError: no file declares it.
    """
    return causes()[name]
