"""Customers and their addresses. parent_id is the company or person an address belongs to."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.customers import customers
from sync_pipeline.sources.odoo.mappers.customer import to_customer
from sync_pipeline.sources.odoo.stream import ALL_DOCUMENTS, OdooStream

STREAM = OdooStream(
    name="customers",
    entity_type="customer",
    title="Customers",
    columns=("phone", "city", "country_id"),
    path="res.partner",
    entity="customer",
    all_documents=ALL_DOCUMENTS,
    parent_field="parent_id",
    refers_to="customer",
    label="name|complete_name",
    code="ref",
    email="email_normalized|email",
    only=customers,
    only_by=("parent_id", "customer_rank"),
    # Merging partners rewrites references without changing a date; so may later increments of the rank.
    sweep_fields=names(
        "id write_date active name email phone vat ref type is_company street street2 city zip state_id country_id "
        "customer_rank parent_id commercial_partner_id"
    ),
    expects=names(
        "name email phone street street2 city zip country_id state_id vat is_company type commercial_company_name "
        "active"
    ),
    numbers=("customer_rank",),
    # What a module adds to a partner is told by its name alone (`steps/preview/masking.py`).
    personal=names(
        "name complete_name display_name parent_name ref barcode website comment function company_registry vat email "
        "email_normalized email_formatted phone mobile phone_sanitized phone_mobile_search street street2 zip "
        "commercial_company_name company_name contact_address contact_address_inline peppol_endpoint "
        "global_location_number activity_summary sale_warn_msg picking_warn_msg partner_latitude partner_longitude"
    ),
    dates=("create_date",),
    texts=("email", "email_normalized"),
    to_entity=to_customer,
)
