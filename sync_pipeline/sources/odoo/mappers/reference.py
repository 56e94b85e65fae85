"""Records without a core table of their own: stored unchanged, with code and name extracted."""

from collections.abc import Callable, Mapping
from typing import Any

from sync_pipeline.entities.reference import Reference
from sync_pipeline.sources.odoo.mappers.values import bare, first, text

# What people call a record by, where it is not a field called code.
_CODE = {
    "currency": "name",
    "invoice": "name",
    "picking": "name",
    "location": "complete_name",
    "move": "reference",
    "invoice_line": "move_name",
    "payment": "name",
    "lot": "name",
    "supplier_price": "product_code",
    "currency_rate": "name",
}
_NAME = ("full_name", "complete_name", "name", "display_name", "invoice_partner_display_name", "description")


def to_reference(kind: str) -> Callable[[Mapping[str, Any]], Reference]:
    """The mapping function of records of one `kind`. Archived, disabled and cancelled ones are inactive."""

    def mapping(payload: Mapping[str, Any]) -> Reference:
        archived = payload.get("active") is False or payload.get("ptav_active") is False
        return Reference(
            kind=kind,
            code=first(text(payload, _CODE.get(kind, "code")), str(payload.get("id"))),
            name=first(*(text(payload, field) for field in _NAME)),
            active=not archived and payload.get("state") not in ("disabled", "cancel", "canceled", "rejected"),
            data=bare(payload),
        )

    return mapping
