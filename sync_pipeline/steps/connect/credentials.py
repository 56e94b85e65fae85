"""Credentials at rest: Fernet, newest key first, bound to the row they belong to."""

from collections.abc import Mapping, Sequence

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sync_pipeline.errors import ConfigurationError


def encrypt(keys: Sequence[bytes], secrets: Mapping[str, str], *, bound_to: str) -> bytes:
    """`secrets` as a token that opens only for the same `bound_to`."""
    return _cipher(keys).encrypt(msgspec.json.encode({"bound_to": bound_to, "secrets": dict(secrets)}))


def decrypt(keys: Sequence[bytes], token: bytes, *, bound_to: str) -> dict[str, str]:
    """The secrets of a token.

    Raises:
        ConfigurationError: no key opens it, or it was copied from another row.
    """
    try:
        content = msgspec.json.decode(_cipher(keys).decrypt(bytes(token)))
    except InvalidToken:
        raise ConfigurationError(
            "No key opens the stored credentials. Put the key they were encrypted with into SYNC_SECRET_KEY, after the "
            "newest one and a comma; or connect the store again."
        ) from None
    if content["bound_to"] != bound_to:
        raise ConfigurationError("These credentials belong to another connection. Connect the store again.")
    return {str(k): str(v) for k, v in content["secrets"].items()}


def _cipher(keys: Sequence[bytes]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ConfigurationError(
            "SYNC_SECRET_KEY holds something that is no Fernet key (32 random bytes in url-safe base64)."
        ) from None
