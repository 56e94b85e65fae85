"""Customers of all roles. The list has no modified_after, and fewer fields are not faster: every pull reads all."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.woocommerce.mappers.customer import to_customer

STREAM = Stream(
    name="customers",
    entity_type="customer",
    title="Customers",
    columns=("role",),
    path="wc/v3/customers",
    entity="customer",
    params={"role": "all"},
    label="first_name last_name|display_name|username",
    email="email|billing.email",
    created="date_created_gmt",
    modified="date_modified_gmt",
    noise=("avatar_url",),
    dates=("date_created_gmt",),
    objects=("billing", "shipping"),
    texts=names(
        "email first_name last_name display_name username billing.first_name billing.last_name billing.company "
        "billing.email billing.phone"
    ),
    amounts=("total_spent",),
    personal=names(
        "email first_name last_name display_name username avatar_url billing shipping last_order meta_data.value"
    ),
    needs=("email", "first_name", "last_name", "billing"),
    to_entity=to_customer,
)
