"""What an Odoo connection must supply. Older spellings of the keys are understood."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator

from sync_pipeline.sources.settings import ConnectionSettings, ConnectOption, address


class OdooConfig(ConnectionSettings):
    """Settings of one Odoo database."""

    LEGACY_KEYS: ClassVar[Mapping[str, str]] = {
        "host": "url",
        "server_url": "url",
        "serverUrl": "url",
        "odoo_url": "url",
        "odooUrl": "url",
        "store_url": "url",
        "storeUrl": "url",
        "database": "db",
        "dbname": "db",
        "db_name": "db",
        "dbName": "db",
        "odoo_db": "db",
        "login": "username",
        "user": "username",
        "odoo_username": "username",
        "api_key": "password",
        "apiKey": "password",
        "key": "password",
        "secret": "password",
        "token": "password",
        "odoo_password": "password",
        "language": "lang",
        "company_ids": "companies",
        "companyIds": "companies",
        "verifySsl": "verify_tls",
        "verify_ssl": "verify_tls",
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
        [], title="Companies", description="Ids of the companies to take, the leading one first; none: all of the user"
    )
    lang: str = Field("en_US", title="Language", description="In which translated fields are read")
    ca_file: Annotated[str | None, ConnectOption("--ca-file", "FILE")] = Field(
        None, title="CA file", description="Certificate to trust, for a private CA"
    )
    # write_date is when a transaction began, not when it became visible: longer than imports and nightly jobs take.
    overlap_seconds: int = Field(
        900, ge=0, le=31 * 86_400, description="Seconds before the watermark at which a delta starts."
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
            raise ValueError("companies are named by their ids, 1, 2 …")
        return list(dict.fromkeys(value))
