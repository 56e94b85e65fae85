"""Settings of the process, from environment variables `SYNC_*`."""

import base64
import os
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent
KeepDays = Annotated[int | None, Field(ge=30)]  # the database refuses to delete what is younger than 30 days


def _is_fernet_key(key: bytes) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == 32
    except ValueError:
        return False


# Read by something else than `Settings`: the entry point, agents' servers, Celery's workers; and what Kubernetes sets
# for a service that is called sync-pipeline-….
_ELSEWHERE = ("SYNC_DEBUG", "SYNC_TOKEN", "SYNC_URL", "SYNC_CELERY_BROKER_URL", "SYNC_CELERY_RESULT_URL")
_OF_SERVICES = "SYNC_PIPELINE_"


class Settings(BaseSettings):
    """The settings of a process. Settings of connections are stored in the database.

    `database_url` is the owner's, who runs the migrations. The application logs in with its own role; set
    `app_database_url` if the owner may not create that role.
    """

    model_config = SettingsConfigDict(env_prefix="SYNC_")

    home: Path = PROJECT / ".sync"
    database_url: SecretStr | None = None
    app_database_url: SecretStr | None = None
    dagster_database_url: SecretStr | None = None
    secret_key: SecretStr | None = None
    allow_private_hosts: bool = False
    # The service.
    calls_per_minute: int = 1200  # per token
    sync_calls_per_minute: int = 60  # calls that cause work for a store or Dagster, per connection
    max_body_bytes: int = 8 * 1024 * 1024
    cors_origins: str = ""  # allowed origins, separated by commas; empty: none
    dagster_url: str | None = None  # of the Dagster UI: pages link runs to it
    dagster_internal_url: str | None = None  # where the service itself reaches it, to cancel runs; default: dagster_url
    explorer_url: str | None = None  # of the Explorer: Dagster's pages link to it, agents name its pages by it
    schedules: Literal["running", "stopped"] | None = None  # how the schedules that pull start; see `pulls_by_schedule`
    dagster_workspace: Path | None = None  # a workspace.yaml of your own: further code locations beside this one
    orgs_per_run: int = Field(250, ge=1)  # of the schedules that pull: runs are what several machines share
    owners: str = "team:data"  # of the assets in Dagster: e-mail addresses and `team:NAME`, separated by commas
    metrics_token: SecretStr | None = None  # without it, /metrics answers only direct calls from loopback
    alert_url: SecretStr | None = None  # receives alerts about failing and stale connections
    stale_hours: float = 36.0  # a connection that was not pulled for this long is stale
    # Retention, in days; None: kept for ever (steps/observe/retention.py says what each gives up).
    keep_runs_days: int = Field(60, ge=1)  # Dagster's runs, their events and compute logs
    keep_promotion_runs_days: KeepDays = None  # those of promotions
    keep_activity_days: KeepDays = None
    keep_requests_days: KeepDays = None
    keep_ledger_days: KeepDays = None
    keep_quarantine_days: KeepDays = None
    keep_versions_days: KeepDays = None
    keep_undo_days: KeepDays = None
    keep_plans_days: KeepDays = None

    @property
    def embedded(self) -> bool:
        """True if this project runs its own PostgreSQL under `home`."""
        return self.database_url is None

    @property
    def pulls_by_schedule(self) -> bool:
        """True if the schedules that pull are on until somebody turns them off.

        On a laptop (the embedded database) they are not: it would read every store at night, or all that it slept
        through when it wakes up.
        """
        return not self.embedded if self.schedules is None else self.schedules == "running"

    @cached_property
    def encryption_keys(self) -> list[bytes]:
        """Fernet keys, newest first; older ones still decrypt.

        `SYNC_SECRET_KEY` has one or more, separated by commas. Without it they are in a file in `home` that only
        its owner can read.

        Raises:
            ConfigurationError: it has none, or one that is not a Fernet key.
        """
        if self.secret_key is not None:
            given = self.secret_key.get_secret_value()
            keys = [part.strip().encode() for part in given.split(",") if part.strip()]
            if not keys or not all(map(_is_fernet_key, keys)):
                from sync_pipeline.errors import ConfigurationError

                raise ConfigurationError(
                    "SYNC_SECRET_KEY is not a valid list of Fernet keys (each 32 random bytes in url-safe base64). "
                    "Make one: openssl rand -base64 32 | tr '+/' '-_'"
                )
            return keys
        path = self.home / "secret.key"
        if not path.exists():
            from cryptography.fernet import Fernet

            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                pass  # another process was first: use its key
            else:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(Fernet.generate_key() + b"\n")
        return [line.strip() for line in path.read_bytes().splitlines() if line.strip()]

    def prepend_key(self) -> None:
        """Add a new key to the front of the key file.

        Raises:
            ConfigurationError: the keys come from `SYNC_SECRET_KEY`, which this process cannot change.
        """
        from cryptography.fernet import Fernet

        from sync_pipeline.errors import ConfigurationError

        if self.secret_key is not None:
            raise ConfigurationError(
                "The keys come from SYNC_SECRET_KEY. Put a new Fernet key in front of it, separated by a comma, "
                "and run `sync-pipeline keys rotate` again to re-encrypt with it."
            )
        keys = [Fernet.generate_key(), *self.encryption_keys]
        path = self.home / "secret.key"
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(b"\n".join(keys) + b"\n")
        fresh.replace(path)
        self.__dict__.pop("encryption_keys", None)


def unknown_variables(given: Iterable[str]) -> list[str]:
    """A sentence for each of these environment variables that begins as a setting does and is none."""
    known = [name.upper() for name in Settings.model_fields]
    said = []
    for name in sorted(given):
        written = name.upper()
        if not written.startswith("SYNC_") or written.startswith(_OF_SERVICES) or written in _ELSEWHERE:
            continue
        setting = written.removeprefix("SYNC_")
        if setting not in known:
            like = get_close_matches(setting, known, n=1)
            said.append(f"{name} is no setting, and is ignored." + (f" Did you mean SYNC_{like[0]}?" if like else ""))
    return said
