"""Reports."""

from sync_pipeline.db.revision import run

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
