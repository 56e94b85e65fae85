"""Who may see which page and do what there, as the table in docs/security.md. A test holds that it is current.

`python -m sync_pipeline.explorer.roles` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sync_pipeline.api.auth import NEEDED, RIGHTS, Right, needs
from sync_pipeline.config import PROJECT
from sync_pipeline.explorer.mount import routers
from sync_pipeline.explorer.session import PageRoute

DOCUMENT = PROJECT / "docs" / "security.md"
BEGIN, END = "<!-- python -m sync_pipeline.explorer.roles -->", "<!-- end of the table -->"


def pages() -> Iterator[tuple[str, str, str, Right | None]]:
    """Every page and action of an organization: method, address, what it is in words, and the right that it needs."""
    for router in routers():
        for route in router.routes:
            if isinstance(route, PageRoute) and "{org}" in route.path:
                right = next((NEEDED[need.call] for need in needs(route.dependant) if need.call in NEEDED), None)
                words = (route.endpoint.__doc__ or "").strip().partition("\n")[0]
                for method in route.methods or ():
                    yield method, route.path, words, right


def table() -> str:
    """The table as Markdown, by address; pages before the actions that they lead to."""
    lines = ["| page or action | what it is | " + " | ".join(RIGHTS) + " |", "|---|---|" + "---|" * len(RIGHTS)]
    for method, path, words, right in sorted(pages(), key=lambda one: (one[1], one[0])):
        address = re.sub(r"{(\w+)(?::path)?}", lambda found: found[1].upper(), path)
        cells = [_may(right, theirs) for theirs in RIGHTS.values()]
        lines.append(f"| {method} `{address}` | {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _may(right: Right | None, theirs: frozenset[Right]) -> str:
    if Right.READ not in theirs:
        return "no"  # it cannot log in
    if right is Right.PROPOSE and right in theirs and Right.SELECT not in theirs:
        return "as a proposal"
    return "yes" if right is None or right in theirs else "no"


def written(text: str) -> str:
    """The document with the table as it is now."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
