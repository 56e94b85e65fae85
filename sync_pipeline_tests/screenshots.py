"""Pictures of every page of the Explorer, for docs/explorer.md: `make screenshots`.

Opens a fresh demo, follows the pages' own links until every page was seen, and takes each in light, in dark and on a
phone. A page that no link leads to is an error.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from sync_pipeline.cli.children import answers
from sync_pipeline.config import PROJECT
from sync_pipeline.explorer.mount import routers
from sync_pipeline_tests.chromium import chromium, log_in
from sync_pipeline_tests.processes import free_port
from sync_pipeline_tests.waiting import wait_until

FOLDER = PROJECT / "docs" / "images" / "explorer"
DOCUMENT = PROJECT / "docs" / "explorer.md"
BEGIN, END = "<!-- pictures: make screenshots -->", "<!-- end of the pictures -->"
ORGS = ("acme", "globex")
LOOKS: Mapping[str, dict[str, object]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "is_mobile": True, "has_touch": True},
}
_NO_PAGES = ("/live", "/raw/", "{path:path}", "/docs")  # a stream, a file, what is not found, the API's documents
_MOST_VISITS = 6  # of one page: the first plan may have nothing to undo
_COMMAND = Path(sys.executable).with_name("sync-pipeline")


def main() -> None:
    """Take them all and name them in the document."""
    with demo() as shown, chromium() as browser:
        url, tokens = shown.url, shown.tokens
        found = find_pages(browser, url, tokens)
        FOLDER.mkdir(parents=True, exist_ok=True)
        for old in FOLDER.glob("*.png"):
            old.unlink()
        for look, options in LOOKS.items():
            context = browser.new_context(base_url=url, reduced_motion="reduce", **options)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto("/ui/login")
            page.screenshot(path=FOLDER / f"login-{look}.png")
            for org, token in tokens.items():
                log_in(page, token, f"/ui/{org}")
            for name, address in found.items():
                page.goto(address)
                settled(page)
                page.screenshot(path=FOLDER / f"{name}-{look}.png")
            context.close()
    write(["login", *found])
    print(f"{3 * (len(found) + 1)} pictures in {FOLDER.relative_to(PROJECT)}")


@dataclass(frozen=True)
class Demo:
    """A demo that runs: its service, its Dagster, its data folder, and an admin's token of each organization."""

    url: str
    dagster: str
    home: Path
    tokens: dict[str, str]


@contextmanager
def demo() -> Iterator[Demo]:
    """A demo on a data folder of its own."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "SYNC_HOME": home, "LOGNAME": "ann", "SYNC_ALLOW_PRIVATE_HOSTS": "1"}
        port, dagster = str(free_port()), str(free_port())
        running = subprocess.Popen(
            [str(_COMMAND), "demo", "--json", "--port", port, "--dagster-port", dagster],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            assert running.stdout is not None
            json.loads(running.stdout.readline())
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(f"{url}/healthz"), "the service answers")
            tokens = {org: _token(org, env) for org in ORGS}
            # Red rows are no failure here: the page shows them.
            subprocess.run([str(_COMMAND), "validate", ORGS[0]], env=env, stdout=subprocess.DEVNULL, check=False)
            yield Demo(url, f"http://127.0.0.1:{dagster}", Path(home), tokens)
        finally:
            running.terminate()
            running.wait(240)


def _token(org: str, env: dict[str, str]) -> str:
    made = subprocess.run(
        [str(_COMMAND), "token", "add", org, "--role", "admin", "--json"],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: str = json.loads(made.stdout)["token"]
    return found


def routes() -> dict[str, re.Pattern[str]]:
    """Every page by its short name (plans-plan_id), with the pattern of its address."""
    found = {}
    for path in (one.path for router in routers() for one in router.routes if "GET" in one.methods):  # type: ignore[attr-defined]
        if not path.startswith("/ui/{org}") or any(one in path for one in _NO_PAGES):
            continue
        words = re.sub(r"[{}]|:path", "", path.removeprefix("/ui/{org}").removeprefix("/{connection}")).strip("/")
        name = words.replace("/", "-") or ("operations" if "{connection}" in path else "overview")
        name = f"connection-{name}" if name in found else name  # an organization has settings, and a connection
        found[name] = re.compile(re.sub(r"{\w+:path}", "[^?]+", re.sub(r"{\w+}", "[^/]+", path)))
    return found


def find_pages(browser: Browser, url: str, tokens: dict[str, str]) -> dict[str, str]:
    """An address of every page, by following links from the first one; the first address that is found is taken."""
    wanted, found, visits = routes(), dict[str, str](), Counter[str]()
    context = browser.new_context(base_url=url)
    page = context.new_page()
    for org, token in tokens.items():
        log_in(page, token, f"/ui/{org}")
    ahead, seen = deque(f"/ui/{org}" for org in tokens), set[str]()
    while ahead and len(found) < len(wanted):
        address = ahead.popleft()
        path = urlsplit(address).path
        # Fixed words come before names: /ui/acme/plans is the plans, not a connection.
        kinds = [name for name, pattern in wanted.items() if pattern.fullmatch(path)]
        kind = min(kinds, key=lambda name: wanted[name].pattern.count("[^"), default=None)
        if kind is None or visits[kind] == _MOST_VISITS:
            continue
        visits[kind] += 1
        page.goto(address)
        settled(page)
        found.setdefault(kind, address)
        links = page.locator("a[href]").evaluate_all("all => all.map(one => one.getAttribute('href'))")
        for link in (urlsplit(page.evaluate("link => new URL(link, location.href).href", one)) for one in links):
            target = link.path + (f"?{link.query}" if link.query else "")
            if link.path.startswith("/ui/") and target not in seen:
                seen.add(target)
                # Products are what most readers look for.
                (ahead.appendleft if "/data/products" in target else ahead.append)(target)
    context.close()
    missing = wanted.keys() - found.keys()
    assert not missing, f"no link leads to: {', '.join(sorted(missing))}"
    return {name: found[name] for name in wanted}


def settled(page: Page) -> None:
    """Wait until what a script fills is there."""
    page.wait_for_load_state("load")
    # Not wait_for_function, which calls eval(): the pages' policy refuses it.
    filled = "!document.querySelector('[data-json]') || !!document.querySelector('[data-json] div')"
    wait_until(lambda: page.evaluate(filled), "the script has filled the page")


def write(names: list[str]) -> None:
    """Put the pictures into the document, between its marks."""
    parts = []
    for name in names:
        title = name.replace("-", " › ").replace("_", " ")
        at = f"images/explorer/{name}"
        parts.append(f"**{title}** · [dark]({at}-dark.png) · [phone]({at}-phone.png)\n\n![{title}]({at}-light.png)\n")
    text = DOCUMENT.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    DOCUMENT.write_text(f"{head}{BEGIN}\n\n" + "\n".join(parts) + f"\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()
