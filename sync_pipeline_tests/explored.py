"""A browser without scripts: it keeps cookies, and says where a call comes from as browsers do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from typing import Any

import httpx2 as httpx  # the one that starlette's test client speaks

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline_tests.served import Served

PASSWORD = "correct horse battery staple"


@dataclass
class Browser:
    """Somebody who looks at pages; redirects are not followed."""

    api: Served
    headers: dict[str, str]
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """The cookies as they are sent."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call with the cookies; the answer's are kept."""
        headers = {**self.headers, "Cookie": self.cookie, **options.pop("headers", {})}
        self.api.client.cookies.clear()
        answer: httpx.Response = self.api.client.request(
            method, path, headers=headers, follow_redirects=False, **options
        )
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies.pop(name, None)
                if morsel.value:
                    self.cookies[name] = morsel.value
        return answer

    def get(self, path: str, **options: Any) -> httpx.Response:
        """A page."""
        return self.call("GET", path, **options)

    def form(self, path: str, **fields: str) -> httpx.Response:
        """A form that is sent."""
        return self.call("POST", path, data=fields)

    def send(self, path: str, body: Any, **options: Any) -> httpx.Response:
        """What a script of the page sends."""
        return self.call("POST", path, json=body, headers={"X-Fragment": "1"}, **options)

    def as_(self, org: connect.Organization, role: str) -> Browser:
        """Log in with a token of the role; an agent's is unmasked, or it would not open a page."""
        assert self.form("/ui/login", token=self.token(org, role)).status_code == 303
        return self

    def token(self, org: connect.Organization, role: str) -> str:
        """The token that `as_` logs in with."""
        return self.api.token(org, role, unmasked=role == "agent")


def browser(api: Served, *, origin: str = "http://testserver", host: str = "testserver") -> Browser:
    """A browser that nobody has logged in with yet."""
    return Browser(api, {"Origin": origin, "Host": host})


def tried_often(db: Database, org: connect.Organization) -> None:
    """As after many tries of a password, however long each of them takes here."""
    with db.org(org.org_id) as conn:
        conn.exec_driver_sql(
            "UPDATE connect.rate_limit SET at_rest = at_rest + interval '5 minutes' "
            "WHERE starts_with(subject, 'login:')"
        )


def words(html: str) -> str:
    """The main part as a reader sees it, on one line."""
    main = re.split(r"<main[^>]*>", html)[-1].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())
