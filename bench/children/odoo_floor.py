"""Contestant: the floor for Odoo. It fetches the same ranges of ids with the same concurrency and COPYs the records."""

import argparse
import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg

from bench.children.copying import lines
from bench.children.measure import report

_PAGE = 1000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("dsn")
    arguments.add_argument("concurrency", type=int)
    arguments.add_argument("asked", help="JSON: url, database, key, CA file and the lists")
    given = arguments.parse_args()
    url, database, key, ca_file, lists = json.loads(given.asked)

    def work() -> dict[str, Any]:
        client = httpx.Client(
            verify=ssl.create_default_context(cafile=ca_file),
            headers={"Authorization": f"bearer {key}", "X-Odoo-Database": database},
            timeout=60,
            trust_env=False,
        )

        def search(one: dict[str, Any], more: list[Any], **rest: Any) -> bytes:
            body = {"domain": [*one["domain"], *more], "fields": one["fields"], "context": one["context"], "load": ""}
            answer = client.post(f"{url}/json/2/{one['model']}/search_read", json={**body, "order": "id", **rest})
            return answer.raise_for_status().content

        requests = 0
        with (
            client,
            psycopg.connect(given.dsn) as conn,
            ThreadPoolExecutor(given.concurrency) as pool,
            conn.cursor() as cursor,
            cursor.copy("COPY bench_floor (model, id, data) FROM STDIN") as copy,
        ):
            for one in lists:
                highest = json.loads(search({**one, "fields": ["id"]}, [], order="id desc", limit=1))[0]["id"]
                windows = [(low, low + _PAGE) for low in range(0, highest + 1, _PAGE)]
                pages = pool.map(lambda w, one=one: search(one, [["id", ">=", w[0]], ["id", "<", w[1]]]), windows)
                for body in pages:
                    copy.write(lines(body, one["model"].encode() + b"\t"))
                requests += 1 + len(windows)
        return {"requests": requests}

    report(work)


if __name__ == "__main__":
    main()
