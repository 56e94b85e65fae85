"""Customers of every role."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.customer import Customer
from sync_pipeline.entities.values import email_address
from sync_pipeline.sources.woocommerce.mappers.values import address, first, kept, raw, text, when, words


def to_customer(payload: Mapping[str, Any]) -> Customer:
    """One customer of `wc/v3/customers`. The account's name and e-mail win over the billing address's.

    Raises:
        Unmappable: an address or a text is something else.
    """
    warnings: list[str] = []
    billing: Mapping[str, Any] = address(payload, "billing") or {}
    return Customer(
        name=first(
            words(payload, "first_name", "last_name"),
            words(billing, "first_name", "last_name", within="billing."),
            text(billing, "company", "billing."),
            text(payload, "display_name"),
            text(payload, "username"),
        ),
        email=first(email_address(text(payload, "email")), email_address(text(billing, "email", "billing."))),
        phone=text(billing, "phone", "billing."),
        company=text(billing, "company", "billing."),
        address=address(payload, "billing"),
        shipping_address=address(payload, "shipping"),
        registered_at=when(payload, "date_created", warnings),
        metadata={"woo_customer_id": raw(payload, "id"), **kept(payload, ("role", "username"))},
        warnings=tuple(warnings),
    )


def to_guest(order: Mapping[str, Any]) -> Customer | None:
    """The buyer without an account, from the order's billing address; None without an e-mail."""
    billing = address(order, "billing") or {}
    email = email_address(text(billing, "email", "billing."))
    if email is None:
        return None
    company = text(billing, "company", "billing.")
    return Customer(
        name=first(words(billing, "first_name", "last_name", within="billing."), company, email),
        email=email,
        phone=text(billing, "phone", "billing."),
        company=company,
        address=billing or None,
        shipping_address=address(order, "shipping"),
        metadata={"guest": True},
    )
