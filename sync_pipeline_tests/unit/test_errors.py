"""No error ever shows a secret, and each says what to do."""

import pytest

from sync_pipeline.db.migrate import new_enough
from sync_pipeline.errors import ConfigurationError, SyncError
from sync_pipeline.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "GET https://shop.example/wp-json/wc/v3/products?consumer_key=ck_s3cr3ts3cr3t&consumer_secret=cs_s3cr3ts3cr3t",
        "Authorization: Basic czNjcjN0czNjcjN0czNjcjN0",
        "bearer s3cr3ts3cr3ts3cr3t",
        "postgresql://user:s3cr3t@host/db",
        "oauth_signature=s3cr3t%3D&oauth_nonce=s3cr3t",
        "the key cs_s3cr3t0s3cr3t",
    ],
)
def test_credentials_are_struck_out(text: str) -> None:
    assert "s3cr3t" not in redact(text)
    assert "s3cr3t" not in str(SyncError(text))
    assert "czNjcjN0" not in redact(text)


def test_a_class_docstring_is_its_default_message() -> None:
    assert str(ConfigurationError()) == "A setting is missing or wrong."


def test_an_old_server_is_refused_before_anything_is_made_in_it() -> None:
    with pytest.raises(ConfigurationError, match="PostgreSQL 16; sync_pipeline needs 18"):
        new_enough(160014)
    new_enough(180000)
    new_enough(190001)
