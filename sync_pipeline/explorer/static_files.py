"""Scripts and styles, from memory. Their address holds a hash of all of them, so a browser keeps them for ever."""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from sync_pipeline.errors import NotFound

router = APIRouter(include_in_schema=False)
_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class _File(NamedTuple):
    body: bytes
    packed: bytes
    media_type: str


@cache
def _files() -> dict[str, _File]:
    found = {file.name: (file.read_bytes(), _TYPES[file.suffix]) for file in _FOLDER.iterdir() if file.suffix in _TYPES}
    return {name: _File(body, gzip.compress(body, 9, mtime=0), kind) for name, (body, kind) in found.items()}


@cache
def _hash() -> str:
    # Of all files together: modules import each other by name.
    return sha256(b"".join(name.encode() + one.body for name, one in sorted(_files().items()))).hexdigest()[:16]


def address(name: str) -> str:
    """Where a page finds this file."""
    assert name in _files(), f"there is no static file {name}"
    return f"/ui/static/{_hash()}/{name}"


@router.get("/ui/static/{version}/{name}")
def static_file(request: Request, version: str, name: str) -> Response:
    """One file. A page from before an upgrade gets the new one, and does not keep it."""
    if name not in _files():
        raise NotFound(f"There is no file {name}.")
    one = _files()[name]
    kept = "public, max-age=31536000, immutable" if version == _hash() else "no-store"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    body = one.body
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = one.packed, "gzip"
    return Response(body, headers=headers, media_type=one.media_type)
