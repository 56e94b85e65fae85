"""The requests that a store gets at once are counted over all workers and connections."""

from sync_pipeline.db.revision import run

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
