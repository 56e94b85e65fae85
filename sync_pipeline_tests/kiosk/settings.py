"""What a connection supplies. `connect` takes it as `--base-url` and `--api-key-env`."""

from pydantic import Field, SecretStr, field_validator

from sync_pipeline.sources.settings import ConnectionSettings, address


class KioskConfig(ConnectionSettings):
    """Settings of one till."""

    base_url: str = Field(title="Address", description="Where the till answers")
    api_key: SecretStr = Field(title="API key", description="Printed on the till")
    hook_secret: SecretStr | None = Field(None, title="Webhook secret")

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return address(value, ())
