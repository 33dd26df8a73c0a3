"""The whole product, started as its user starts it, once for all end-to-end tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests

from chassis.authentication import actor_context
from onebox.house import PARTS
from tests.support.servers import free_port, throwaway_parent
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.e2e.planted import Planted

READY_SECONDS = 300
DEAD = pytest.StashKey[str]()
"""Why there is no house; the first test has failed of it, the others are skipped."""


@dataclass
class Running:
    """A running house and the people who work in it."""

    var: Path
    port: int
    process: subprocess.Popen[bytes]
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.var / "secrets.json").read_text())
        return found

    def url(self, part: str = "gateway") -> str:
        return f"http://127.0.0.1:{self.port + PARTS.index(part)}"

    def pid(self, part: str) -> int:
        """The process of a part as it runs now; another one after a restart."""
        note = json.loads((self.var / "running.json").read_text())
        return int(note["parts"][part]["pid"])

    def sign_in(self, username: str) -> str:
        """An access token; kept, for signing in is throttled on purpose."""
        if username not in self.tokens:
            answer = self.ask(
                "mutation ($u: String!, $p: String!) {"
                " signIn(username: $u, password: $p) { accessToken errors { code message } } }",
                {"u": username, "p": self.secrets["company_password"]},
            )
            assert answer["data"]["signIn"]["accessToken"], answer
            self.tokens[username] = answer["data"]["signIn"]["accessToken"]
        return self.tokens[username]

    def ask(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        who: str | None = None,
        at: str = "gateway",
        language: str = "en",
    ) -> Any:
        """One GraphQL request, to the gateway or straight to a service."""
        headers = {"accept-language": language, "content-type": "application/json"}
        if who:
            headers["authorization"] = f"Bearer {self.sign_in(who)}"
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        if at != "gateway":  # services answer nothing that no gateway or peer has signed
            headers[actor_context.HEADER] = actor_context.sign(
                self.secrets["actor_secret"],
                issuer="gateway",
                audience=at,
                body=body,
                authorization=headers.get("authorization"),
            )
        return requests.post(
            f"{self.url(at)}/graphql", data=body, headers=headers, timeout=60
        ).json()

    def data(self, query: str, variables: dict[str, Any] | None = None, **how: Any) -> Any:
        """The data of a request that must not fail."""
        answer = self.ask(query, variables, **how)
        assert not answer.get("errors"), answer["errors"]
        return answer["data"]

    def rows(self, database: str, query: str, *args: Any) -> list[tuple[Any, ...]]:
        """Looks into a service's own database, as only a test may."""
        password = self.secrets[f"{database}_database_password"]
        port = self.port + PARTS.index("postgres")
        role = f"huichi_{database}"
        url = f"postgresql://{role}:{password}@127.0.0.1:{port}/{role}"
        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute(query, args).fetchall()


HOUSE = pytest.StashKey[Running]()


def wait_for(question: Callable[[], Any], seconds: float = PATIENCE, every: float = 0.02) -> Any:
    """The first answer that is true."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)
    return answer


def block_of_ports() -> int:
    """A port with as many free ones behind it as the house needs."""
    from onebox.servers import native

    for _ in range(100):
        first = free_port()
        if all(native.port_is_free(first + i) for i in range(len(PARTS))):
            return first
    raise RuntimeError("no free block of ports")


def start(var: Path, port: int) -> Running:
    """`onebox up`, until the gateway answers."""
    environment = os.environ | {"HUICHI_VAR": str(var), "PYTHONUNBUFFERED": "1"}
    var.mkdir(parents=True, exist_ok=True)
    with (var.parent / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "onebox.app", "up", "--port", str(port)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    running = Running(var, port, process)

    def ready() -> bool:
        assert process.poll() is None, (var.parent / "up.log").read_text()[-4000:]
        try:
            return (
                requests.get(f"{running.url()}/readyz", timeout=2).ok
                and "worker" in json.loads((var / "running.json").read_text())["parts"]
                and requests.get(f"{running.url('integrations')}/readyz", timeout=2).ok
            )
        except (requests.RequestException, OSError, ValueError):
            return False

    try:
        wait_for(ready, READY_SECONDS, every=0.1)
    except BaseException:
        process.kill()  # its parts end with it
        process.wait()
        raise
    return running


def stop(running: Running) -> float:
    """Ctrl-C; how long it took until everything had ended."""
    started = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    running.process.wait(timeout=PATIENCE)
    return time.monotonic() - started


@pytest.fixture(scope="session")
def house(request: pytest.FixtureRequest) -> Iterator[Running]:
    """One house for the whole run. Socket paths are short, so the folder is high in the tree."""
    with tempfile.TemporaryDirectory(prefix="huichi-e2e-", dir=throwaway_parent()) as folder:
        try:
            running = start(Path(folder) / "var", block_of_ports())
        except BaseException:
            request.config.stash[DEAD] = "the house did not start"
            raise
        request.config.stash[HOUSE] = running
        try:
            yield running
        finally:
            if running.process.poll() is None:
                stop(running)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start a house that died again on its own data; where there is none,
    fail once, not 200 times."""
    stash = item.config.stash
    if reason := stash.get(DEAD, None):
        pytest.skip(f"{reason}: the first test says why")
    running = stash.get(HOUSE, None)
    if running is None or running.process.poll() is None:
        return
    try:
        running.process = start(running.var, running.port).process
    except BaseException:
        stash[DEAD] = "the house died and did not start again"
        raise


@pytest.fixture(scope="session")
def planted(house: Running) -> Iterator[Planted]:
    """The house with a value that occurs nowhere else in every corner; planted once."""
    from tests.e2e.planted import Erp, plant
    from tests.support.serve import served

    with served(Erp().app) as source:
        yield plant(house, source)
