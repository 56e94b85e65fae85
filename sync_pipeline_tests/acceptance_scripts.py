"""The acceptance scripts of docs/uat: parsed, and carried out by a browser as a person would.

A step is one sentence of a small grammar (docs/uat/README.md). One that the grammar does not have is an error, so that
a script cannot say what nobody carries out.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Error, Locator, Page, expect

from sync_pipeline.config import PROJECT
from sync_pipeline_tests.waiting import PATIENCE_SECONDS

FOLDER = PROJECT / "docs" / "uat"
_STEP = re.compile(r"^(\d+)\. (.+)$")
_SOON = 0.5
_QUOTED = "“([^”]+)”"
GRAMMAR: Mapping[str, re.Pattern[str]] = {
    "log_in": re.compile(r"Log in with your e-mail and password\."),
    "open_menu": re.compile(rf"Open {_QUOTED} in the menu\."),
    "open_first": re.compile(r"Open the first line\."),
    "click": re.compile(rf"Click {_QUOTED}\."),
    "tick": re.compile(r"Tick the first (\d+) records\."),
    "choose": re.compile(rf"Choose {_QUOTED}\."),
    "fill": re.compile(rf"Fill {_QUOTED} with {_QUOTED}\."),
    "see": re.compile(rf"See {_QUOTED}\."),
    "see_no": re.compile(rf"See no {_QUOTED}\."),
    "reload_until": re.compile(rf"Reload until you see {_QUOTED}\."),
    "happens": re.compile(r"Let (the shop stop answering|the shop answer again)\."),
}


@dataclass(frozen=True)
class Step:
    """One step: its number, its words, and what the grammar makes of them."""

    number: int
    words: str
    does: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Script:
    """An acceptance script. `hash` is the SHA-256 of its file's text."""

    name: str
    hash: str
    needs: Sequence[str]
    steps: Sequence[Step]


class StepFailed(AssertionError):
    """A step did not do what it says. `number` is the step's."""

    def __init__(self, step: Step, why: str) -> None:
        super().__init__(f"step {step.number}, “{step.words}”: {why}")
        self.number = step.number


def names() -> list[str]:
    """The scripts there are."""
    return sorted(file.stem for file in FOLDER.glob("*.md") if file.stem != "README")


def script(name: str) -> Script:
    """A script of docs/uat."""
    return parse(name, (FOLDER / f"{name}.md").read_text("utf-8"))


def parse(name: str, text: str) -> Script:
    """The script in a text.

    Raises:
        ValueError: a line is not of the grammar, or the numbers are not 1, 2, 3 …
    """
    head, _, body = text.partition("\nSteps:\n")
    needs = [line.removeprefix("- ") for line in head.splitlines() if line.startswith("- ")]
    steps: list[Step] = []
    for line in filter(None, (one.strip() for one in body.splitlines())):
        found = _STEP.match(line)
        if found is None or int(found[1]) != len(steps) + 1:
            raise ValueError(f"{name}: “{line}” is not step {len(steps) + 1}")
        steps.append(_step(name, int(found[1]), found[2]))
    if not needs or not steps:
        raise ValueError(f"{name} says neither what it needs nor what to do")
    return Script(name, hashlib.sha256(text.encode()).hexdigest(), needs, steps)


def _step(name: str, number: int, words: str) -> Step:
    for does, pattern in GRAMMAR.items():
        if found := pattern.fullmatch(words):
            return Step(number, words, does, found.groups())
    raise ValueError(f"{name}, step {number}: “{words}” is not in the grammar (docs/uat/README.md)")


@dataclass
class Operator:
    """Somebody who carries scripts out on a page, with a login, and what may happen around them."""

    page: Page
    org: str
    email: str
    password: str
    events: Mapping[str, Callable[[], Any]]
    gives_up_at: int | None = None  # a step that is known to fail: it is not waited for as the others are
    patience: float = PATIENCE_SECONDS

    def carry_out(self, script: Script) -> None:
        """Every step in order.

        Raises:
            StepFailed: a step did not do what it says.
        """
        for step in script.steps:
            self.patience = _SOON if step.number == self.gives_up_at else PATIENCE_SECONDS
            self.page.set_default_timeout(self.patience * 1000)
            try:
                getattr(self, f"_{step.does}")(*step.texts)
            except (AssertionError, Error) as error:
                raise StepFailed(step, str(error).partition("\n")[0]) from error

    def _log_in(self) -> None:
        self.page.goto("/ui/login")
        self.page.get_by_label("Organization").fill(self.org)
        self.page.get_by_label("E-mail").fill(self.email)
        self.page.get_by_label("Password").fill(self.password)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        self.page.wait_for_url(f"**/ui/{self.org}")

    def _open_menu(self, words: str) -> None:
        link = self.page.locator("nav.side a").filter(has_text=_begins(words))
        link.first.click()

    def _open_first(self) -> None:
        self.page.locator("main a.plan-row").first.click()

    def _click(self, words: str) -> None:
        """What has this name: below a list that is ticked, else on the page, else around it."""
        name = re.compile(rf"^\s*{re.escape(words)}(\s|$)")
        places = [self.page.locator(one) for one in (".bulk:not([hidden])", "main", "body")]
        deadline = time.monotonic() + self.patience
        while True:
            for place in places:
                for role in ("button", "link"):
                    found = place.get_by_role(role, name=name)
                    if found.count():
                        found.first.click()
                        return
            assert time.monotonic() < deadline, f"nothing is called “{words}”"
            self.page.wait_for_timeout(50)

    def _tick(self, number: str) -> None:
        boxes = self.page.locator(".grid tbody input[type=checkbox]")
        boxes.first.wait_for()
        self.page.wait_for_load_state()  # before its scripts run, a tick is not noted as the first of several
        boxes.first.click()
        boxes.nth(int(number) - 1).click(modifiers=["Shift"])

    def _choose(self, words: str) -> None:
        self.page.locator("main label").filter(has_text=_begins(words)).locator("input").check()

    def _fill(self, label: str, words: str) -> None:
        self.page.locator("main").get_by_label(label).fill(words)

    def _see(self, words: str) -> None:
        expect(self._body()).to_contain_text(words, use_inner_text=True, timeout=self.patience * 1000)

    def _see_no(self, words: str) -> None:
        expect(self._body()).not_to_contain_text(words, use_inner_text=True, timeout=self.patience * 1000)

    def _reload_until(self, words: str) -> None:
        deadline = time.monotonic() + self.patience
        while words not in self._body().inner_text():
            assert time.monotonic() < deadline, f"“{words}” does not appear"
            self.page.wait_for_timeout(100)
            self.page.reload()

    def _happens(self, words: str) -> None:
        self.events[words]()

    def _body(self) -> Locator:
        """The page without its menu, which says the same on every page."""
        return self.page.locator("main")


def _begins(words: str) -> re.Pattern[str]:
    """A name, perhaps with a count behind it: Products 20."""
    return re.compile(rf"^\s*{re.escape(words)}(?![A-Za-z])")
