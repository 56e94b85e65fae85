"""The version of a mapper: what gives it a new one, and what does not."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sync_pipeline.entities
import sync_pipeline.sources
from sync_pipeline.config import PROJECT
from sync_pipeline.sources import fingerprint as module
from sync_pipeline.sources.base import all_sources
from sync_pipeline.sources.fingerprint import fingerprint

FILES = {
    "sources/tiny/__init__.py": "",
    "sources/tiny/unused.py": "OTHER = 1\n",
    "sources/tiny/helper.py": "RATE = 2\n\n\ndef twice(value):\n    return value * RATE\n",
    "sources/tiny/mapper.py": (
        '"""A mapper."""\n'
        "from functools import partial\n"
        "from sync_pipeline.entities.base import reads\n"
        "from sync_pipeline.entities.tiny_thing import Thing\n"
        "from sync_pipeline.sources.tiny import helper\n\n\n"
        "@reads('id')\n"
        "def to_thing(payload):\n"
        '    """One thing."""\n'
        "    return Thing(number=helper.twice(payload['id']))\n\n\n"
        "def to_kind(kind):\n"
        "    def mapper(payload):\n"
        "        return Thing(number=0, metadata={'kind': kind})\n\n"
        "    return mapper\n\n\n"
        "def map_with(kind, payload):\n"
        "    return Thing(number=kind)\n\n\n"
        "bound = partial(map_with, 1)\n"
    ),
    "entities/tiny_thing.py": (
        "from sync_pipeline.entities.base import Entity\n\n\nclass Thing(Entity, frozen=True):\n    number: int\n"
    ),
}
Take = Callable[..., int]


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Take]:
    """Write a tiny provider with one text replaced, and take the fingerprint of one of its mappers."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for package in (sync_pipeline.sources, sync_pipeline.entities):
        folder = tmp_path / package.__name__.rpartition(".")[2]
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])

    def forget() -> None:
        for name in [one for one in sys.modules if "tiny" in one and one.startswith("sync_pipeline.")]:
            del sys.modules[name]
        module.fingerprint.cache_clear()
        module._syntax.cache_clear()
        importlib.invalidate_caches()

    def taken(file: str = "", old: str = "", new: str = "", mapper: str = "to_thing") -> int:
        for name, text in FILES.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            assert name != file or old in text
            path.write_text(text.replace(old, new) if name == file else text)
        forget()
        found = importlib.import_module("sync_pipeline.sources.tiny.mapper")
        return fingerprint(eval(mapper, vars(found)))

    yield taken
    forget()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("sources/tiny/mapper.py", "\n\n\ndef to_kind", "\n\n\n# A comment.\ndef to_kind"),
        ("sources/tiny/mapper.py", '"""One thing."""', '"""One thing, described otherwise."""'),
        ("sources/tiny/mapper.py", '"""A mapper."""', ""),
        ("sources/tiny/mapper.py", "Thing(number=0, metadata=", "Thing(\n            number=0,\n            metadata="),
        ("sources/tiny/helper.py", "value * RATE", "(value * RATE)  # doubled"),
        ("sources/tiny/unused.py", "1", "2"),
    ],
)
def test_what_changes_no_result_changes_no_version(take: Take, file: str, old: str, new: str) -> None:
    assert take(file, old, new) == take()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("sources/tiny/mapper.py", "payload['id']", "payload['number']"),
        ("sources/tiny/mapper.py", "@reads('id')", "@reads('id', 'name')"),
        ("sources/tiny/helper.py", "RATE = 2", "RATE = 3"),
        ("sources/tiny/helper.py", "value * RATE", "value + RATE"),
        ("entities/tiny_thing.py", "number: int", "number: float"),
        ("entities/tiny_thing.py", "number: int", "number: int\n    name: str = ''"),
    ],
)
def test_a_changed_constant_helper_or_entity_is_a_new_version(take: Take, file: str, old: str, new: str) -> None:
    assert take(file, old, new) != take()


def test_what_a_factory_has_bound_counts(take: Take) -> None:
    assert take(mapper="to_kind('brand')") != take(mapper="to_kind('tag')")
    assert take(mapper="to_kind('brand')") == take(mapper="to_kind('brand')")
    assert take(mapper="partial(map_with, 1)") != take(mapper="partial(map_with, 2)")
    assert take(mapper="bound") == take(mapper="partial(map_with, 1)")


def test_the_mappers_of_one_provider_do_not_depend_on_anothers() -> None:
    for source in all_sources().values():
        for stream in source.streams.values():
            if stream.to_entity is not None:
                modules = module._closure({stream.to_entity.__module__})
                assert all(
                    name.startswith((f"sync_pipeline.sources.{source.name}.", "sync_pipeline.entities"))
                    for name in modules
                )
                assert modules & {"sync_pipeline.entities.base"}


def test_every_process_takes_the_same_fingerprints() -> None:
    script = (
        "from sync_pipeline.sources.base import all_sources\n"
        "from sync_pipeline.sources.fingerprint import fingerprint\n"
        "for source in all_sources().values():\n"
        "    for stream in source.streams.values():\n"
        "        if stream.to_entity: print(source.name, stream.name, fingerprint(stream.to_entity))\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len({line.split()[2] for line in said[0]}) == len(said[0])  # no two mappers share one
