"""What an Odoo connection must supply. Older names of the settings are accepted."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator

from sync_pipeline.sources.settings import ConnectionSettings, ConnectOption, address


class OdooConfig(ConnectionSettings):
    """Settings of one Odoo database."""

    LEGACY_KEYS: ClassVar[Mapping[str, Sequence[str]]] = {
        "url": ("host", "server_url", "serverUrl", "odoo_url", "odooUrl", "store_url", "storeUrl"),
        "db": ("database", "dbname", "db_name", "dbName", "odoo_db"),
        "username": ("login", "user", "odoo_username"),
        "password": ("api_key", "apiKey", "key", "secret", "token", "odoo_password"),
        "lang": ("language",),
        "companies": ("company_ids", "companyIds"),
        "verify_tls": ("verifySsl", "verify_ssl"),
    }

    url: Annotated[str, ConnectOption("--url", "URL")] = Field(
        title="Address", description="Where Odoo is, for example https://odoo.example"
    )
    db: Annotated[str, ConnectOption("--db", "DB")] = Field(
        title="Database", description="The database's name; on Odoo Online the part before .odoo.com"
    )
    username: Annotated[str, ConnectOption("--user", "U")] = Field(
        title="User", description="The login of the user whose rights are used"
    )
    password: Annotated[SecretStr, ConnectOption("--secret-env", "VAR", env=True)] = Field(
        title="Password or API key", description="A key is better: Preferences, Account Security, New API Key"
    )
    transport: Literal["auto", "json2", "jsonrpc"] = Field(
        "auto",
        title="Transport",
        description="auto: JSON-2 where the server is 19 or newer and the secret is an API key, else JSON-RPC",
    )
    companies: list[int] = Field(
        [],
        title="Companies",
        description="Ids of the companies to capture, the leading one first; none: all of the user's",
    )
    lang: str = Field("en_US", title="Language", description="The language of translated fields")
    ca_file: Annotated[str | None, ConnectOption("--ca-file", "FILE")] = Field(
        None, title="CA file", description="Certificate to trust, for a private CA"
    )
    # write_date is when a transaction began, which becomes visible later: this covers imports and nightly jobs.
    overlap_seconds: int = Field(
        900,
        title="Overlap of deltas",
        ge=0,
        le=31 * 86_400,
        description="Seconds before the watermark at which a delta starts.",
    )

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return address(value, ("/web/login", "/web", "/odoo", "/jsonrpc", "/xmlrpc/2", "/json/2"))

    @field_validator("db", "username")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must not be empty")
        return value.strip()

    @field_validator("password")
    @classmethod
    def _present(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            raise ValueError("must not be empty")
        return value

    @field_validator("companies")
    @classmethod
    def _distinct(cls, value: list[int]) -> list[int]:
        if any(number < 1 for number in value):
            raise ValueError("companies must be given by their ids, such as 1, 2")
        return list(dict.fromkeys(value))
