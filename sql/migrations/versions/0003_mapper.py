"""The mapping keeps which mapper wrote the core row."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

FOLDER = Path(__file__).with_suffix("")


def upgrade() -> None:
    for file in sorted(FOLDER.glob("*.sql")):
        op.get_bind().connection.driver_connection.execute(file.read_text("utf-8"))


def downgrade() -> None:
    op.execute("DROP INDEX selection.sync_selective_config_ignored")
    op.execute("ALTER TABLE promote.integration_mapping DROP COLUMN mapper")
