"""Ten thousand runs and ten million records: what is asked often reads a page of them."""

from sync_pipeline.db.revision import run

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
