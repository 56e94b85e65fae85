"""Addresses of databases, as the tools of PostgreSQL read them."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from sync_pipeline.db.engine import libpq_url, psycopg_url
from sync_pipeline.errors import ConfigurationError


@pytest.mark.parametrize("folder", ["/srv/sync/postgres", "/home/ann/my shop/a+b%20c/größe/postgres"])
def test_libpq_reads_the_folder_of_the_socket_as_it_is(folder: str) -> None:
    url = URL.create("postgresql+psycopg", "an n", "p+w d?/", database="my sync", query={"host": folder})
    said = libpq_url(url)
    assert conninfo_to_dict(said) == {"user": "an n", "password": "p+w d?/", "dbname": "my sync", "host": folder}
    assert psycopg_url(said) == url, "and so do we"


def test_a_password_with_an_at_sign_is_named_before_another_host_is_asked() -> None:
    with pytest.raises(ConfigurationError, match="write @ as %40") as told:
        psycopg_url("postgresql://sync:s3cret@word@postgres:5432/sync")
    assert "s3cret" not in str(told.value)
    assert psycopg_url("postgresql://sync:s3cret%40word@postgres:5432/sync").password == "s3cret@word"
