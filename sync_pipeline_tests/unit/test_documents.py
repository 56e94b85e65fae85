"""What the documents' test lets pass, and what it does not; and the tools it falls back on."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline_tests.alike import differences, text_differences
from sync_pipeline_tests.documents import Answer, Reader, Step, steps, wrong

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


class _Echo(BaseHTTPRequestHandler):
    """Says what it was asked."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        said = {"method": self.command, "path": self.path, "token": self.headers["authorization"], "body": body}
        self.send_response(404 if self.path == "/nothing" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("own", [True, False])
def test_a_reader_copies_blocks_and_keeps_what_answers_say(
    own: bool, echo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the machine's curl and openssl, where there are, and with our own."""
    if own:
        monkeypatch.setattr(shutil, "which", lambda _name: None)
    elif not (shutil.which("curl") and shutil.which("openssl")):
        pytest.skip("there are none on this machine")
    reader = Reader(tmp_path / "reader", {}, {"http://127.0.0.1:8000": echo})
    assert reader.run(Step("API=http://127.0.0.1:8000\nTOKEN=$(printf secret)")).status == ""
    step = Step('curl -X PATCH "$API/plans?page=2" -H "Authorization: Bearer $TOKEN" -d \'{"a": "\'$TOKEN\'"}\'')
    answer = reader.run(step)
    expected = {"method": "PATCH", "path": "/plans?page=2", "token": "Bearer secret", "body": '{"a": "secret"}'}
    assert (answer.status, answer.value) == ("200", expected)
    step.take = {"PATH_AGAIN": "path"}
    reader.keep(step, answer)
    again = reader.run(Step('curl -f "$API"\ncurl "$API/nothing" -d "$PATH_AGAIN"'))
    assert (again.status, again.value["method"], again.value["body"]) == ("404", "POST", "/plans?page=2")
    signed = Step("""curl "$API" -d "$(printf 'it' | openssl dgst -sha256 -hmac "$TOKEN" -binary | base64)\"""")
    assert reader.run(signed).value["body"] == "YsmpiH5Slh63XbswB/6f+5SsXT3gz7DwgyCLilRxTSs="
    with pytest.raises(AssertionError, match="nothing"):
        reader.run(Step('curl -f "$API/nothing"'))
