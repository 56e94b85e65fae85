"""How Odoo writes numbers, texts, dates and references: `false` for what is empty, ids or [id, name] for records."""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

from sync_pipeline.entities import values
from sync_pipeline.entities.base import LookedUp, Ref, Unmappable
from sync_pipeline.errors import SyncError

_EXACT = 15  # significant digits that a float holds for certain
_MEANT = 12  # more digits than this were computed or meant, and are kept: a third is 0.3333333333333333


def number(payload: Mapping[str, Any], field: str) -> Decimal | None:
    """The number in `field`, without a float's binary tail (10.343287500000002 was 10.3432875); None where the field is
    empty or was not readable.

    Raises:
        Unmappable: it is something else.
    """
    value = payload.get(field)
    if value is None or value is False or value == "":
        return None
    found = values.number(value)
    if found is None:
        raise Unmappable(field, value, "number")
    if not _EXACT < len(found.as_tuple().digits) <= _EXACT + 2:
        return found  # few digits are as they were typed; more than a float has, somebody meant
    short = Context(prec=_EXACT).create_decimal(found).normalize()
    if len(short.as_tuple().digits) > _MEANT:
        return found
    return short if int(short.as_tuple().exponent) < 0 else short.quantize(Decimal(1))


def amount(payload: Mapping[str, Any], field: str) -> Decimal:
    """Like `number`, with nothing counting as zero."""
    return number(payload, field) or Decimal(0)


def text(payload: Mapping[str, Any], field: str) -> str | None:
    """The words in `field` without blanks around them; None where there are none."""
    value = payload.get(field)
    return value.strip() or None if value.__class__ is str else None


def ident(value: Any) -> str | None:
    """The id in a reference: 12, [12, "name"], or the record itself; None for false."""
    if isinstance(value, list):
        value = value[0] if value else None
    elif isinstance(value, LookedUp):
        value = value["id"]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def ref(entity_type: str, value: Any) -> Ref | None:
    """A reference to a record of a type; None for false."""
    external_id = ident(value)
    return Ref(entity_type, external_id) if external_id is not None else None


def linked(payload: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """The record that `field` names, as far as it was looked up; empty where it was not."""
    value = payload.get(field)
    return value if isinstance(value, LookedUp) else {}


def named(payload: Mapping[str, Any], field: str, by: str = "name") -> str | None:
    """What the record in `field` is called: by its own field `by`, else by the name beside its id."""
    value = payload.get(field)
    if isinstance(value, LookedUp):
        return text(value, by)
    return value[1] if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str) else None


def not_captured(what: str, value: Any, stream: str) -> SyncError:
    """Why a record waits that depends on another one not captured yet."""
    return SyncError(f"Its {what} {ident(value)} is not captured. Pull {stream}, then retry.")


def records(payload: Mapping[str, Any], field: str) -> Sequence[Mapping[str, Any]]:
    """The records in the list `field` that were looked up."""
    value = payload.get(field)
    return [one for one in value if isinstance(one, LookedUp)] if isinstance(value, list) else []


def first(*values: str | None) -> str | None:
    """The first that is not empty."""
    return next((value for value in values if value), None)


def kept(payload: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The fields that say something, for `metadata`; references as bare ids."""
    found = {name: payload.get(name) for name in fields}
    return {
        name: int(ident(value) or 0) if isinstance(value, list | LookedUp) else value
        for name, value in found.items()
        if value not in (None, False, "", [], 0)
    }


def bare(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload as it was captured: where a record was looked up, its id."""
    return {name: _bare(value) for name, value in payload.items()}


def _bare(value: Any) -> Any:
    if value.__class__ is list:
        return [one["id"] if isinstance(one, LookedUp) else one for one in value]
    return value["id"] if isinstance(value, LookedUp) else value
