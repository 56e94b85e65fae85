"""Which partners are customers in Odoo. No field says so.

`customer_rank` rises only with a posted invoice, so a buyer with a confirmed order may have 0. Customers are partners
with a rank, partners that a sale order names (who ordered, who is invoiced, where it goes), the partners above them (a
contact's order is its company's), and the partners directly below any of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync_pipeline.errors import RefusedBySource
from sync_pipeline.sources.odoo.stream import Asking, OdooStream, Row

_NAMED_BY = ("partner_id", "partner_invoice_id", "partner_shipping_id")


def customers(asking: Asking, stream: OdooStream, rows: Sequence[Row]) -> set[int]:
    """The ids of these partners (with parent_id and customer_rank) that are customers or their addresses."""
    asked = {row["id"] for row in rows} | {row["parent_id"] for row in rows if row.get("parent_id")}
    if not asked:
        return set()
    below = asking.rows("res.partner", [["id", "child_of", sorted(asked)]], ["id", "parent_id", "customer_rank"])
    family = {row["id"]: row for row in (*rows, *below)}
    ranked = {number for number, row in family.items() if (row.get("customer_rank") or 0) > 0}
    buyers = ranked | _named_by_orders(asking, stream, (family.keys() | asked) - ranked)
    heads = _with_those_above(buyers, {number: row.get("parent_id") or None for number, row in family.items()})
    return {row["id"] for row in rows if row["id"] in heads or row.get("parent_id") in heads}


def _with_those_above(ids: set[int], parents: Mapping[int, int | None]) -> set[int]:
    found: set[int] = set()
    for one in ids:
        at: int | None = one
        while at is not None and at not in found:
            found.add(at)
            at = parents.get(at)
    return found


def _named_by_orders(asking: Asking, stream: OdooStream, ids: set[int]) -> set[int]:
    found: set[int] = set()
    try:
        for name in _NAMED_BY if ids else ():
            domain = [[name, "in", sorted(ids - found)], *asking.company_domain("sale.order")]
            found |= asking.referred("sale.order", name, domain)
    except RefusedBySource as error:
        if not error.by_api or error.status not in (403, 404):
            raise
        why = "no right to read it" if error.status == 403 else "the module is not installed"
        asking.absent(stream, "sale.order", f"{why}: partners who only ordered are not captured as customers")
    return found
