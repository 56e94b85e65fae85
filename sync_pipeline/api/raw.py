"""Payloads copied into a response as the store wrote them, without parsing."""

import msgspec


def raw_json(text: str) -> msgspec.Raw:
    """JSON text to be copied into a response unchanged."""
    return msgspec.Raw(text.encode("utf-8", "surrogatepass"))
