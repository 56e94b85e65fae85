"""PostgreSQL: the one engine, named queries, the embedded server, migrations."""
