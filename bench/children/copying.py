"""Records of a page as lines of COPY, as both floors write them."""

from __future__ import annotations

import msgspec


class _Id(msgspec.Struct):
    id: int


_RAW = msgspec.json.Decoder(list[msgspec.Raw])
_IDS = msgspec.json.Decoder(list[_Id])


def lines(body: bytes, before: bytes = b"") -> bytes:
    """The page's records in COPY's text format: `before`, the id, the record unchanged."""
    return b"".join(
        b"%s%d\t%s\n" % (before, found.id, bytes(raw).replace(b"\\", b"\\\\"))
        for found, raw in zip(_IDS.decode(body), _RAW.decode(body), strict=True)
    )
