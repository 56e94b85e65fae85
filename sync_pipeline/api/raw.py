"""Payloads as the store wrote them, put into an answer without being read."""

import msgspec


def raw_json(text: str) -> msgspec.Raw:
    """JSON text to be put into an answer as it is."""
    return msgspec.Raw(text.encode("utf-8", "surrogatepass"))
