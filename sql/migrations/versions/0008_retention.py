"""Retention."""

from sync_pipeline.db.revision import run

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
