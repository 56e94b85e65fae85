"""${message}."""

from pathlib import Path

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

SQL = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute(SQL.read_text("utf-8"))


def downgrade() -> None:
    raise NotImplementedError("Write the way back; it may not lose captured data.")
