"""Customers and their addresses. parent_id is the company or person an address belongs to."""

from sync_pipeline.sources.odoo.customers import customers
from sync_pipeline.sources.odoo.mappers.customer import to_customer
from sync_pipeline.sources.odoo.stream import ALL_DOCUMENTS, OdooStream

STREAM = OdooStream(
    name="customers",
    entity_type="customer",
    title="Customers",
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
    # Merging partners rewrites who points to whom without a date; later increments of the rank may move none either.
    sweep_fields=("id", "write_date", "customer_rank", "parent_id", "commercial_partner_id", "active"),
    expects=(
        "name",
        "email",
        "phone",
        "street",
        "street2",
        "city",
        "zip",
        "country_id",
        "state_id",
        "vat",
        "is_company",
        "type",
        "commercial_company_name",
        "active",
    ),
    dates=("create_date", "write_date"),
    to_entity=to_customer,
)
