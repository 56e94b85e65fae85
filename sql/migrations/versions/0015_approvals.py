"""Approvals."""

from sync_pipeline.db.revision import run

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
