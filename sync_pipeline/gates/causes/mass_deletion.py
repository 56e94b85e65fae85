"""More records are missing from a complete list than the connection's limit allows."""

from sync_pipeline.gates.cause import Cause, Option

CAUSE = Cause(
    name="mass_deletion",
    found_by="capture",
    blocks="marking records of one entity as deleted",
    question="{store} no longer lists {missing} of its {known} {title}. Were they deleted?",
    options=(
        Option("keep", "Nothing is marked deleted; the records stay as they are.", "None."),
        Option(
            "confirm",
            "The next pull looks for each record at the store and marks those that are gone.",
            "If the store has a fault that also hides single records, they are marked deleted by mistake. They are "
            "restored when the store lists them again.",
        ),
    ),
    constraint="at most {share} of an entity may be marked deleted without a person's approval",
    rules=("missing from a complete list → suspected → looked for → deleted",),
    ends="the store lists the records again",
    resume="pull",
)
