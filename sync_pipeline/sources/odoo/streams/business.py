"""The companies and what they work with: places, warehouses, teams, delivery methods, tags of customers."""

from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream, ShortList

STREAMS = (
    # The companies of the connection.
    ShortList(
        name="companies",
        entity_type="company",
        title="Companies",
        path="res.company",
        company="id",
        # A company's name, address and numbers are its partner's.
        computed=("street", "street2", "zip", "city", "state_id", "country_id", "country_code", "vat"),
        expects=("name", "currency_id", "partner_id"),
        leaves_out={"user_ids": "the users that may log in, not data of the company"},
    ),
    ShortList(
        name="countries",
        entity_type="country",
        title="Countries",
        path="res.country",
        company=None,
        code="code",
        expects=("name", "code"),
    ),
    # States and provinces of countries. parent_id is the country.
    ShortList(
        name="states",
        entity_type="state",
        title="States",
        path="res.country.state",
        company=None,
        parent_field="country_id",
        refers_to="country",
        code="code",
        expects=("name", "code", "country_id"),
    ),
    ShortList(
        name="warehouses",
        entity_type="warehouse",
        title="Warehouses",
        path="stock.warehouse",
        optional=True,
        code="code",
        expects=("name", "code", "lot_stock_id"),
    ),
    # Stock locations, a tree. parent_id is the location above.
    OdooStream(
        name="locations",
        entity_type="location",
        title="Locations",
        path="stock.location",
        optional=True,
        parent_field="location_id",
        refers_to="location",
        label="complete_name|name",
        code="barcode",
        sweep_fields=("id", "write_date", "name", "complete_name", "usage", "location_id", "active"),
        expects=("name", "complete_name", "usage"),
    ),
    # Delivery methods; the module may be absent.
    ShortList(
        name="carriers",
        entity_type="carrier",
        title="Delivery methods",
        path="delivery.carrier",
        optional=True,
        code="delivery_type",
        expects=("name", "delivery_type", "product_id"),
        money=("fixed_price",),
    ),
    ShortList(
        name="teams",
        entity_type="team",
        title="Sales teams",
        path="crm.team",
        optional=True,
        absent=LEFT_OUT,
        expects=("name",),
    ),
    # Tags of customers, a tree. parent_id is the tag above. Renaming one does not change the date of its partners.
    ShortList(
        name="partner_tags",
        entity_type="partner_tag",
        title="Customer tags",
        path="res.partner.category",
        company=None,
        parent_field="parent_id",
        refers_to="partner_tag",
        expects=("name",),
        leaves_out={"partner_ids": "the partners name their tags"},
    ),
)
