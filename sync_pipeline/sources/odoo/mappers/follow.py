"""Which records of others these mappings look at, and what of them."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.base import Follow
from sync_pipeline.sources.odoo.mappers.values import ident, named, not_captured, number, records

CURRENCY = Follow("currency_id", "currency", ("name",))
COUNTRY = Follow("country_id", "country", ("code", "name"))
STATE = Follow("state_id", "state", ("code", "name"))
# Partners above a partner that are looked at. Odoo has no limit; a level costs a query only where somebody is on it.
LEVELS = 12
UNIT = Follow("uom_id", "unit", ("name",))


def currency_of(payload: Mapping[str, Any]) -> str | None:
    """The code of the currency that a record's amounts are in; None where it names none.

    Raises:
        SyncError: it is not captured. Amounts in an unknown currency must not be taken for another currency's.
    """
    value = payload.get("currency_id")
    code = named(payload, "currency_id")
    if code is None and ident(value) is not None:
        raise not_captured("currency", value, "currencies")
    return code


def taxes(field: str) -> Follow:
    """The taxes in the list `field`."""
    return Follow(field, "tax", ("name", "amount", "amount_type"))


def partner(field: str, *fields: str, follows: tuple[Follow, ...] = (), watched: bool = True) -> Follow:
    """The partner in `field`; an address names the customer it belongs to."""
    who = ("type", "parent_id", "is_company", "name", "email", "email_normalized", "customer_rank")
    owner = Follow("parent_id", "customer", who)
    for _ in range(LEVELS - 1):
        owner = Follow("parent_id", "customer", who, (owner,))
    return Follow(field, "customer", tuple(dict.fromkeys((*who, *fields))), (owner, *follows), watched)


def taxes_of(payload: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The taxes in `field` for `metadata`: their ids, and name and rate where they are captured."""
    value = payload.get(field)
    if not isinstance(value, list) or not value:
        return {}
    known = {one["id"]: one for one in records(payload, field)}
    ids = [one["id"] if isinstance(one, dict) else one for one in value]
    return {
        "taxes": [
            {"odoo_tax_id": one, "name": known[one].get("name"), "rate": number(known[one], "amount")}
            if one in known
            else {"odoo_tax_id": one}
            for one in ids
        ]
    }


def unit_of(payload: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The unit of measure in `field`, for `metadata`."""
    name = named(payload, field)
    return {"unit": name} if name else {}
