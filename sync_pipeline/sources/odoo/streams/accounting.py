"""Currencies, taxes and payments."""

from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream, ShortList

STREAMS = (
    # Currencies, including those not in use.
    ShortList(
        name="currencies",
        entity_type="currency",
        title="Currencies",
        path="res.currency",
        company=None,
        label="full_name|name",
        code="name",
        expects=("name", "symbol", "rounding", "decimal_places"),
    ),
    # Currency rates by day and company. parent_id is the currency.
    OdooStream(
        name="currency_rates",
        entity_type="currency_rate",
        title="Currency rates",
        path="res.currency.rate",
        optional=True,
        absent=LEFT_OUT,
        parent_field="currency_id",
        refers_to="currency",
        label=None,
        code="name",  # the day
        sweep_fields=("id", "write_date", "name", "rate", "currency_id"),
        expects=("name", "rate", "currency_id"),
        amounts=("rate",),
    ),
    ShortList(
        name="taxes",
        entity_type="tax",
        title="Taxes",
        columns=("amount", "amount_type", "type_tax_use"),
        path="account.tax",
        optional=True,
        computed=("price_include",),
        expects=("name", "amount", "amount_type", "type_tax_use"),
        amounts=("amount", "amount_type"),
    ),
    # Fiscal positions: which taxes apply to whom.
    ShortList(
        name="fiscal_positions",
        entity_type="fiscal_position",
        title="Fiscal positions",
        path="account.fiscal.position",
        optional=True,
        expects=("name",),
    ),
    # Journals: where invoices and payments are entered.
    ShortList(
        name="journals",
        entity_type="journal",
        title="Journals",
        path="account.journal",
        optional=True,
        absent=LEFT_OUT,
        code="code",
        expects=("name", "code", "type"),
    ),
    # Payment terms of orders and invoices.
    ShortList(
        name="payment_terms",
        entity_type="payment_term",
        title="Payment terms",
        path="account.payment.term",
        optional=True,
        absent=LEFT_OUT,
        expects=("name",),
    ),
    # Payment providers. Odoo has a row for every known one; `state` says whether it is in use.
    ShortList(
        name="payment_providers",
        entity_type="payment_provider",
        title="Payment providers",
        path="payment.provider",
        optional=True,
        absent=LEFT_OUT,  # only the group of Settings reads them
        # search_read answers an empty list where archived records are asked for.
        read_apart=("payment_method_ids",),
        code="code",
        expects=("name", "code", "state"),
    ),
    # Payments of customers. parent_id is the partner; payments to vendors are not taken.
    OdooStream(
        name="payments",
        entity_type="payment",
        title="Payments",
        columns=("amount", "state", "partner_id"),
        path="account.payment",
        optional=True,
        absent=LEFT_OUT,
        domain=(("partner_type", "=", "customer"),),
        parent_field="partner_id",
        refers_to="customer",
        label="name|memo",
        code="name",
        sweep_fields=("id", "write_date", "name", "state", "partner_id", "amount", "is_reconciled", "is_matched"),
        expects=("name", "state", "payment_type", "partner_id", "amount", "currency_id", "date"),
        money=("amount",),
        amounts=("currency_id",),
        personal=("memo", "payment_reference", "qr_code", "activity_summary"),
    ),
)
