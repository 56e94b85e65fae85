"""Deletion change."""

from sync_pipeline.db.revision import run

revision = "0010"
down_revision = "0009"
computes = {"promote.integration_mapping.core_wins": "True for all records of a row for one of which it is."}


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
