"""Contestant: dlt's rest_api source into its postgres destination. Runs in its own environment.

`--tuned` turns off what dlt does by default and capture does not: payloads stay whole (no tables for nested lists), and
COPY loads them as CSV instead of INSERT statements.
"""

import argparse
from typing import Any
from urllib.parse import quote

import dlt
from dlt.sources.rest_api import rest_api_source

from bench.children.measure import report


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("socket", "database", "url", "key", "secret", "work_folder"):
        arguments.add_argument(name)
    arguments.add_argument("--tuned", action="store_true")
    asked = arguments.parse_args()

    def work() -> dict[str, Any]:
        source = rest_api_source(
            {
                "client": {
                    "base_url": f"{asked.url}/wp-json/wc/v3/",
                    "auth": {"type": "http_basic", "username": asked.key, "password": asked.secret},
                    "paginator": "header_link",
                },
                "resources": [
                    {
                        "name": "products",
                        "primary_key": "id",
                        "endpoint": {"path": "products", "params": {"per_page": 100, "orderby": "id", "order": "asc"}},
                    }
                ],
            },
            max_table_nesting=0 if asked.tuned else None,
        )
        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=asked.work_folder,
            dataset_name="bench_dlt",
            destination=dlt.destinations.postgres(
                credentials={
                    "host": quote(asked.socket, safe=""),
                    "database": asked.database,
                    "username": "postgres",
                    "password": "none",
                }
            ),
        )
        pipeline.run(source, **({"loader_file_format": "csv"} if asked.tuned else {})).raise_on_failed_jobs()
        return {}

    report(work)


if __name__ == "__main__":
    main()
