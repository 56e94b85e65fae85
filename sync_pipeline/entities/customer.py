"""Customers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sync_pipeline.entities.base import Entity, names
from sync_pipeline.entities.core import CoreTable


class Customer(Entity, frozen=True, kw_only=True):
    """A person or company. Promotion computes figures such as the lifetime value from their orders."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    address: dict[str, Any] | None = None
    shipping_address: dict[str, Any] | None = None
    tags: Sequence[str] = ()
    registered_at: datetime | None = None  # UTC
    active: bool = True


TABLE = CoreTable(
    "core.customers",
    Customer,
    holds="one row a person or company over all stores; lifetime value and segment come from captured orders",
    kinds=("customer",),
    match="email",
    personal=names("name email phone company address shipping_address"),
    figures=names("segment status lifetime_value lifetime_currency order_count acquisition_date last_interaction_date"),
    metadata_figures=names("completed_orders other_currencies"),
)
