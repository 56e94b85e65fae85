"""Undo is told the order of the tables."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FOLDER = Path(__file__).with_suffix("")


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute((FOLDER / "up.sql").read_text("utf-8"))


def downgrade() -> None:
    op.get_bind().connection.driver_connection.execute((FOLDER / "down.sql").read_text("utf-8"))
