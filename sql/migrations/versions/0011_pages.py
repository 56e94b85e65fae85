"""Pages."""

from sync_pipeline.db.revision import run

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
