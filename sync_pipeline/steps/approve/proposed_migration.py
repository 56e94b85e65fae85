"""A proposed migration as it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sync_pipeline.db.proposed.report import TrialReport, Verdict


@dataclass(frozen=True, slots=True)
class ProposedMigration:
    """A migration that somebody proposes, what its trial found, and what became of it."""

    migration_id: int
    name: str
    up: str
    down: str
    hash: str
    why: str
    proposed_by: str
    agent: bool
    client: str | None
    proposed_at: datetime
    tried_at: datetime | None
    revision: str | None
    verdict: Verdict | None
    report: TrialReport | None
    refused_by: str | None
    refused_why: str | None
    applied_at: datetime | None
    applied_by: str | None
    applied_as: str | None
    approved_by: str | None
    approved_until: datetime | None
    state: Literal["proposed", "failed", "blocked", "waiting", "approved", "refused", "applied"]


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that was applied: its revision, the folder of its files, and what was verified."""

    migration: ProposedMigration
    folder: Path
    verified: Sequence[str]
