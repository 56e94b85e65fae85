"""The Explorer's page of people and tokens, and what holds for every form: where it comes from, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from threading import Barrier
from typing import Any

import pytest

from sync_pipeline.api.auth import RIGHT_WORDS, RIGHTS
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict, Unauthenticated
from sync_pipeline.explorer.mount import routers
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens, users
from sync_pipeline_tests.explored import PASSWORD, Browser, browser, tried_often
from sync_pipeline_tests.served import Served, served

PEOPLE = "/ui/acme/people"
NEW = "another battery staple"


@pytest.fixture
def api(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Served]:
    given = {"store_url": "https://shop.example", "consumer_key": "ck_x", "consumer_secret": "cs_x"}
    connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="test")
    for name, role in (("ann", "admin"), ("bo", "operator"), ("vi", "viewer")):
        users.add_user(database, org, f"{name}@acme.example", PASSWORD, role, actor="test")
    with served(database, settings) as running:
        yield running


def logged_in(api: Served, name: str, password: str = PASSWORD) -> Browser:
    someone = browser(api)
    answer = someone.form("/ui/login", org="acme", email=f"{name}@acme.example", password=password)
    assert answer.status_code == 303
    return someone


def words(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))


def numbers(api: Served, org: connect.Organization) -> dict[str, int]:
    """People's ids, by the name before the @."""
    return {one.email.partition("@")[0]: one.user_id for one in users.users(api.db, org)}


def test_an_admin_adds_people_changes_them_and_ends_their_access(api: Served, org: connect.Organization) -> None:
    ann, bo = logged_in(api, "ann"), logged_in(api, "bo")
    added = ann.form(f"{PEOPLE}/users", email="Cy@Acme.example", role="viewer", password=PASSWORD)
    assert added.headers["location"] == PEOPLE
    page = ann.get(PEOPLE).text
    assert "cy@acme.example" in page
    assert ann.form(f"{PEOPLE}/users", email="cy@acme.example", role="viewer", password=PASSWORD).status_code == 409
    at = f"{PEOPLE}/users/{numbers(api, org)['bo']}"
    assert ann.form(at, role="viewer").status_code == 303
    assert "viewer of acme" in words(bo.get(PEOPLE).text)
    assert ann.form(at, password=NEW).status_code == 303
    assert bo.get(PEOPLE).status_code == 303  # the sessions of the old password have ended
    bo = logged_in(api, "bo", NEW)
    assert ann.form(at, access="disable").status_code == 303
    assert bo.get(PEOPLE).status_code == 303
    assert "✕ disabled" in ann.get(PEOPLE).text
    assert browser(api).form("/ui/login", org="acme", email="bo@acme.example", password=NEW).status_code == 401
    assert ann.form(at, access="enable").status_code == 303
    assert logged_in(api, "bo", NEW).get(PEOPLE).status_code == 200
    assert ann.form(f"{PEOPLE}/users/999", role="viewer").status_code == 404


@pytest.mark.parametrize("password", ["short", "x" * 513, ""])
def test_a_password_has_the_rules_of_the_api_and_is_not_repeated(
    api: Served, org: connect.Organization, password: str
) -> None:
    ann = logged_in(api, "ann")
    refused = ann.form(f"{PEOPLE}/users", email="cy@acme.example", role="viewer", password=password)
    assert refused.status_code == 400
    assert "password" in refused.text
    assert not password or password not in refused.text
    assert "cy" not in numbers(api, org)


def test_a_password_keeps_its_spaces(api: Served, org: connect.Organization) -> None:
    spaced = "  eight words  "
    ann = logged_in(api, "ann")
    assert ann.form(f"{PEOPLE}/users", email="cy@acme.example", role="viewer", password=spaced).status_code == 303
    assert logged_in(api, "cy", spaced).get(PEOPLE).status_code == 200
    assert ann.form(f"{PEOPLE}/users/{numbers(api, org)['cy']}", password=f"{spaced} ").status_code == 303
    logged_in(api, "cy", f"{spaced} ")


def test_people_change_their_own_password_with_the_one_that_holds(api: Served, org: connect.Organization) -> None:
    bo, elsewhere = logged_in(api, "bo"), logged_in(api, "bo")
    at = f"{PEOPLE}/password"
    wrong = bo.form(at, current="wrong wrong wrong", password=NEW, again=NEW)
    assert (wrong.status_code, "That is not your present password." in wrong.text) == (403, True)
    differ = bo.form(at, current=PASSWORD, password=NEW, again=f"{NEW}!")
    assert (differ.status_code, "The two new passwords differ." in differ.text) == (400, True)
    assert bo.form(at, current=PASSWORD, password="short", again="short").status_code == 400
    assert elsewhere.get(PEOPLE).status_code == 200
    done = bo.form(at, current=PASSWORD, password=NEW, again=NEW)
    assert "Your password is changed." in bo.get(done.headers["location"]).text
    assert elsewhere.get(PEOPLE).status_code == 303, "a session of the old password has ended"
    logged_in(api, "bo", NEW)
    tried_often(api.db, org)
    assert bo.form(at, current=NEW, password=PASSWORD, again=PASSWORD).status_code == 429
    by_token = browser(api).as_(org, "operator")
    assert by_token.form(at, current=PASSWORD, password=NEW, again=NEW).status_code == 409
    assert "Your password" not in by_token.get(PEOPLE).text


