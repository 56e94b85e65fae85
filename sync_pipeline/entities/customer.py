"""Who buys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sync_pipeline.entities.base import Entity, Ref


class Customer(Entity, frozen=True, kw_only=True):
    """A person or company. What their orders say (lifetime value …) is derived when they are promoted."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    address: dict[str, Any] | None = None
    shipping_address: dict[str, Any] | None = None
    tags: Sequence[str] = ()
    registered_at: datetime | None = None  # UTC
    active: bool = True


class Address(Entity, frozen=True, kw_only=True):
    """A further address of a customer that is a record of its own. `kind`: billing, shipping, other, contact."""

    customer: Ref | None
    kind: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: dict[str, Any] | None = None
    active: bool = True
