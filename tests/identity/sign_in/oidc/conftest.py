"""A house that trusts a real OpenID Connect provider, and a browser that walks between the two."""

from __future__ import annotations

import hashlib
import html
import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests

from chassis.db import SyncDatabase
from identity.app import create
from identity.bootstrap.services import bootstrap_company
from tests.identity.conftest import COMPANY, Client, House, settings_for
from tests.support.node import installed, running, tell
from tests.support.serve import served
from tests.support.servers import Databases, free_port

CLIENT, SECRET, FRONTEND = "huichi", "a secret of the tests, with % and +", "http://front.test"
CREATE = """
mutation($n: String!, $i: SignInProviderInput!) {
  createSignInProvider(name: $n, input: $i) { provider { id version } errors { code path message } }
}
"""
UPDATE = """
mutation($id: ID!, $i: SignInProviderInput!) {
  updateSignInProvider(id: $id, input: $i) { provider { id version } errors { code path message } }
}
"""
FINISH = """
mutation($t: String!, $v: String!, $c: String) {
  finishSignIn(ticket: $t, verifier: $v, code: $c) {
    accessToken refreshToken userId sessionId needs errors { code message path }
  }
}
"""


@dataclass
class World:
    """The provider, its entry in the house, and the house."""

    house: House
    port: int
    folder: Path
    log: Path
    process: ExitStack
    id: str = ""

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, key: str = "first") -> None:
        """Start the provider with a signing key of this name; it forgets everything else."""
        self.process.close()
        base = f"{self.house.settings.public_address}/sign-in/idp"
        client = {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": [f"{base}/callback"],
            "post_logout_redirect_uris": [f"{base}/signed-out"],
            "backchannel_logout_uri": f"{base}/backchannel-logout",
            "backchannel_logout_session_required": True,
        }
        ready = f"{self.issuer}/.well-known/openid-configuration"
        arguments = [str(self.port), json.dumps(client), f"{key}-{secrets.token_hex(4)}"]
        self.process.enter_context(running(self.folder, "provider.mjs", arguments, ready, self.log))

    def account(self, id: str, **claims: Any) -> None:
        """Somebody who exists at the provider."""
        tell(f"{self.issuer}/test", {"what": "account", "id": id, "name": "Some One"} | claims)

    def revoke(self, id: str) -> None:
        """The provider takes somebody's grant away."""
        tell(f"{self.issuer}/test", {"what": "revoke", "id": id})

    def set(self, **input: Any) -> None:
        """Change the provider's entry."""
        changed = self.house.as_("admin").data(UPDATE, id=self.id, i=input)
        assert changed["errors"] == []


@dataclass
class Browser:
    """A browser with a frontend's page in it."""

    world: World
    session: requests.Session = field(default_factory=requests.Session)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def challenge(self) -> str:
        return urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode()[:43]

    def begin(self, **query: str) -> requests.Response:
        """Go to the provider; the answer is its first redirect."""
        asked = {"challenge": self.challenge, "returnTo": f"{FRONTEND}/in?page=1"} | query
        return self.session.get(
            f"{self.world.house.url}/sign-in/idp",
            params=asked,
            allow_redirects=False,
            timeout=20,
        )

    def walk(self, login: str | None, answer: requests.Response) -> requests.Response:
        """Follow redirects until they lead out of this world, signing in as `login` on the way."""
        for _ in range(12):
            here, there = answer.url, answer.headers.get("location")
            if there is None or there.startswith(FRONTEND):
                return answer
            headers = {"x-login": login} if login else {}
            answer = self.session.get(
                urljoin(here, there), headers=headers, allow_redirects=False, timeout=20
            )
        raise AssertionError("the redirects do not end")

    def ticket(self, login: str) -> str:
        """The ticket that the frontend's page gets."""
        answer = self.walk(login, self.begin())
        back = urlsplit(answer.headers["location"])
        assert (back.netloc, back.path, back.query) == ("front.test", "/in", "page=1")
        return parse_qs(back.fragment)["ticket"][0]

    def finish(self, ticket: str, code: str | None = None, verifier: str | None = None) -> Any:
        nobody = self.world.house.nobody()
        return nobody.data(FINISH, t=ticket, v=verifier or self.verifier, c=code)

    def sign_in(self, login: str) -> Any:
        """All of it."""
        return self.finish(self.ticket(login))

    def sign_out_there(self, address: str) -> str:
        """Sign out at the provider as its page asks to; where the browser is sent then."""
        page = self.session.get(address, timeout=20)
        form = dict(
            re.findall(r'name="(\w+)" value="([^"]*)"', html.unescape(page.text)), logout="yes"
        )
        action = re.findall(r'action="([^"]+)"', page.text)[0]
        answer = self.session.post(
            urljoin(page.url, html.unescape(action)),
            data=form,
            allow_redirects=False,
            timeout=20,
        )
        return str(answer.headers.get("location", answer.text))


@pytest.fixture(scope="module")
def world(
    databases: Databases, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A house of its own, since it is asked at an address that its settings have to know."""
    import redis

    folder = installed("oidc")
    own = f"{redis_url.rpartition('/')[0]}/8"
    with redis.Redis.from_url(own) as client:
        client.flushdb()
    url, port = databases.fresh("identity"), free_port()
    settings = settings_for(
        url,
        own,
        public_url=f"http://127.0.0.1:{port}",
        frontends=f"https://other.test, {FRONTEND}/",
        allow_insecure_providers=True,
        provider_check_seconds=1,
    )
    db = SyncDatabase(url, application="identity-tests")
    founded = bootstrap_company(db, COMPANY)
    log = tmp_path_factory.mktemp("oidc") / "provider.log"
    with ExitStack() as process, served(create(settings), port=port) as base:
        house = House(base, settings, db, founded)
        house.follow()
        world = World(house, free_port(), folder, log, process)
        world.start()
        wanted = {"title": "Company", "issuer": world.issuer, "clientId": CLIENT}
        made = house.as_("admin").data(CREATE, n="idp", i=wanted | {"clientSecret": SECRET})
        assert made["errors"] == []
        world.id = made["provider"]["id"]
        yield world
    db.close()
    databases.drop(url)


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)


def someone(world: World, username: str, role: str = "sales", **more: Any) -> str:
    """The id of a new user."""
    add = "mutation($i: CreateUserInput!) { createUser(input: $i) { user { id } errors { code } } }"
    wanted = {"username": username, "displayName": "Someone", "roles": [role]} | more
    made = world.house.as_("admin").data(add, i=wanted)
    assert made["errors"] == []
    world.house.follow()
    return str(made["user"]["id"])


def signed(world: World, answer: Any) -> Client:
    """Somebody with the tokens of an answer."""
    assert answer["errors"] == []
    return Client(world.house.url, answer["accessToken"])
