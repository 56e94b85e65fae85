"""What changed at the stores since a time is read along an index; saved views know the token that made them."""

from sync_pipeline.db.revision import run

revision = "0021"
down_revision = "0019"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
