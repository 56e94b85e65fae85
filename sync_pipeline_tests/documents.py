"""The documents' examples as a reader meets them: shell blocks, run in order, and the answers shown below them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sync_pipeline.config import PROJECT
from sync_pipeline_tests.alike import differences, text_differences
from sync_pipeline_tests.waiting import PATIENCE_SECONDS

_TAKE = re.compile(r"(\w+)=\S+ +# (\S+) of the answer above")
_ANSWERS = re.compile(r"Answers (\w+):")
_STATUS = re.compile(r"\n<(\d{3})>\n")  # what curl is told to write behind each answer
_UNDER_WAY = re.compile('"state": ?"(waiting|launched)"')
# What depends on when the reader asks: the activity grows with every start, the workers empty what waits, a policy
# may have closed for today, and a database has the revision of its version.
_MOVING = {
    "/sync/activity": frozenset({"rowCount"}),
    "/readyz": frozenset({"requests", "deliveries"}),
    "/quarantine": frozenset({"seen"}),
    "/policies": frozenset({"in_window"}),
    "/validations": frozenset({"snapshot", "revision"}),
}
_LONG_SECONDS = 240.0  # for a run of Dagster, on a machine that has much else to do


@dataclass
class Step:
    """A shell block; what its last call answers, as shown; and which parts of the answer the reader keeps."""

    commands: str
    says: str = ""  # the line before it
    status: str | None = None
    kind: str = ""
    shown: str = ""
    lines: tuple[int, int] = (0, 0)  # of what is shown, in the document
    take: dict[str, str] = field(default_factory=dict)

    @property
    def may_be_repeated(self) -> bool:
        """It only looks, or says by its key that it is the same request."""
        call = self.commands.rpartition("curl ")[2]
        return "Idempotency-Key" in call or not re.search(r"(^| )-(X|d) ", call)


def steps(text: str) -> list[Step]:
    """The shell blocks of a document, in order."""
    found: list[Step] = []
    lines = text.splitlines()
    before, number = "", 0
    while number < len(lines):
        line = lines[number]
        if not line.startswith("```"):
            before = line.strip() or before
            number += 1
            continue
        end = next(at for at in range(number + 1, len(lines)) if lines[at].startswith("```"))
        kind, block = line.removeprefix("```"), lines[number + 1 : end]
        takes = [_TAKE.fullmatch(one) for one in block]
        answers = _ANSWERS.fullmatch(before)
        if kind == "sh" and block and all(takes):
            found[-1].take = {one[1]: one[2] for one in takes if one}
        elif kind == "sh":
            found.append(Step("\n".join(block), before))
        elif answers:
            found[-1].status, found[-1].kind = answers[1], kind
            found[-1].shown, found[-1].lines = "\n".join(block), (number + 1, end)
        before, number = "", end + 1
    return found


@dataclass
class Answer:
    """What came: the status of the last call, and its body as text and, if it is JSON, as a value."""

    status: str
    text: str
    value: Any = None


class Reader:
    """Somebody who copies one block after the other into a shell, which keeps their variables.

    `elsewhere`: what stands in the documents → what it is here (addresses, the command).
    """

    def __init__(self, folder: Path, env: Mapping[str, str], elsewhere: Mapping[str, str]) -> None:
        self.folder, self.env, self.elsewhere = folder, dict(env), elsewhere
        folder.mkdir(exist_ok=True)
        (folder / ".curlrc").write_text('silent\nshow-error\nwrite-out = "\\n<%{http_code}>\\n"\n')
        tools = folder / "tools"
        tools.mkdir(exist_ok=True)
        for name in ("curl", "openssl"):
            if shutil.which(name) is None:  # a fresh machine has Python and nothing else
                tool, ours = tools / name, Path(__file__).with_name("tools.py")
                tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ours}" {name} "$@"\n')
                tool.chmod(0o755)
        self.env |= {
            "CURL_HOME": str(folder),
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
        }

    def run(self, step: Step) -> Answer:
        """Run a block; it must end well, whatever the service answers."""
        script = step.commands
        for there, here in self.elsewhere.items():
            script = script.replace(there, here)
        state = self.folder / "variables"
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail; set -a\ntrap 'env -0 >{state}' EXIT\n{script}"],
            env=self.env, cwd=PROJECT, capture_output=True, text=True, timeout=_LONG_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{step.commands}\n{done.stdout}{done.stderr}"
        variables = dict(one.split("=", 1) for one in state.read_text("utf-8").split("\0") if "=" in one)
        self.env |= {name: value for name, value in variables.items() if re.fullmatch("[A-Z_]+", name)}
        *_, text, status, _ = ["", "", *_STATUS.split(done.stdout)]
        for there, here in self.elsewhere.items():
            text = text.replace(here, there)
        answer = Answer(status, text.rstrip("\n"))
        if text.startswith(("{", "[")):
            answer.value = json.loads(text)
        return answer

    def keep(self, step: Step, answer: Answer) -> None:
        """What the reader writes down of the answer."""
        for name, place in step.take.items():
            value = answer.value
            for part in place.split("."):
                value = value[int(part)] if isinstance(value, list) else value[part]
            self.env[name] = str(value)

    def until(self, step: Step, enough: Callable[[Answer], bool]) -> Answer:
        """Run a block; as long as it is not enough and may become so, as the documents say, again."""
        waits = "wait=" in step.commands
        long = waits or "ask again" in step.says.lower()
        deadline = time.monotonic() + (_LONG_SECONDS if long else PATIENCE_SECONDS)
        while not enough(answer := self.run(step)) and step.may_be_repeated and time.monotonic() < deadline:
            if waits and not _UNDER_WAY.search(answer.text):
                break
            time.sleep(0.5)
        return answer


def wrong(step: Step, answer: Answer) -> list[str]:
    """Where the answer differs from the one shown; one that is not shown must at least be good."""
    if step.status is None:
        return [] if answer.status in ("", "200") else [f"answered {answer.status}: {answer.text}"]
    said = [] if answer.status == step.status else [f"{step.status} is documented, {answer.status} was returned"]
    if step.kind == "json":
        loose = next((names for path, names in _MOVING.items() if path in step.commands), frozenset())
        return said + differences(json.loads(step.shown), answer.value, loose=loose)
    return said + text_differences(step.shown, answer.text)


def follow(reader: Reader, document: str) -> list[str]:
    """Everything of a document, in order; what was not as shown."""
    said: list[str] = []
    for step in steps(document):
        answer = reader.until(step, lambda one, step=step: not wrong(step, one))  # type: ignore[misc]
        said += [f"{step.commands}\n    {one}" for one in wrong(step, answer)]
        reader.keep(step, answer)
    return said
