"""A migration would lose data of an organization that cannot be computed again."""

from sync_pipeline.gates.cause import Cause, Option

CAUSE = Cause(
    name="destructive_migration",
    found_by="migration",
    blocks="the migration",
    question="The migration to {target} would lose {lost}. Apply it anyway?",
    options=(
        Option("refuse", "The database stays as it is.", "Versions that need the migration cannot be used."),
        Option(
            "migrate", "The migration is applied, and this data is lost: {lost}.", "Only a backup still has the data."
        ),
    ),
    constraint="a migration loses no data",
    rules=("every migration has a way back that loses nothing",),
    ends="the migration is applied or refused",
    resume="migrate",
)
