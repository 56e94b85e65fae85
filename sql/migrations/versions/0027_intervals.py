"""A content that came back has a row for each time, and so has a deletion."""

from sync_pipeline.db.revision import run

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
