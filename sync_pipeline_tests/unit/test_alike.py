"""What the documents' test lets pass, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.alike import differences, text_differences
from sync_pipeline_tests.documents import Answer, steps, wrong

PLAN, OTHER = "98fa4291-d98b-4e6a-ba79-7ad02aa85c17", "f6cf875a-95e3-4db6-be5b-9af029a64b46"


@pytest.mark.parametrize(
    ("shown", "actual"),
    [
        ({"plan_id": PLAN}, {"plan_id": OTHER}),
        ({"at": "2026-11-21T10:00:07.747679Z"}, {"at": "2027-01-01T00:00:00Z"}),
        ({"token": "sp_1_…"}, {"token": "sp_3_" + "aB3-" * 10}),
        ({"hash": "0" * 64}, {"hash": "a1" * 32}),
        ({"request_id": 1, "seconds": 0.1}, {"request_id": 17, "seconds": 2}),
        ({"raw": {"id": 1, "…": "2 more"}}, {"raw": {"id": 1, "a": 1, "b": 2}}),
        ([{"id": 1}, "… 2 more"], [{"id": 1}, {"id": 2}, {"id": 3}]),
        ({"error": f"There is no plan {PLAN}."}, {"error": f"There is no plan {OTHER}."}),
    ],
)
def test_alike(shown: Any, actual: Any) -> None:
    assert differences(shown, actual) == []


@pytest.mark.parametrize(
    ("shown", "actual"),
    [
        ({"state": "done"}, {"state": "failed"}),
        ({"done": 1}, {"done": 2}),
        ({"done": 1}, {"done": 1.0}),
        ({"done": 1}, {"done": True}),
        ({"eta": None}, {"eta": 0}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"plan_id": PLAN}, {"plan_id": "17"}),
        ({"plan_id": PLAN}, {"plan_id": None}),
        ({"request_id": 1}, {"request_id": None}),
        ({"token": "sp_1_…"}, {"token": "sp_1_"}),
        ({"raw": {"id": 1, "…": "2 more"}}, {"raw": {"id": 1, "a": 1}}),
        ([1, "… 2 more"], [1, 2]),
        ([1], [1, 2]),
        ([], None),
    ],
)
def test_not_alike(shown: Any, actual: Any) -> None:
    assert differences(shown, actual) != []


def test_texts() -> None:
    events = 'data: {"done": 0}\n\n: ping\n\ndata: {"done": 2}\n\nevent: end\ndata: {"done": 2}'
    shown = 'data: {"done": 0}\n…\nevent: end\ndata: {"done": 2}'
    assert text_differences(shown, events) == []
    assert text_differences(shown.replace("2}", "3}"), events)
    assert text_differences("…\nevent: end", events), "what follows is not shown"
    assert text_differences("data: {}\n…", events)
    assert text_differences("…\nup 1.0\n…", "a\nup 2.5\nb") == []
    assert text_differences("…\nup 1.0\n…", "a\ndown 2.5\nb")


def test_a_document_is_blocks_answers_and_what_is_kept() -> None:
    text = """
Make one.

```sh
curl -X POST "$API/plans"
```

Answers 201:

```json
{"plan": "98fa"}
```

```sh
PLAN=98fa    # plan of the answer above
```

```python
not_run()
```
"""
    (step,) = steps(text)
    assert (step.commands, step.status, step.take) == ('curl -X POST "$API/plans"', "201", {"PLAN": "plan"})
    assert not step.may_be_repeated
    assert wrong(step, Answer("201", "", {"plan": "98fa"})) == []
    assert wrong(step, Answer("200", "", {"plan": "98fa"}))
    assert wrong(step, Answer("201", "", {"plan": "98fb"}))
