"""Which partners are customers in Odoo. No field says so.

`customer_rank` rises only with a posted invoice, so a buyer with a confirmed order may have 0. Customers are partners
with a rank, partners that a sale order names (who ordered, who is invoiced, where it goes), and the addresses directly
below either.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync_pipeline.errors import RefusedBySource
from sync_pipeline.sources.odoo.stream import Asking, OdooStream, Row

_NAMED_BY = ("partner_id", "partner_invoice_id", "partner_shipping_id")


def customers(asking: Asking, stream: OdooStream, rows: Sequence[Row]) -> set[int]:
    """The ids of these partners (with parent_id and customer_rank) that are customers or their addresses."""
    ranked = {row["id"] for row in rows if (row.get("customer_rank") or 0) > 0}
    parents = {row["parent_id"] for row in rows if row.get("parent_id")}
    elsewhere = sorted(parents - {row["id"] for row in rows})
    if elsewhere:
        found = asking.rows("res.partner", [["id", "in", elsewhere], ["customer_rank", ">", 0]], ["id"])
        ranked |= {row["id"] for row in found}
    asked = ({row["id"] for row in rows} | parents) - ranked
    buyers = ranked | _named_by_orders(asking, stream, asked)
    return {row["id"] for row in rows if row["id"] in buyers or row.get("parent_id") in buyers}


def _named_by_orders(asking: Asking, stream: OdooStream, ids: set[int]) -> set[int]:
    found: set[int] = set()
    try:
        for name in _NAMED_BY if ids else ():
            domain = [[name, "in", sorted(ids - found)], *asking.company_domain("sale.order")]
            found |= asking.referred("sale.order", name, domain)
    except RefusedBySource as error:
        if error.status not in (403, 404):
            raise
        why = "no right to read it" if error.status == 403 else "the module is not installed"
        asking.absent(stream, "sale.order", f"{why}: partners who only ordered are not captured as customers")
    return found
