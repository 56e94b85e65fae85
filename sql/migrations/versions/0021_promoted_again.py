"""A record that is again what was promoted is noted, so that the next promotion settles what counts it."""

from sync_pipeline.db.revision import run

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
