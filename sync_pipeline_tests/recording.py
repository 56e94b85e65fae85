"""Record the answers in the documents: `make examples`.

Ids, times and other values that differ in each run keep their recorded value, so that a diff shows real changes only.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from sync_pipeline.api import examples
from sync_pipeline.api.application import build
from sync_pipeline.api.docs import render, render_examples
from sync_pipeline.api.examples import FILE, MORE, Example, at, laid_out
from sync_pipeline.config import PROJECT, Settings
from sync_pipeline_tests.alike import KINDS, canonical, same, text_differences
from sync_pipeline_tests.documents import Answer, Reader, steps


class Recorder:
    """Replaces random values of new answers with the recorded ones, consistently."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}  # value of this run → recorded value

    def settle(self, before: Any, now: Any, name: str = "") -> Any:
        """`now`, with the values of `before` where the two differ only in random parts."""
        if isinstance(now, dict):
            old: dict[str, Any] = before if isinstance(before, dict) else {}
            return {key: self.settle(old.get(key), one, key) for key, one in now.items()}
        if isinstance(now, list):
            olds = before if isinstance(before, list) else []
            return [self.settle(*pair, name) for pair in zip([*olds, *[None] * len(now)], now, strict=False)]
        if isinstance(now, str):
            now = re.sub(r"sp_(\d+)_[\w-]{20,}", r"sp_\1_…", now)  # tokens are never shown
            if isinstance(before, str) and canonical(before) == canonical(now):
                for pattern, _ in KINDS:
                    found = zip(pattern.finditer(now), pattern.finditer(before), strict=True)
                    self.known |= {new[0]: drawn[0] for new, drawn in found}
                return before
            for new, earlier in self.known.items():
                now = now.replace(new, earlier)
            return now
        return before if same(name, before, now) else now


def shortened(value: Any, keep: dict[str, Any]) -> Any:
    """The answer with the parts named by `keep` shortened and marked."""
    for place, what in keep.items():
        value = _shorten(value, place.split("."), what)
    return value


def _shorten(value: Any, place: list[str], what: Any) -> Any:
    if not place:
        if isinstance(value, dict):
            names = list(value)[:what] if isinstance(what, int) else what
            kept = {name: value[name] for name in names if name in value}
            return {**kept, MORE: f"{len(value) - len(kept)} more"} if len(kept) < len(value) else value
        return [*value[:what], f"{MORE} {len(value) - what} more"] if len(value) > what else value
    if isinstance(value, list):
        chosen = range(len(value)) if place[0] == "*" else [int(place[0])]
        return [
            _shorten(one, place[1:], what) if n in chosen and not isinstance(one, str) else one
            for n, one in enumerate(value)
        ]
    return {name: _shorten(one, place[1:], what) if name == place[0] else one for name, one in value.items()}


def _text(text: str, keep: dict[str, Any]) -> str:
    if "lines" in keep:
        lines = [MORE]
        for line in text.splitlines():
            if line.startswith(tuple(keep["lines"])):
                lines.append(line)
            elif lines[-1] != MORE:
                lines.append(MORE)
        return "\n".join(lines)
    events = [one for one in text.split("\n\n") if not one.startswith(":")]  # comments only keep the connection open
    return f"{events[0]}\n{MORE}\n" + "\n\n".join(events[-2:])


def _settled(recorder: Recorder, example: Example, answer: Answer) -> Any:
    if answer.value is not None:
        return recorder.settle(example.answer, shortened(answer.value, dict(example.keep)))
    if isinstance(example.answer, str) and not text_differences(example.answer, answer.text):
        return example.answer
    return recorder.settle(None, _text(answer.text, dict(example.keep)))


def record_api(reader: Reader) -> None:
    """Run all examples in order; write examples.json, docs/api.md and docs/api-examples.md."""
    walk, recorder, made = examples.walk(), Recorder(), []
    head, *rest = steps(render_examples(build(Settings()).openapi()))
    reader.run(head)
    assert len(rest) == len(walk), "the examples are not in the order of the page"
    try:
        for example, step in zip(walk, rest, strict=True):
            answer = reader.until(step, partial(_enough, example))
            reader.keep(step, answer)
            print(f"{answer.status} {example.call or example.first[0].splitlines()[0]}")
            made.append(replace(example, status=int(answer.status), answer=_settled(recorder, example, answer)))
    finally:  # after a failure, the answers recorded so far can be examined
        every = [*made, *walk[len(made) :]]
        FILE.write_text("[\n" + ",\n".join(_written(one) for one in every) + "\n]\n", "utf-8")
        examples.walk.cache_clear()
    document = build(Settings()).openapi()
    (PROJECT / "docs" / "api.md").write_text(render(document), "utf-8")
    (PROJECT / "docs" / "api-examples.md").write_text(render_examples(document), "utf-8")


def _enough(example: Example, answer: Answer) -> bool:
    return all(at(answer.value, place) == value for place, value in example.until.items())


def _written(example: Example) -> str:
    defaults = {one.name: getattr(Example(""), one.name) for one in fields(Example) if one.name != "under"}
    given = {n.rstrip("_"): v for n, v in asdict(example).items() if n == "under" or v != defaults[n]}
    return laid_out(given)


def record_written(reader: Reader, path: Path) -> None:
    """Run a hand-written document and replace its answers."""
    lines, recorder = path.read_text("utf-8").splitlines(), Recorder()
    changed: list[tuple[tuple[int, int], str, str | None, str]] = []
    for step in steps("\n".join(lines)):
        answer = reader.run(step)
        reader.keep(step, answer)
        if step.status is not None:
            before = json.loads(step.shown or "null")
            changed.append((step.lines, laid_out(recorder.settle(before, answer.value)), step.status, answer.status))
    for (start, end), text, before_status, status in reversed(changed):
        lines[start:end] = text.splitlines()
        for n in range(start - 1, 0, -1):
            if lines[n] == f"Answers {before_status}:":
                lines[n] = f"Answers {status}:"
                break
    path.write_text("\n".join(lines) + "\n", "utf-8")
