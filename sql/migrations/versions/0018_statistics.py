"""Long commands keep the statistics of what they fill."""

from sync_pipeline.db.revision import run

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
