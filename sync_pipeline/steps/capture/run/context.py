"""What the pulls of one connection share, and what each of them reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Busy
from sync_pipeline.sources.base import Client, Stream, Usage
from sync_pipeline.sources.settings import ConnectionSettings
from sync_pipeline.steps.capture.budget import Budget
from sync_pipeline.steps.capture.read.coverage import Coverage
from sync_pipeline.steps.capture.write.pages import TRUSTED, Run
from sync_pipeline.steps.capture.write.records import Progress
from sync_pipeline.steps.connect import Connection


@dataclass(frozen=True, slots=True)
class PullReport:
    """What one pull of one stream did. Times are in seconds, sizes in bytes.

    Counts of records are of the run, each id once; with `resumed` some are of attempts before. `requests`, `bytes` and
    `seconds` are of this attempt alone.
    """

    connection: str
    entity: str
    mode: str
    state: str
    expected: int = 0
    captured: int = 0
    quarantined: int = 0
    vanished: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    swept: int = 0
    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0
    resumed: int = 0
    capped: bool = False
    remote_total: int | None = None
    run_id: int | None = None
    gate: int | None = None
    throttled: int = 0
    slow: int = 0
    watermark: str | None = None
    quarantine: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # fields the mapper expects and the store does not offer to this user
    clock: str | None = None  # what a person should know of the store's clock
    error: str | None = None
    refused: bool = False  # the store did not accept the credentials

    @property
    def closed(self) -> bool:
        """True when every expected id is accounted for."""
        return self.state == "closed"

    @property
    def ok(self) -> bool:
        """True when it closed and nothing is in quarantine."""
        return self.closed and not self.quarantined

    @property
    def first(self) -> bool:
        """True when all that is captured is new: a first import. A record on two pages is read twice, and new once."""
        return self.mode == "full" and 0 < self.captured <= self.new


Report = Callable[[Stream, Progress], None]


@dataclass
class Opened:
    """A run at its start: its watermark, and what it committed before it was killed, if it is resumed."""

    run_id: int
    mode: str
    started_at: datetime
    watermark: datetime | None
    sweeps: bool
    capped: bool
    clock: datetime | None = None
    pages: Mapping[tuple[str, str], tuple[Coverage, int]] = field(default_factory=dict)
    unfetched: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    used_before: Usage = field(default_factory=Usage)
    repairs: bool = False  # the watermark was in the future

    def coverage(self, kind: str, walk: str) -> tuple[Coverage, int]:
        """The committed id ranges of this list, and the number of rows before the first gap."""
        return self.pages.get((kind, walk), (Coverage(), 0))


@dataclass
class CaptureContext:
    """A client, a budget and threads for the pulls of one connection."""

    db: Database
    settings: Settings
    connection: Connection
    client: Client
    budget: Budget
    pool: ThreadPoolExecutor
    common: ConnectionSettings
    actor: str = "pull"
    orchestrator_run: str | None = None
    report: Report = field(default=lambda _stream, _progress: None)

    def run(self, stream: Stream, opened: Opened) -> Run:
        """A run of this stream, with its client, budget and settings."""
        noise = frozenset(stream.noise) | frozenset(self.common.noise.get(stream.name, ()))
        overlap = timedelta(seconds=self.common.overlap_seconds)
        return Run(
            db=self.db,
            connection=self.connection,
            stream=stream,
            client=self.client,
            budget=self.budget,
            run_id=opened.run_id,
            mode=opened.mode,
            started_at=opened.started_at,
            sweeps=opened.sweeps,
            since=min(opened.watermark, datetime.now(UTC) + TRUSTED) - overlap
            if opened.watermark and opened.mode == "delta"
            else None,
            noise=noise,
            hashes_emails=self.common.pii_policy == "hash",
            report=lambda progress: self.report(stream, progress),
        )

    @contextmanager
    def alone(self, stream: Stream) -> Iterator[None]:
        """Hold the entity's lock. If the process dies, the lock is released.

        Raises:
            Busy: another process works on it.
        """
        key = f"capture/{self.connection.org_id}/{self.connection.connection_id}/{stream.entity_type}"
        with self.db.lock(key) as held:
            if not held:
                raise Busy(f"{stream.title} of {self.connection.name} is being pulled by another process. Wait for it.")
            yield
