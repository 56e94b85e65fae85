"""Faults of hosts and networks. They can be combined, and a seed reproduces them.

Some act before the store answers (bursts, drift, hidden rows), some on the answer's way to the client.
"""

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, ClassVar

from sandbox.wire import Answer


@dataclass(slots=True)
class _Rate:
    kind: str
    probability: float
    rng: random.Random
    path: str | None
    left: int | None = None


@dataclass(slots=True)
class Drift:
    every: int
    deletes: int
    inserts: int
    kind: str | None
    rng: random.Random
    seen: int = 0
    done: list[tuple[str, str, Any]] = field(default_factory=list)


class Faults:
    """The faults of one server. Tests switch them from their thread, the server reads them from its own."""

    # The kinds for `rate` and `once`. The last three break the connection.
    kinds: ClassVar[tuple[str, ...]] = ("429", "503", "html200", "slow", "reset", "half_body", "half_body_chunked")

    def __init__(self) -> None:
        self._lock = RLock()
        self.on_listening: Callable[[bool], None] = lambda _: None
        self.clear()

    def clear(self) -> None:
        """Remove all faults, and the record of what drift did."""
        with self._lock:
            self._rates: list[_Rate] = []
            self._bursts: list[list[Any]] = []
            self._poison: dict[tuple[str, str], bool] = {}
            self._drift: Drift | None = None
            self._lost: dict[str, tuple[float, bool]] = {}
            self._empty: set[str] = set()
            self._down: int | str | None = None
            self.stranger: Answer | None = None  # what another server answers to every request
            self.unknown: str | None = None  # paths that contain it are no route of this store
            self.slow_seconds = 4.0
            self.redirect_to: str | None = None
            self.strips_auth = False
            self.injected: dict[str, int] = {}
            self.on_listening(True)

    # -- switches -----------------------------------------------------------------------------------------
    def burst(
        self, status: int = 429, count: int = 5, retry_after: float | str | None = 1, path: str | None = None
    ) -> None:
        """The next `count` requests (whose path contains `path`) answer this status."""
        with self._lock:
            self._bursts.append([status, count, retry_after, path])

    def rate(self, kind: str, probability: float, seed: int = 0, path: str | None = None) -> None:
        """Apply this to each request with the given probability; 0 removes it."""
        if kind not in self.kinds:
            raise ValueError(f"{kind} is not one of {', '.join(self.kinds)}")
        with self._lock:
            self._rates = [r for r in self._rates if (r.kind, r.path) != (kind, path)]
            if probability > 0:
                self._rates.append(_Rate(kind, probability, random.Random(seed), path))

    def once(self, kind: str, count: int = 1, path: str | None = None) -> None:
        """Apply this to the next `count` requests."""
        if kind not in self.kinds:
            raise ValueError(f"{kind} is not one of {', '.join(self.kinds)}")
        with self._lock:
            self._rates.append(_Rate(kind, 1.0, random.Random(0), path, count))

    def poison(self, kind: str, record_id: Any, also_fields: bool = True) -> None:
        """Answer 500 wherever this record would appear. also_fields=False: lists with chosen fields still work."""
        with self._lock:
            self._poison[(kind, str(record_id))] = also_fields

    def heal(self, kind: str, record_id: Any) -> None:
        with self._lock:
            self._poison.pop((kind, str(record_id)), None)

    def drift(self, every: int = 1, deletes: int = 1, inserts: int = 1, kind: str | None = None, seed: int = 0) -> None:
        """After every `every` list requests (of `kind`), delete and insert rows of the listed kind; 0 stops it."""
        with self._lock:
            self._drift = Drift(every, deletes, inserts, kind, random.Random(seed)) if every else None

    @property
    def drifted(self) -> list[tuple[str, str, Any]]:
        """What drift did: ("delete" | "insert", kind, id), in order."""
        with self._lock:
            return list(self._drift.done) if self._drift else []

    def down(self, on: bool = True, status: int | None = None) -> None:
        """Refuse connections, or answer every request with `status`."""
        with self._lock:
            self._down = (status or "refuse") if on else None
        self.on_listening(not on or status is not None)

    def empty(self, kind: str, on: bool = True) -> None:
        """The list answers [] and a total of 0."""
        with self._lock:
            (self._empty.add if on else self._empty.discard)(kind)

    def lose(self, kind: str, share: float = 0.5, gets: bool = True) -> None:
        """Hide this share of the rows from lists and, with `gets`, from GET by id (404). 0 shows them again."""
        with self._lock:
            if share > 0:
                self._lost[kind] = (share, gets)
            else:
                self._lost.pop(kind, None)

    def redirect(self, url: str | None) -> None:
        self.redirect_to = url

    def strip_auth(self, on: bool = True) -> None:
        self.strips_auth = on

    def slow(self, seconds: float) -> None:
        """Set the delay of the kind `slow`."""
        self.slow_seconds = seconds

    # -- what the server asks -----------------------------------------------------------------------------
    def next_status(self, path: str) -> tuple[int, float | str | None] | None:
        """The status of a burst or an outage that replaces the store's answer, if any."""
        with self._lock:
            if isinstance(self._down, int):
                return self._down, None
            for burst in self._bursts:
                status, left, retry_after, where = burst
                if left > 0 and (where is None or where in path):
                    burst[1] -= 1
                    self._bursts = [b for b in self._bursts if b[1] > 0]
                    self._tell(str(status))
                    return status, retry_after
            return None

    def draw(self, path: str) -> set[str]:
        """The kinds that apply to this request."""
        with self._lock:
            struck = set()
            for rate in self._rates:
                if (rate.path is None or rate.path in path) and rate.rng.random() < rate.probability:
                    struck.add(rate.kind)
                    self._tell(rate.kind)
                    if rate.left is not None:
                        rate.left -= 1
            self._rates = [r for r in self._rates if r.left is None or r.left > 0]
            return struck

    def is_down(self) -> bool:
        return self._down == "refuse"

    def poisoned(self, shown: list[tuple[str, Any]], *, fields: bool) -> bool:
        with self._lock:
            if not self._poison:
                return False
            if fields:
                hit = any(self._poison.get((kind, str(i)), False) for kind, i in shown)
            else:
                hit = any((kind, str(i)) in self._poison for kind, i in shown)
            if hit:
                self._tell("poison")
            return hit

    def lost_share(self, kind: str) -> float:
        with self._lock:
            return 1.0 if kind in self._empty else self._lost.get(kind, (0.0, False))[0]

    def lost_one(self, kind: str, row_id: Any) -> bool:
        with self._lock:
            share, gets = self._lost.get(kind, (0.0, False))
            return gets and lost(row_id, share)

    def drift_due(self, kind: str) -> Drift | None:
        """Count the list request and return the drift that is due, if any."""
        with self._lock:
            drift = self._drift
            if drift is None or drift.kind not in (None, kind):
                return None
            drift.seen += 1
            return drift if drift.seen % drift.every == 0 else None

    def _tell(self, kind: str) -> None:
        self.injected[kind] = self.injected.get(kind, 0) + 1


def lost(row_id: Any, share: float) -> bool:
    """Whether a row is hidden; the same rows each time."""
    return zlib.crc32(str(row_id).encode()) % 1000 < share * 1000
