"""The API's documents as a page: every call of the OpenAPI document, without a script and from no other host."""

import gzip
from typing import NamedTuple

from fastapi import APIRouter, FastAPI, Request, Response

from sync_pipeline.api.auth import RIGHT_WORDS, RIGHTS
from sync_pipeline.api.examples import Example, command, laid_out, taken
from sync_pipeline.api.reference import sections
from sync_pipeline.explorer import render
from sync_pipeline.explorer.session import PageRoute

router = APIRouter(route_class=PageRoute)


class _Page(NamedTuple):
    body: bytes
    packed: bytes


@router.get("/docs")
async def docs_page(request: Request) -> Response:
    """The same for everybody, and public as /openapi.json is, so it is rendered once for each theme."""
    if not hasattr(request.app.state, "docs_pages"):
        request.app.state.docs_pages = {}
    kept: dict[str | None, _Page] = request.app.state.docs_pages
    theme = render.theme_of(request)
    page = kept.get(theme)
    if page is None:
        page = kept[theme] = _rendered(request.app, theme)
    return render.answer(request, page.body, "text/html; charset=utf-8", packed=page.packed)


def _rendered(app: FastAPI, theme: str | None) -> _Page:
    document = app.openapi()
    html = render.part(
        "docs/page.html",
        theme=theme,
        about=document["info"],
        sections=list(sections(document)),
        roles=list(RIGHTS),
        rights=[(right, words, [right in those for those in RIGHTS.values()]) for right, words in RIGHT_WORDS.items()],
        command=command,
        answer=_answer,
        taken=lambda example: "\n".join(taken(example)),
    )
    body = html.encode("utf-8")
    return _Page(body, gzip.compress(body, 9, mtime=0))


def _answer(example: Example) -> str:
    return example.answer if isinstance(example.answer, str) else laid_out(example.answer, width=88)
