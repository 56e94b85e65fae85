"""What a WooCommerce connection must supply. Older names of the settings are accepted."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator

from sync_pipeline.sources.settings import ConnectionSettings, ConnectOption, address


class WooConfig(ConnectionSettings):
    """Settings of one WooCommerce store."""

    LEGACY_KEYS: ClassVar[Mapping[str, Sequence[str]]] = {
        "store_url": ("storeUrl", "url", "site_url", "siteUrl"),
        "consumer_key": ("consumerKey", "key", "api_key"),
        "consumer_secret": ("consumerSecret", "secret", "api_secret"),
        "verify_tls": ("verifySsl", "verify_ssl"),
    }

    store_url: Annotated[str, ConnectOption("--url", "URL")] = Field(
        title="Store address", description="Where the shop is, for example https://shop.example"
    )
    consumer_key: Annotated[SecretStr, ConnectOption("--key", "K")] = Field(
        title="Consumer key", description="From WooCommerce, Settings, Advanced, REST API"
    )
    consumer_secret: Annotated[SecretStr, ConnectOption("--secret-env", "VAR", env=True)] = Field(
        title="Consumer secret", description="Shown once, when the key is made"
    )
    webhook_secret: SecretStr | None = Field(
        None, title="Webhook secret", description="The secret of the webhooks that the store sends here"
    )
    auth: Literal["auto", "basic", "query", "oauth1"] = Field(
        "auto",
        title="Authentication",
        description="auto: OAuth 1.0a over http, Basic over https. query: the host strips the Authorization header",
    )
    ca_file: str | None = Field(None, title="CA file", description="Certificate to trust, for a private CA")

    @field_validator("store_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return address(value, ("/wp-json/wc/v3", "/wp-json/wc", "/wp-json", "/wp-admin"))

    @field_validator("consumer_key", "consumer_secret")
    @classmethod
    def _present(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("must not be empty")
        return SecretStr(value.get_secret_value().strip())
