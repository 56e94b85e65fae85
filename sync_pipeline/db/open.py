"""Open the database a process works on: the embedded server's, or the one `SYNC_DATABASE_URL` names."""

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database, psycopg_url
from sync_pipeline.db.losses import LossApproval
from sync_pipeline.db.migrate import Migration, current_revision, head, is_known, migrate, too_new
from sync_pipeline.db.owner import app_password, create_database, login_role, unavailable
from sync_pipeline.errors import ConfigurationError, DatabaseUnavailable

_EMBEDDED_NAME = "sync"
_embedded: dict[str, EmbeddedPostgres] = {}


def embedded(settings: Settings) -> EmbeddedPostgres:
    """This process's embedded server in `settings.home`."""
    return _embedded.setdefault(str(settings.home.resolve()), EmbeddedPostgres(settings.home.resolve()))


def owner_url(settings: Settings) -> URL:
    """The owner's address; starts the embedded server where that is the database."""
    if settings.database_url is not None:
        return psycopg_url(settings.database_url.get_secret_value())
    server = embedded(settings)
    server.use()
    return server.url(_EMBEDDED_NAME)


def app_url(settings: Settings) -> URL:
    """The application's address: a role that owns nothing."""
    if settings.app_database_url is not None:
        return psycopg_url(settings.app_database_url.get_secret_value())
    owner = owner_url(settings)
    database = owner.database or ""
    secret = None if settings.embedded else settings.encryption_keys[-1]
    return owner.set(username=login_role(database), password=app_password(secret, database))


def dagster_url(settings: Settings) -> URL:
    """Dagster's own storage: a second database on the same server, created when it is first needed.

    The driver is spelled out: SQLAlchemy 2.1 takes psycopg 3 for a bare postgresql://, on which dagster-postgres
    fails at NOTIFY.
    """
    if settings.dagster_database_url is not None:
        url = psycopg_url(settings.dagster_database_url.get_secret_value())
    else:
        owner = owner_url(settings)
        url = owner.set(database=f"{owner.database}_dagster")
    create_database(url)
    return url.set(drivername="postgresql+psycopg2")


def migrate_to_head(settings: Settings, approval: LossApproval | None = None) -> Migration:
    """Bring the database to the newest revision (see `migrate`)."""
    secret = None if settings.embedded else settings.encryption_keys[-1]
    ours = settings.app_database_url is None
    return migrate(owner_url(settings), login_secret=secret, login=ours, approval=approval)


def open_database(settings: Settings) -> Database:
    """The application's database, at the newest revision.

    The embedded one is created and migrated at first use. Any other is migrated only by `sync-pipeline db migrate`.

    Raises:
        ConfigurationError: it is not migrated; run `sync-pipeline db migrate`.
        DatabaseUnavailable: it does not answer.
    """
    db = Database(app_url(settings))
    try:
        with db.unscoped() as conn:
            revision = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if revision == head():
            return db
    except (SQLAlchemyError, DatabaseUnavailable):
        pass  # no database, login or tables yet: what follows makes them, or says what is wrong
    db.close()
    try:
        _prepare(settings)
    except SQLAlchemyError as error:
        raise unavailable(error) from error
    return Database(app_url(settings))


def _prepare(settings: Settings) -> None:
    url = owner_url(settings) if settings.app_database_url is None else app_url(settings)
    if settings.embedded:
        create_database(owner_url(settings))
    revision = current_revision(url)
    if revision is None and settings.embedded:
        migrate_to_head(settings)
    elif not is_known(revision):
        raise ConfigurationError(too_new(revision))
    elif revision != head():
        raise ConfigurationError(
            f"The database is at revision {revision or 'none'}, this version needs {head()}. "
            "Run `sync-pipeline db migrate`."
        )
