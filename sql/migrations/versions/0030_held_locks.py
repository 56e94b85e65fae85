"""Held locks are a view."""

from sync_pipeline.db.revision import run

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
