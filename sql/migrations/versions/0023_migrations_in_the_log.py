"""What became of proposed migrations is in the log of decisions; a row of a validation may wait for a person."""

from sync_pipeline.db.revision import run

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
