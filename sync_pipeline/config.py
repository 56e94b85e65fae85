"""Settings of the process, from the environment (`SYNC_*`), read once where a door opens."""

import os
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What a process needs to know. Connection settings are rows, not environment.

    `database_url` is the owner's: it migrates. The application logs in as a role of its own; set
    `app_database_url` where the owner may not create that role.
    """

    model_config = SettingsConfigDict(env_prefix="SYNC_")

    home: Path = PROJECT / ".sync"
    database_url: SecretStr | None = None
    app_database_url: SecretStr | None = None
    dagster_database_url: SecretStr | None = None
    secret_key: SecretStr | None = None
    allow_private_hosts: bool = False
    # The service.
    calls_per_minute: int = 1200  # of one token
    sync_calls_per_minute: int = 60  # that make a store or Dagster work, of one connection
    max_body_bytes: int = 8 * 1024 * 1024
    cors_origins: str = ""  # closed; else origins, separated by commas
    metrics_token: SecretStr | None = None  # without it only a direct caller on loopback reads /metrics
    alert_url: SecretStr | None = None  # told of failing and stale connections
    stale_hours: float = 36.0  # a connection from which nothing came for so long is stale

    @property
    def embedded(self) -> bool:
        """True when this project runs its own PostgreSQL under `home`."""
        return self.database_url is None

    @cached_property
    def encryption_keys(self) -> list[bytes]:
        """Fernet keys, newest first; older ones still decrypt.

        `SYNC_SECRET_KEY` holds one or more, separated by commas. Without it the embedded default keeps one
        in `home`, readable by its owner alone.
        """
        if self.secret_key is not None:
            return [part.strip().encode() for part in self.secret_key.get_secret_value().split(",") if part.strip()]
        path = self.home / "secret.key"
        if not path.exists():
            from cryptography.fernet import Fernet

            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                pass  # another process was first: its key is as good
            else:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(Fernet.generate_key() + b"\n")
        return [line.strip() for line in path.read_bytes().splitlines() if line.strip()]

    def prepend_key(self) -> None:
        """Add a new newest key to the key file.

        Raises:
            ConfigurationError: the keys come from `SYNC_SECRET_KEY`, which only its owner can change.
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
