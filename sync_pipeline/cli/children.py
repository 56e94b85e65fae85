"""Child processes of a foreground command: each in its own process group, watched, and stopped with the command.

A child that exits is not restarted: its last output lines are printed, and everything stops, unless the command can go
on without it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sync_pipeline.cli.output import note
from sync_pipeline.cli.signals import end_on_signals
from sync_pipeline.errors import SyncError
from sync_pipeline.redaction import redact

_GRACE_SECONDS = 20.0
_LAST_LINES = 20
_inherited: list[int] = []


def inherit(descriptor: int) -> None:
    """Leave this file open in all children: a lock on it is held until the last of them has ended."""
    _inherited.append(descriptor)


class ChildDied(SyncError):
    """A child process exited unexpectedly, or did not start in time."""


class Child:
    """A process with everything it starts, and its log file.

    `without`: a sentence on what the command is without it; None if it cannot be without it.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        without: str | None = None,
    ) -> None:
        self.name, self.log, self.without = name, log, without
        self.missed = False  # it was told that it has exited
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,  # Ctrl-C reaches only this process, which then stops the children in order
                pass_fds=_inherited,  # if this process is killed, its children hold the data folder
            )

    @property
    def ended(self) -> bool:
        """True when the process has exited."""
        return self.process.poll() is not None

    def last_lines(self) -> str:
        """The last lines of its output."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text("utf-8", "replace").splitlines()
            return redact("\n".join(f"    {line}" for line in lines[-_LAST_LINES:]))
        return ""

    def died(self) -> ChildDied:
        """The error for a process that exited."""
        return self._failed(f"exited with code {self.process.returncode}")

    def silent(self, seconds: float) -> ChildDied:
        """The error for a process that did not answer in time."""
        return self._failed(f"did not answer within {seconds:.0f} seconds")

    def _failed(self, how: str) -> ChildDied:
        return ChildDied(f"{self.name} {how}. Its output is in {self.log}. The last lines:\n{self.last_lines()}")

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready` returns True.

        Raises:
            ChildDied: it exited, or was not ready in time.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self.ended:
                raise self.died()
            if time.monotonic() > deadline:
                raise self.silent(seconds)
            time.sleep(0.2)

    def signal(self, number: int) -> None:
        """Send a signal to its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def stop_all(children: Sequence[Child]) -> None:
    """Terminate the children in reverse order of their start; after a grace period, kill what is left."""
    for child in reversed(children):
        if not child.ended:
            child.signal(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    for child in reversed(children):
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.1, deadline - time.monotonic()))
    for child in children:
        child.signal(signal.SIGKILL)  # also processes that a child started and left behind
        child.process.wait()


@contextmanager
def family() -> Iterator[list[Child]]:
    """A list of children, all of which are stopped when the block ends, however it ends."""
    children: list[Child] = []
    try:
        yield children
    finally:
        # A second Ctrl-C must not leave some of them running.
        kept = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            stop_all(children)
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)


def check_children(children: Sequence[Child]) -> None:
    """Look whether they run; of one that the command can be without, tell once that it has exited.

    Raises:
        ChildDied: another one has exited.
    """
    for child in children:
        if child.ended and child.without is None:
            raise child.died()
        if child.ended and not child.missed:
            child.missed = True
            note(f"{child.name} has ended (code {child.process.returncode}). {child.without}")


def watch(children: Sequence[Child]) -> None:
    """Watch the children until Ctrl-C or SIGTERM.

    Raises:
        ChildDied: one of them exited that the command cannot be without.
    """
    while True:
        check_children(children)
        time.sleep(0.5)


def run_until_stopped(children: Sequence[Child]) -> None:
    """Watch the children until someone stops the command."""
    end_on_signals()
    try:
        watch(children)
    except (KeyboardInterrupt, SystemExit):
        note("Stopping …")


def answers(url: str) -> bool:
    """True if `url` answers with status 200."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def free_port(port: int) -> bool:
    """True if no process listens on this loopback port."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
