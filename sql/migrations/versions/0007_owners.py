"""Owners."""

from sync_pipeline.db.revision import run

revision = "0007"
down_revision = "0006"
computes = {
    "capture.sync_record.email": "Folded again by the new rule; the payload has it as the store wrote it.",
    "promote.integration_mapping.claim": "Folded again by the new rule.",
}


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