def test_nobody_takes_their_own_role_and_the_last_admin_stays(api: Served, org: connect.Organization) -> None:
    ann, who = logged_in(api, "ann"), numbers(api, org)
    for change in ({"role": "viewer"}, {"access": "disable"}):
        refused = ann.form(f"{PEOPLE}/users/{who['ann']}", **change)
        assert (refused.status_code, "Ask another admin." in refused.text) == (403, True)
        by_token = browser(api).as_(org, "admin").form(f"{PEOPLE}/users/{who['ann']}", **change)
        assert by_token.status_code == 409
        assert "This is the last admin of acme who can log in." in by_token.text
        call = {"role": change.get("role"), "disabled": "access" in change or None}
        assert api.call("PATCH", f"/api/v1/users/{who['ann']}", org, json=call).status_code == 409
    assert ann.form(f"{PEOPLE}/users/{who['bo']}", role="admin").status_code == 303
    assert browser(api).as_(org, "admin").form(f"{PEOPLE}/users/{who['ann']}", role="viewer").status_code == 303
    assert {one.email for one in users.users(api.db, org) if one.role == "admin"} == {"bo@acme.example"}


def test_of_two_admins_who_take_each_others_role_one_stays(api: Served, org: connect.Organization) -> None:
    users.change_user(api.db, org, numbers(api, org)["bo"], role="admin", actor="test")
    who, start = numbers(api, org), Barrier(2)

    def take(name: str) -> bool:
        start.wait(10)
        try:
            users.change_user(api.db, org, who[name], role="viewer", actor="test")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, ("ann", "bo"))) == [False, True]
    assert len([one for one in users.users(api.db, org) if one.role == "admin"]) == 1


def test_a_token_is_shown_once_used_and_revoked(api: Served, org: connect.Organization) -> None:
    ann = logged_in(api, "ann")
    prefilled = ann.get(f"{PEOPLE}?role=plugin&connection=shop").text
    assert "<option selected>plugin</option>" in prefilled
    assert "<option selected>shop</option>" in prefilled
    answer = ann.form(PEOPLE, role="viewer", name="dashboard", days="30")
    [plain] = re.findall(r"sp_\d+_[\w-]{43}", answer.text)
    assert answer.text.count(plain) == 1
    assert plain not in ann.get(PEOPLE).text
    assert tokens.authenticate(api.db, plain).role == "viewer"
    listed = words(ann.get(PEOPLE).text)
    token_id = int(re.findall(r"The new token (\d+)", words(answer.text))[0])
    assert f"{token_id} viewer dashboard 0 s ago" in re.sub(r"\d+ s ago", "0 s ago", listed)
    assert ann.form(f"{PEOPLE}/tokens/{token_id}/revoke").headers["location"] == PEOPLE
    with pytest.raises(Unauthenticated):
        tokens.authenticate(api.db, plain)
    assert "1 revoked or expired" in ann.get(PEOPLE).text
    assert ann.form(f"{PEOPLE}/tokens/999/revoke").status_code == 404
    bound = ann.form(PEOPLE, role="plugin", connection="shop")
    assert "Its role is plugin, for shop alone. It does not expire." in words(bound.text)
    refusals: list[tuple[dict[str, str], str]] = [
        ({"role": "plugin"}, "belongs to one connection"),
        ({"role": "king"}, "role"),
        ({"role": "viewer", "days": "-1"}, "days"),
        ({"role": "viewer", "rolle": "x"}, "rolle"),
    ]
    for wrong, said in refusals:
        refused = ann.form(PEOPLE, **wrong)
        assert (refused.status_code, said in refused.text) == (400, True), wrong
    assert ann.form(PEOPLE, role="viewer", connection="nix").status_code == 404


def test_people_see_themselves_and_end_their_own_sessions_alone(api: Served, org: connect.Organization) -> None:
    vi, elsewhere, bo = logged_in(api, "vi"), logged_in(api, "vi"), logged_in(api, "bo")
    page = vi.get(PEOPLE).text
    assert "An admin of acme manages people and tokens." in page
    for hidden in ("bo@acme.example", "ann@acme.example", "Set the password", "Make the token"):
        assert hidden not in page
    ends = re.findall(r"/sessions/(\d+)/end", page)
    assert len(ends) == 1
    others = [one.token_id for one in tokens.list_tokens(api.db, org) if one.user == "bo@acme.example"]
    assert vi.form(f"{PEOPLE}/sessions/{others[0]}/end").status_code == 404
    assert browser(api).as_(org, "admin").form(f"{PEOPLE}/sessions/{others[0]}/end").status_code == 404
    assert bo.get(PEOPLE).status_code == 200
    assert vi.form(f"{PEOPLE}/sessions/{ends[0]}/end").headers["location"] == PEOPLE
    assert elsewhere.get(PEOPLE).status_code == 303
    assert vi.get(PEOPLE).status_code == 200


