"""Customers of every role."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.customer import Customer
from sync_pipeline.entities.values import when
from sync_pipeline.sources.woocommerce.mappers.values import filled, first, plain, text, words


def to_customer(payload: Mapping[str, Any]) -> Customer:
    """One customer of `wc/v3/customers`. The account's name and e-mail win over the billing address's."""
    warnings: list[str] = []
    billing: Mapping[str, Any] = filled(payload.get("billing")) or {}
    metadata = {
        key: value
        for key, value in (
            ("woo_customer_id", payload.get("id")),
            ("role", payload.get("role")),
            ("username", payload.get("username")),
        )
        if value not in (None, "")
    }
    return Customer(
        name=first(
            words(payload.get("first_name"), payload.get("last_name")),
            words(billing.get("first_name"), billing.get("last_name")),
            text(billing, "company"),
            plain(payload, "display_name"),
            plain(payload, "username"),
        ),
        email=first(plain(payload, "email"), plain(billing, "email")),
        phone=plain(billing, "phone"),
        company=text(billing, "company"),
        address=filled(payload.get("billing")),
        shipping_address=filled(payload.get("shipping")),
        registered_at=when(payload, "date_created_gmt", warnings),
        metadata=metadata,
        warnings=tuple(warnings),
    )


def to_guest(order: Mapping[str, Any]) -> Customer | None:
    """The buyer without an account, from the order's billing address; None without an e-mail."""
    billing = filled(order.get("billing")) or {}
    email = plain(billing, "email")
    if email is None:
        return None
    return Customer(
        name=first(words(billing.get("first_name"), billing.get("last_name")), text(billing, "company"), email),
        email=email,
        phone=plain(billing, "phone"),
        company=text(billing, "company"),
        address=billing or None,
        shipping_address=filled(order.get("shipping")),
        metadata={"guest": True},
    )
