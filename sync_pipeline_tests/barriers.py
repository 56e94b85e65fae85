"""What keeps people out of a page: what axe finds in both colours and widths, and what is wider than the screen."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_AXE = Axe()
_ALL: dict[str, Any] = {"resultTypes": ["violations"]}
# What is found besides does not depend on the colours, and takes most of the time.
_COLOURS: dict[str, Any] = {**_ALL, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
_VIEWS = ((1280, "light", _ALL), (1280, "dark", _COLOURS), (390, "dark", _ALL), (390, "light", _COLOURS))
# A page is looked at in both widths and both colours; half of the pages in these views, half in those.
_HALVES = (
    ((1280, "light", _ALL), (390, "dark", _COLOURS)),
    ((390, "light", _ALL), (1280, "dark", _COLOURS)),
)
in_views = pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.torture)])


def barriers(page: Page, name: str, *, whole: bool) -> dict[str, list[str]]:
    """What is wrong with the page as it is shown, by its name, width and colours; nothing, if all is well.

    `whole`: in all four views, else in two of them.
    """
    found = {}
    for width, scheme, options in _VIEWS if whole else _HALVES[zlib.crc32(name.encode()) % 2]:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        if page.evaluate("!window.axe"):
            page.evaluate(_AXE.axe_script)
        violations = page.evaluate("options => axe.run(options)", options)["violations"]
        grave = [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in violations if one["impact"] != "minor"]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            grave.append("it is wider than the screen")
        if grave:
            found[f"{name}, {width}, {scheme}"] = grave
    page.set_viewport_size({"width": 1280, "height": 800})
    return found
