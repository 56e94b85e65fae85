"""The database as first released: the files of `0001_baseline/`, in order."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FOLDER = Path(__file__).with_suffix("")


def upgrade() -> None:
    # The driver itself: a file holds many statements, and its % signs are no placeholders.
    driver = op.get_bind().connection.driver_connection
    for file in sorted(FOLDER.glob("*.sql")):
        driver.execute(file.read_text("utf-8"))
    driver.execute("GRANT SELECT ON alembic_version TO sync_app")


def downgrade() -> None:
    raise NotImplementedError("Before the baseline there is nothing: drop the database instead, after a backup.")
