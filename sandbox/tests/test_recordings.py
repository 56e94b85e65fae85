"""The shape files against the recordings, where those exist (see conftest.py)."""

import json
import re
from typing import Any

from sandbox.shapes import JSON_TYPES, shapes
from sandbox.shapes.recordings import PROTOCOL, RECORDINGS, shape_files
from sandbox.tests.test_shapes import TYPES, names, texts


def test_the_shape_files_are_what_the_recordings_say() -> None:
    """So a test against the shapes is a test against the recordings."""
    for provider, text in shape_files(RECORDINGS).items():
        assert shapes(provider) == json.loads(text), f"{provider}.json is stale: run `python -m sandbox.shapes`"


def test_no_text_of_a_recording_is_in_a_shape_file() -> None:
    """Neither as a word nor inside a text, if longer than three characters. Allowed is the vocabulary of the APIs:
    names and types of fields, error codes, and the fixed values of a few headers.
    """
    files: list[Any] = [shapes("woocommerce"), shapes("odoo")]
    answers = [*files[0]["answers"].values(), *(one for some in files[1]["answers"].values() for one in some.values())]
    headers = [files[0]["headers of every answer"], *(one.get("headers", {}) for one in answers)]
    vocabulary = {name.removesuffix("?") for name in names(files)} | TYPES | JSON_TYPES.keys()
    for one in answers:
        vocabulary |= {*one.get("codes", ()), one.get("error", ""), one.get("content_type", "")}
    for one in headers:
        vocabulary |= {part for name in PROTOCOL & one.keys() for part in (one[name], *re.split("[,;] ", one[name]))}
    written = "".join(shape for shape in shape_files(RECORDINGS).values())
    words = set(re.findall(r"[\w.@-]+", written))
    recorded = {text for path in RECORDINGS.glob("*/*.json") for text in texts(json.loads(path.read_text("utf-8")))}
    assert len(recorded) > 10_000
    found = {text for text in recorded if text in words or (re.search(r"[^\w.-]", text) and text in written)}
    assert {text for text in found - vocabulary if len(text) > 3} == set()
