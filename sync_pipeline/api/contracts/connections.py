"""Connections, without their secrets; and what a provider needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from sync_pipeline.api.contracts.base import Plain, Shape


class ConnectionInfo(Shape):
    """A store, without its secrets."""

    name: str = Field(examples=["shop"])
    provider: str = Field(examples=["woocommerce"])
    store_url: str = Field(examples=["https://shop.example"])
    settings: Plain = Field(description="Effective settings; no secret is among them.")
    health: Literal["unknown", "healthy", "failing"]
    health_detail: str | None
    last_sync_at: datetime | None


class NewConnection(Shape):
    """A store to connect. `settings` are the provider's (`GET /api/v1/providers`), address and secrets among them."""

    provider: str = Field(max_length=40, examples=["woocommerce"])
    name: str = Field(min_length=1, max_length=63, examples=["shop"])
    settings: dict[str, Any] = Field(
        examples=[{"store_url": "https://shop.example", "consumer_key": "ck_…", "consumer_secret": "cs_…"}]
    )


class SettingsChange(Shape):
    """Settings that hold no secret. The address is changed together with the credentials: see rotate."""

    settings: dict[str, Any] = Field(min_length=1, examples=[{"promote_on_select": False, "sweep_every": 4}])


class Credentials(Shape):
    """New secrets, and the address where that changes too: old secrets are never sent to a new address."""

    credentials: dict[str, Any] = Field(min_length=1, examples=[{"consumer_key": "ck_…", "consumer_secret": "cs_…"}])


class FindingInfo(Shape):
    """One line of the doctor's report."""

    level: Literal["ok", "warning", "error"]
    code: str
    message: str
    remedy: str = Field(description="What to do, in plain words.")


class Tested(Shape):
    """A connection, and what the doctor found."""

    connection: ConnectionInfo
    ok: bool
    findings: list[FindingInfo]


class SettingInfo(Shape):
    """One thing a connection may or must supply."""

    name: str
    title: str
    description: str
    required: bool
    secret: bool
    default: Any


class ProviderInfo(Shape):
    """A provider, what its connections supply, and its entities."""

    name: str
    title: str
    settings: list[SettingInfo]
    entities: list[str]
