"""Validations, sign-offs, acceptance scripts."""

from sync_pipeline.db.revision import run

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