def test_the_table_of_roles_is_that_of_the_rights(api: Served) -> None:
    page = logged_in(api, "vi").get(PEOPLE).text
    rows = re.findall(r'<tr><th scope="row">(\w+)</th><td>([^<]+)</td>(.*?)</tr>', page)
    assert [(right, unescape(said)) for right, said, _ in rows] == [(str(r), RIGHT_WORDS[r]) for r in RIGHT_WORDS]
    for right, _, cells in rows:
        marks = ["yes" in cell for cell in re.findall(r"<td>(.*?)</td>", cells)]
        assert marks == [right in theirs for theirs in RIGHTS.values()]


def test_a_guesser_is_told_to_wait_in_words(api: Served, org: connect.Organization) -> None:
    wrong = {"org": "acme", "email": "ann@acme.example", "password": "wrong wrong wrong"}
    assert browser(api).form("/ui/login", **wrong).status_code == 401
    tried_often(api.db, org)
    answer = browser(api).form("/ui/login", **wrong)
    assert answer.status_code == 429
    assert "Too many calls: the limit is 10 a minute." in answer.text
    assert "<h1>Log in</h1>" in answer.text
    assert "wrong wrong" not in answer.text


def actions() -> list[str]:
    """The address of every form of an organization's pages."""
    place = {"org": "acme", "connection": "shop", "entity": "products"}
    found = {
        re.sub(r"{([^}]+)}", lambda name: place.get(name[1], "1"), one.path)
        for router in routers()
        for one in router.routes
        if isinstance(one, PageRoute) and "POST" in (one.methods or ()) and "{org}" in one.path
    }
    return sorted(found)


def test_a_form_or_script_of_another_site_does_nothing(api: Served, org: connect.Organization) -> None:
    ann, before = logged_in(api, "ann"), _everything(api, org)
    fields = {"role": "viewer", "access": "disable", "sku": "halt", "priority": "odoo", "why": "x", "how": "remove",
              "name": "theirs", "provider": "woocommerce", "store_url": "https://evil.example"}  # fmt: skip
    origins: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ]
    assert len(actions()) > 15
    for address in actions():
        for headers in origins:
            bodies: list[dict[str, Any]] = [{"data": fields}, {"json": fields}]
            for body in bodies:
                forged = api.client.post(
                    address, headers={**headers, "Cookie": ann.cookie}, follow_redirects=False, **body
                )
                assert forged.status_code == 403, (address, headers)
                assert "does not come from a page of this service" in forged.text
    assert _everything(api, org) == before


def test_a_form_after_the_session_has_ended_leads_to_the_login_and_back(api: Served, org: connect.Organization) -> None:
    ann = logged_in(api, "ann")
    for row in tokens.list_tokens(api.db, org):
        tokens.revoke_token(api.db, org, row.token_id, actor="test")
    before = _everything(api, org)
    login = "/ui/login?ended=action&next=/ui/acme/people%3Frole%3Dplugin"
    elsewhere = {"Referer": "https://evil.example/ui/acme/people"}
    for address in actions():
        page = {"Referer": "http://testserver/ui/acme/people?role=plugin"}
        sent = ann.call("POST", address, data={"role": "viewer"}, headers=page)
        assert (sent.status_code, sent.headers["location"]) == (303, login), address
        assert ann.call("POST", address, headers=elsewhere).headers["location"] == "/ui/login?ended=action&next=/ui", (
            address
        )
        script = ann.call("POST", address, headers={"X-Fragment": "1"})
        assert (script.status_code, "x-login" in script.headers) == (401, True), address
    assert _everything(api, org) == before
    wanted = unescape(re.findall(r'name="next" value="([^"]+)"', ann.get(login).text)[0])
    fields = {"org": "acme", "email": "ann@acme.example", "password": PASSWORD, "next": wanted}
    assert ann.form("/ui/login", **fields).headers["location"] == "/ui/acme/people?role=plugin"


def test_another_organizations_forms_answer_like_those_that_do_not_exist(
    api: Served, org: connect.Organization
) -> None:
    globex = connect.add_organization(api.db, "globex", "Globex")
    api.token(org)  # what the addresses number is acme's
    before = _everything(api, org)
    eve = browser(api).as_(globex, "admin")
    for address in actions():
        assert eve.form(address, role="viewer", access="disable", how="remove", sku="halt").status_code == 404, address
        theirs = address.replace("/acme/", "/globex/")
        if re.search(r"/(shop|1)(/|$)", theirs):
            fields = {"role": "viewer"} if "/users/" in theirs else {"how": "remove"} if "config" in theirs else {}
            assert eve.form(theirs, **fields).status_code in (404, 400, 415), address
    assert _everything(api, org) == before


def _everything(api: Served, org: connect.Organization) -> list[object]:
    return [
        users.users(api.db, org),
        [(one.token_id, one.revoked_at) for one in tokens.list_tokens(api.db, org) if one.user is None],
        connect.connections(api.db, org),
        connect.policy(api.db, org),
    ]
