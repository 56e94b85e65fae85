"""What a sweep compares is called sweep_hash."""

from sync_pipeline.db.revision import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
