"""Statements over core tables, and rows on their way into them."""

from sync_pipeline.db.queries import load

ROWS = load(__package__, "rows.sql")
