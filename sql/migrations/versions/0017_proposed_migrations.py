"""Migrations that somebody proposes."""

from sync_pipeline.db.revision import run

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
