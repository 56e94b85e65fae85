"""No error ever shows a secret."""

import pytest

from sync_pipeline.errors import ConfigurationError, SyncError, redact


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
