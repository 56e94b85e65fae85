"""Lines of queues are found by their record."""

from sync_pipeline.db.revision import run

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
