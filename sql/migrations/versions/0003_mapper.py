"""The mapping keeps which mapper wrote the core row."""

from sync_pipeline.db.revision import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
