"""Reports."""

from sync_pipeline.db.revision import run

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
