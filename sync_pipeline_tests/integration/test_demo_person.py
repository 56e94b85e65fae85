"""Who logs in to the demo: what it prints is enough to approve what an agent proposes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_pipeline.cli.demo.flow import Result
from sync_pipeline.cli.demo.person import new_password, person
from sync_pipeline.cli.demo.told import what_next
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Unauthenticated
from sync_pipeline.steps.connect import Organization, users


def test_the_demo_prints_a_person_whose_password_is_another_at_each_start(
    database: Database, org: Organization, capsys: pytest.CaptureFixture[str]
) -> None:
    db = database
    first, second = new_password(), new_password()
    person(db, org, first, actor="demo")
    login = person(db, org, second, actor="demo")
    [made] = users.users(db, org)
    assert (made.email, made.role, made.disabled_at) == (login.email, "operator", None)
    acme = Result(org.slug, [{"connection": "shop", "provider": "woocommerce", "url": "http://127.0.0.1:1"}])
    what_next("http://127.0.0.1:3000", "http://127.0.0.1:8000", [acme], [], {org.slug: login}, Path())
    said = capsys.readouterr().out
    assert f"log in to acme as {login.email}, password {second} (another at each start)" in said
    assert login.token in said
    assert users.log_in(db, org.slug, login.email, second).role == "operator"
    with pytest.raises(Unauthenticated):
        users.log_in(db, org.slug, login.email, first)
    with db.org(org.org_id) as conn:
        logged = str(conn.exec_driver_sql("SELECT * FROM observe.sync_activity").all())
    assert "user.added" in logged
    for secret in (first, second, login.token):
        assert secret not in logged
        assert secret not in repr(login)
