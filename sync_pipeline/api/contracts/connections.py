"""Connections, without their secrets, and the settings of each provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field

from sync_pipeline.api.contracts.base import Plain, Shape
from sync_pipeline.sources.base import Finding
from sync_pipeline.steps.observe import WorkProgress


class ConnectionInfo(Shape):
    """A store, without its secrets."""

    name: str = Field(examples=["shop"])
    provider: str = Field(examples=["woocommerce"])
    store_url: str = Field(examples=["https://shop.example"])
    settings: Plain = Field(description="Effective settings, without secrets.")
    health: Literal["unknown", "healthy", "failing"]
    health_detail: str | None
    last_sync_at: datetime | None


class WorkInfo(Shape):
    """One piece of work on a connection. A pull counts records, a request entities."""

    key: str = Field(description="Names it as long as it lasts.", examples=["pull:1/product"])
    kind: Literal["pull", "request"]
    state: Literal["waiting", "running", "stopped"] = Field(
        description="stopped: its process was killed. What it committed is safe, and the next refresh continues there."
    )
    title: str = Field(examples=["Products"])
    entity: str | None
    done: int
    total: int | None = Field(description="null while the store has not said how many there are.")
    per_minute: float
    eta_seconds: float | None
    run_id: str | None = Field(description="The Dagster run.")
    note: str | None = Field(description="What it waits for, in words.")

    @classmethod
    def of(cls, work: WorkProgress) -> Self:
        """A piece of work as callers see it."""
        return cls.model_validate(work, from_attributes=True)


class ChoiceCounts(Shape):
    """Records of one status, by the decision about the captured version."""

    total: int
    include: int
    ignore: int
    undecided: int


class EntityCounts(Shape):
    """How many records an entity has, or a search finds, by status and decision."""

    entity: str = Field(examples=["products"])
    total: int
    in_sync: int
    new: ChoiceCounts
    updated: ChoiceCounts
    deleted: ChoiceCounts
    capped: bool = Field(description="True: a search among very many records, of which the first 1,000 finds count.")


class NewConnection(Shape):
    """A store to connect. `settings`: the provider's (`GET /api/v1/providers`), with the address and secrets."""

    provider: str = Field(max_length=40, examples=["woocommerce"])
    name: str = Field(min_length=1, max_length=63, examples=["shop"])
    settings: dict[str, Any] = Field(
        examples=[{"store_url": "https://shop.example", "consumer_key": "ck_…", "consumer_secret": "cs_…"}]
    )


class SettingsChange(Shape):
    """Settings to change, none of them secret. To change the address, use rotate."""

    settings: dict[str, Any] = Field(min_length=1, examples=[{"promote_on_select": False, "sweep_every": 4}])


class Credentials(Shape):
    """New secrets, and optionally a new address: old secrets are never sent to a new address."""

    credentials: dict[str, Any] = Field(min_length=1, examples=[{"consumer_key": "ck_…", "consumer_secret": "cs_…"}])


class Tested(Shape):
    """A connection and the doctor's findings."""

    connection: ConnectionInfo
    ok: bool
    findings: Sequence[Finding]


class Disconnected(Shape):
    """A store that is no longer used."""

    name: str
    disconnected: Literal[True] = True


class SettingInfo(Shape):
    """One setting of a connection."""

    name: str
    title: str
    description: str
    required: bool
    secret: bool
    default: Any


class ProviderInfo(Shape):
    """A provider, the settings of its connections, and its entities."""

    name: str
    title: str
    settings: list[SettingInfo]
    entities: list[str]
