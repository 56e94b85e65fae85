"""Two records claim one SKU, or a core row without a record has it, and the organization's policy is `halt`."""

from sync_pipeline.gates.cause import Cause, Option

CAUSE = Cause(
    name="sku_conflict",
    found_by="promotion",
    blocks="only the record",
    question="SKU “{sku}” is claimed by {claimants}. Which rule decides?",
    options=(
        Option(
            "separate",
            "The lowest id keeps the SKU; the other record becomes a separate core row, its SKU set aside.",
            "None: correct the SKU in the store and promote again.",
        ),
        Option(
            "core_wins",
            "The record is mapped to the core row, which keeps its values.",
            "The store's values are not used.",
        ),
        Option(
            "source_wins",
            "The record takes over the core row with this SKU.",
            "The core row's own values are overwritten.",
        ),
    ),
    constraint="one SKU, one core row",
    rules=("the organization's SKU policy is halt", "{rule}"),
    ends="the record is promoted without the conflict",
)
