"""Addresses that are records of their own."""

from typing import Annotated, Any

from sync_pipeline.entities.base import Entity, Ref, names
from sync_pipeline.entities.core import CoreTable, To


class Address(Entity, frozen=True, kw_only=True):
    """A further address of a customer that is a record of its own. `kind`: billing, shipping, other, contact."""

    customer: Annotated[Ref | None, To("core.customers")]
    kind: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: dict[str, Any] | None = None
    active: bool = True


TABLE = CoreTable(
    "core.customer_addresses",
    Address,
    holds="further addresses of customers, where the store keeps them as records of their own",
    kinds=("customer",),
    personal=names("name email phone address"),
)
