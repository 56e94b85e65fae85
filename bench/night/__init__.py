"""The night: `nightly_delta` of many organizations through Dagster's own daemon (`make bench-night`).

    plan       the organizations and their sizes
    stores     their stores, all in one process
    fill       what an earlier night left: captured records of every organization
    nights     Dagster's processes, and one night of them
    figures    what a night took, from PostgreSQL, Dagster's tables and /proc
    table      the rows of the report

One organization of each provider and size is imported by the steps themselves, and what that wrote is copied for the
others by SQL: their stores have the same contents.
"""

NAME = "night"
TITLE = "The night: nightly_delta of many organizations, by the daemon (stores answer after 50 ms, https)"
