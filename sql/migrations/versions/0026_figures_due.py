"""Figures of customers are computed once a queue, with its last lines."""

from sync_pipeline.db.revision import run

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
