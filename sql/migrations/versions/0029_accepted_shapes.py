"""Which shapes of fields were accepted is kept an entity."""

from sync_pipeline.db.revision import run

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
