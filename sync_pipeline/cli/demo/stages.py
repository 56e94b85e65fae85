"""The stages of the demo, a line each: what was found, and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sync_pipeline.cli.output import note, say


@dataclass
class Found:
    """What a stage has found, in words."""

    words: str = ""


class StageLines:
    """Prints them: for people on stdout; on stderr if stdout is for a program."""

    def __init__(self, *, as_json: bool) -> None:
        self._print = note if as_json else say
        self._live = sys.stderr.isatty() and not as_json

    @contextmanager
    def stage(self, name: str, begins: str) -> Iterator[Found]:
        """A stage that is at work within the block."""
        began = time.monotonic()
        if self._live:
            sys.stderr.write(f"… {name:<8} {begins}")
            sys.stderr.flush()
        found = Found()
        ok = False
        try:
            yield found
            ok = True
        finally:
            if self._live:
                sys.stderr.write("\r\033[K")
                sys.stderr.flush()
            if ok:
                seconds = time.monotonic() - began
                self._print(f"✓ {name:<8} {found.words}{f' ({seconds:.0f} s)' if seconds >= 1 else ''}")

    def clear(self) -> None:
        """Make room for bars: what the stage began with goes."""
        if self._live:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
