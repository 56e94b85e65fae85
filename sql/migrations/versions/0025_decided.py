"""One home for the decision that counts, for what a plan may hold, and for what differs from core."""

from sync_pipeline.db.revision import run

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
