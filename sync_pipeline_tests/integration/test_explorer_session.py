"""The Explorer's sessions: who gets in, what a page of another site can do, and what is in the answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sync_pipeline.api.auth import RIGHTS, Right
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.explorer.text import visible
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens, users
from sync_pipeline_tests.explored import PASSWORD, Browser, browser, tried_often, words
from sync_pipeline_tests.served import Served, served


@pytest.fixture
def api(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Served]:
    users.add_user(database, org, "ann@acme.example", PASSWORD, "operator", actor="test")
    with served(database, settings) as running:
        yield running


@pytest.fixture
def other(api: Served) -> connect.Organization:
    return connect.add_organization(api.db, "globex", "Globex")


def test_the_root_leads_to_the_login_and_a_login_to_the_page_that_was_asked_for(api: Served) -> None:
    ann = browser(api)
    assert ann.get("/").headers["location"] == "/ui"
    assert ann.get("/ui").headers["location"] == "/ui/login"
    asked = ann.get("/ui/acme?x=1&y=2")
    assert (asked.status_code, asked.headers["location"]) == (303, "/ui/login?next=/ui/acme%3Fx%3D1%26y%3D2")
    form = ann.get(asked.headers["location"]).text
    assert 'name="next" value="/ui/acme?x=1&amp;y=2"' in form
    assert re.search(r'name="org"[^>]* value="acme">', form), "the page that is asked for names it"
    fields = {"org": "acme", "email": "ann@acme.example", "password": PASSWORD}
    assert ann.form("/ui/login", **fields).headers["location"] == "/ui/acme"
    assert ann.get("/ui/acme").status_code == 200
    assert ann.get("/ui").headers["location"] == "/ui/acme"
    assert ann.form("/ui/login", **fields, next="/ui/acme/shop").headers["location"] == "/ui/acme/shop"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example", "https://evil.example", "/ui/acme/\\evil", "/api/v1/status", "/ui/acme/../../api/v1/status",
        "/ui/acme/%2E%2e/../docs",
    ],
)  # fmt: skip
def test_a_login_leads_nowhere_else(api: Served, elsewhere: str) -> None:
    ann = browser(api)
    assert elsewhere not in ann.get("/ui/login", params={"next": elsewhere}).text
    fields = {"org": "acme", "email": "ann@acme.example", "password": PASSWORD, "next": elsewhere}
    assert ann.form("/ui/login", **fields).headers["location"] == "/ui/acme"


def test_a_wrong_password_and_an_unknown_organization_answer_alike_and_then_429(
    api: Served, org: connect.Organization
) -> None:
    ann = browser(api)
    wrong = {"email": "ann@acme.example", "password": "wrong wrong wrong"}
    first, unknown = ann.form("/ui/login", org="acme", **wrong), ann.form("/ui/login", org="nobody", **wrong)
    assert first.status_code == unknown.status_code == 401
    assert "No such organization, person or password." in first.text
    assert _without(first.text, "acme") == _without(unknown.text, "nobody")
    assert "wrong wrong" not in first.text
    tried_often(api.db, org)
    assert ann.form("/ui/login", org="acme", **wrong).status_code == 429
    assert "set-cookie" not in first.headers


def _without(html: str, org: str) -> str:
    return html.replace(f'value="{org}"', "")


def test_every_role_that_reads_may_log_in_with_its_token(api: Served, org: connect.Organization) -> None:
    connect.add_connection(
        api.db,
        api.settings,
        org,
        "woocommerce",
        "shop",
        {"store_url": "https://shop.example", "consumer_key": "ck_x", "consumer_secret": "cs_x"},
        actor="test",
    )
    for role, rights in RIGHTS.items():
        someone = browser(api)
        token = someone.token(org, role)
        answer = someone.form("/ui/login", token=token)
        if Right.READ in rights:
            assert answer.headers["location"] == "/ui/acme"
            page = someone.get("/ui/acme")
            assert page.status_code == 200
            assert token not in page.text
        else:
            assert answer.status_code == 401
            assert f"A token of the role {role} sends records." in answer.text


def test_no_answer_holds_the_token_and_its_cookie_is_closed_to_scripts_and_other_sites(api: Served) -> None:
    ann = browser(api)
    answer = ann.form("/ui/login", org="acme", email="ann@acme.example", password=PASSWORD)
    [cookie] = answer.headers.get_list("set-cookie")
    assert cookie.startswith("session=acme:sp_")
    assert "; HttpOnly" in cookie
    assert "; SameSite=strict" in cookie
    assert "; Secure" not in cookie
    token = cookie.split(":", 1)[1].split(";")[0]
    assert token not in answer.text + answer.headers["location"] + ann.get("/ui/acme").text
    behind_tls = browser(api, origin="https://sync.example.com", host="sync.example.com")
    answer = behind_tls.form("/ui/login", org="acme", email="ann@acme.example", password=PASSWORD)
    [cookie] = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-session=acme:sp_")
    assert "; Secure" in cookie
    assert "; Path=/" in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_form_of_another_site_does_nothing(api: Served, org: connect.Organization, headers: dict[str, str]) -> None:
    ann = browser(api).as_(org, "operator")
    forged = api.client.post("/ui/acme/logout", headers={**headers, "Cookie": ann.cookie}, follow_redirects=False)
    assert forged.status_code == 403
    assert ann.get("/ui/acme").status_code == 200
    fields = {"org": "acme", "email": "ann@acme.example", "password": PASSWORD}
    assert api.client.post("/ui/login", data=fields, headers=headers, follow_redirects=False).status_code == 403


def test_the_cookie_counts_below_ui_alone(api: Served, org: connect.Organization) -> None:
    ann = browser(api).as_(org, "admin")
    assert ann.get("/api/v1/status").status_code == 401
    assert ann.get("/api/v1/tokens").status_code == 401


def test_another_organization_answers_like_one_that_does_not_exist(
    api: Served, org: connect.Organization, other: connect.Organization
) -> None:
    ann = browser(api).as_(org, "admin")
    theirs, nobodys = ann.get("/ui/globex"), ann.get("/ui/nobody")
    assert theirs.status_code == nobodys.status_code == 404
    assert _without_request(theirs.text) == _without_request(nobodys.text)
    forged = browser(api)
    forged.cookies["session"] = f"globex:{api.token(org, 'admin')}"
    assert forged.get("/ui/globex").headers["location"].startswith("/ui/login")
    assert other.slug == "globex"


def _without_request(html: str) -> str:
    return re.sub(r"Request \w+", "", html)


def test_one_browser_holds_sessions_of_several_organizations(
    api: Served, org: connect.Organization, other: connect.Organization
) -> None:
    ann = browser(api)
    ann.form("/ui/login", token=api.token(org, "viewer"))
    ann.form("/ui/login", token=api.token(other, "admin"))
    assert 'href="/ui/globex"' in ann.get("/ui/acme").text
    assert 'href="/ui/acme"' in ann.get("/ui/globex").text
    assert ann.form("/ui/globex/logout").headers["location"] == "/ui"
    assert ann.get("/ui/globex").status_code == 404
    assert ann.get("/ui/acme").status_code == 200


def test_logging_out_ends_a_session_and_forgets_a_token(api: Served, org: connect.Organization) -> None:
    ann = browser(api)
    ann.form("/ui/login", org="acme", email="ann@acme.example", password=PASSWORD)
    stolen = ann.cookie
    ann.form("/ui/acme/logout")
    again = api.client.get("/ui/acme", headers={"Cookie": stolen}, follow_redirects=False)
    assert again.headers["location"].startswith("/ui/login")
    token = api.token(org, "operator")
    ann.form("/ui/login", token=token)
    ann.form("/ui/acme/logout")
    assert ann.get("/ui/acme").status_code == 303
    assert tokens.authenticate(api.db, token).role == "operator"


def test_a_session_ends_with_its_token_and_a_script_is_told_where_to_log_in(
    api: Served, org: connect.Organization
) -> None:
    ann = browser(api).as_(org, "operator")
    tokens.revoke_token(api.db, org, tokens.authenticate(api.db, api.token(org, "operator")).token_id, actor="test")
    login = "/ui/login?ended=page&next=/ui/acme"
    assert ann.get("/ui/acme").headers["location"] == login
    asked = ann.get("/ui/acme", headers={"X-Fragment": "1"})
    assert (asked.status_code, asked.headers["x-login"]) == (401, login)


def test_a_session_that_ends_in_the_middle_is_said_and_that_what_was_clicked_was_not_done(
    api: Served, org: connect.Organization
) -> None:
    page = {"Referer": "http://testserver/ui/acme/plans"}
    known = browser(api).as_(org, "operator")
    tokens.revoke_token(api.db, org, tokens.authenticate(api.db, api.token(org, "operator")).token_id, actor="test")
    for ann in (known, browser(api)):  # the browser may have forgotten the cookie
        looked = ann.get("/ui/acme/plans/1", headers=page).headers["location"]
        assert looked == "/ui/login?ended=page&next=/ui/acme/plans/1"
        assert "Your session has ended. Log in to go on where you were." in words(ann.get(looked).text)
        clicked = ann.call("POST", "/ui/acme/plans", data={}, headers=page).headers["location"]
        assert clicked == "/ui/login?ended=action&next=/ui/acme/plans"
        said = words(ann.get(clicked).text)
        assert "Your session has ended. What you clicked last was not done : log in, and do it again" in said
        sent = ann.send("/ui/acme/shop/data/products", {})
        assert sent.headers["x-login"].startswith("/ui/login?ended=action&next=")
    fresh = browser(api)
    assert "session" not in words(fresh.get(fresh.get("/ui/acme").headers["location"]).text)


def test_every_page_forbids_what_it_does_not_need(api: Served, org: connect.Organization) -> None:
    ann = browser(api).as_(org, "operator")
    for path in ("/ui/login", "/ui/acme", "/ui/acme/nothing", "/ui/other"):
        answer = ann.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=\"/ui/static/)", answer.text)
        assert not re.search(r"(src|href|action)=\"(https?:)?//", answer.text)


def test_static_files_are_kept_for_ever_under_an_address_of_their_content(api: Served) -> None:
    ann = browser(api)
    addresses = re.findall(r'"(/ui/static/[^"]+)"', ann.get("/ui/login").text)
    assert {address.rsplit("/", 1)[1] for address in addresses} == {"icon.svg", "explorer.css", "swap.js"}
    for address in addresses:
        answer = ann.get(address)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        older = ann.get(re.sub(r"static/\w+", "static/older", address))
        assert (older.headers["cache-control"], older.content) == ("no-store", answer.content)
    assert ann.get("/ui/static/x/..%2fsession.py").status_code == 404


def test_the_login_form_is_small_and_nothing_else_takes_a_form(api: Served, org: connect.Organization) -> None:
    ann: Browser = browser(api).as_(org, "operator")
    assert ann.form("/ui/login", token="x" * 5000).status_code == 413
    assert ann.form("/ui/acme/logout", anything="x").headers["location"] == "/ui"  # its body is not read
    call = api.client.post("/api/v1/session", data={"org": "acme"}, headers=ann.headers)
    assert call.status_code == 415


def test_what_cannot_be_seen_is_a_mark() -> None:
    assert visible("a\u202egnp.exe\x00\u200b\ud800") == "a⟨U+202E⟩gnp.exe⟨U+0000⟩⟨U+200B⟩⟨U+D800⟩"
    assert visible("AB\u200d1") == "AB⟨U+200D⟩1"
    for fine in ("👩‍👩‍👧", "می‌خواهم", "O̲ne", "naïve", "a\nb", "\U0001f3f4"):
        assert visible(fine) == fine
