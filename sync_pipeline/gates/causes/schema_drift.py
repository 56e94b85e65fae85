"""A field that promotion needs is missing from a store's records, or has another type."""

from sync_pipeline.gates.cause import Cause, Option

CAUSE = Cause(
    name="schema_drift",
    found_by="preview",
    blocks="one entity of one connection",
    question="{store}: {change} in its {title}. Promote them anyway?",
    options=(
        Option(
            "hold",
            "No {title} of this store are promoted until the field is back, but deletions are; all else continues.",
            "Core keeps its present values, which become outdated.",
        ),
        Option(
            "accept",
            "Promotion continues with the present content of {field}.",
            "Core loses its values from {field}; records that cannot be read without it fail one by one.",
        ),
    ),
    constraint="promotion of {title} reads {field}",
    rules=("the mapper of {entity_type}",),
    ends="the store sends the field as before",
)
