"""Contestant: the floor. It fetches the same pages with the same concurrency and COPYs the records into one table.

No hashes, no history, no ledger, no paging proof, no row-level security, one commit at the end: what any program that
loads these records into PostgreSQL has to do.
"""

import argparse
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg

from bench.children.copying import lines
from bench.children.measure import report

_PAGE = 100


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("dsn", "url", "key", "secret", "ca_file"):
        arguments.add_argument(name)
    arguments.add_argument("--concurrency", type=int, required=True)
    asked = arguments.parse_args()
    address = f"{asked.url}/wp-json/wc/v3/products"

    def work() -> dict[str, Any]:
        client = httpx.Client(
            verify=ssl.create_default_context(cafile=asked.ca_file), auth=(asked.key, asked.secret), trust_env=False
        )

        def fetch(offset: int) -> httpx.Response:
            params: dict[str, str | int] = {"per_page": _PAGE, "orderby": "id", "order": "asc", "offset": offset}
            return client.get(address, params=params).raise_for_status()

        with (
            client,
            psycopg.connect(asked.dsn) as conn,
            ThreadPoolExecutor(asked.concurrency) as pool,
            conn.cursor() as cursor,
            cursor.copy("COPY bench_floor (id, data) FROM STDIN") as copy,
        ):
            first = fetch(0)
            copy.write(lines(first.content))
            total = int(first.headers["x-wp-total"])
            for answer in pool.map(fetch, range(_PAGE, total, _PAGE)):
                copy.write(lines(answer.content))
        return {"requests": -(-total // _PAGE)}

    report(work)


if __name__ == "__main__":
    main()
