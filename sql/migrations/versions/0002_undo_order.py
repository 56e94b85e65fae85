"""Undo is given the order of the tables."""

from sync_pipeline.db.revision import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
