"""Named records."""

from sync_pipeline.db.revision import run

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
