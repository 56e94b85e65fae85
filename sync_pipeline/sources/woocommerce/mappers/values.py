"""How WooCommerce writes money, numbers, dates, names and addresses."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from html import unescape
from typing import Any

from sync_pipeline.entities.base import Ref, Unmappable


def money(payload: Mapping[str, Any], field: str, within: str = "") -> Decimal | None:
    """The amount in `field`; None if it is missing or "", which is WooCommerce's unset.

    Raises:
        Unmappable: it is neither empty nor a finite number.
    """
    value = payload.get(field)
    if value is None or value == "":
        return None
    try:
        # A float goes through str: Decimal(0.1) would keep its binary tail.
        amount = Decimal(value if value.__class__ is str else str(value))
    except (InvalidOperation, ValueError):
        raise Unmappable(within + field, value, "amount") from None
    if not amount.is_finite() or value is True or value is False:
        raise Unmappable(within + field, value, "amount")
    return amount


def amount(payload: Mapping[str, Any], field: str, within: str = "") -> Decimal:
    """Like `money`; a missing amount is zero."""
    return money(payload, field, within) or Decimal(0)


def text(payload: Mapping[str, Any], field: str) -> str | None:
    """The text in `field`, HTML entities decoded; None if empty."""
    value = payload.get(field)
    if value is None or value == "" or value is False:
        return None
    value = value if value.__class__ is str else str(value)
    return unescape(value) if "&" in value else value


def plain(payload: Mapping[str, Any], field: str) -> str | None:
    """The text in `field`, unchanged; None if empty."""
    value = payload.get(field)
    if value.__class__ is str:
        return value or None
    return str(value) if value not in (None, "", False) else None


def ref(entity_type: str, external_id: Any) -> Ref | None:
    """A reference; None for 0, "" and null, which are WooCommerce's nobody."""
    return Ref(entity_type, str(external_id)) if external_id not in (None, "", 0, "0", False) else None


def filled(value: Any) -> dict[str, Any] | None:
    """An address without its empty fields; None if nothing is left."""
    if not isinstance(value, Mapping):
        return None
    return {key: part for key, part in value.items() if part not in (None, "")} or None


def first(*values: str | None) -> str | None:
    """The first that is not empty."""
    return next((value for value in values if value), None)


def words(*values: Any) -> str | None:
    """Values joined by a space, HTML entities decoded; None if all are empty."""
    return unescape(" ".join(str(value).strip() for value in values if value)).strip() or None


def records(payload: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    """The objects in the list `field`; none for [] and for null, which plugins write."""
    value = payload.get(field)
    # The classes themselves: a decoded payload has no others, and Mapping's own test costs ten times as much.
    return [one for one in value if one.__class__ is dict] if value.__class__ is list else []


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Their sum; zero if there are none."""
    return sum(amounts, Decimal(0))
