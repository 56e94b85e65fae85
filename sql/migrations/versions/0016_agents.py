"""The record of agents' calls."""

from sync_pipeline.db.revision import run

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
