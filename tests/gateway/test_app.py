"""The command line: composes, plans and serves, and says what is wrong and what would be right."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import strawberry
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send
from strawberry.asgi import GraphQL

from gateway.app import main
from tests.support.serve import served
from tests.support.servers import free_port

USERS = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
type Query { me: User }
type User @key(fields: "id") { id: ID! name: String }
"""
POSTS = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
type Query { posts: [Post!]! }
type Post { text: String! author: User }
type User @key(fields: "id") { id: ID! posts: [Post!]! }
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "users.graphql").write_text(USERS)
    (tmp_path / "posts.graphql").write_text(POSTS)
    return tmp_path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def composed(files: Path) -> Path:
    output = files / "supergraph.graphql"
    code = run(
        "compose",
        "--subgraph",
        f"users={files}/users.graphql@http://127.0.0.1:4001/graphql",
        "--subgraph",
        f"posts={files}/posts.graphql",
        "--url",
        "posts=http://127.0.0.1:4002/graphql",
        "--output",
        output,
    )
    assert code == 0
    return output


def test_composes_files_with_the_addresses_that_requests_go_to(files: Path) -> None:
    sdl = composed(files).read_text()

    assert "http://127.0.0.1:4001/graphql" in sdl
    assert "http://127.0.0.1:4002/graphql" in sdl


def test_asks_a_running_subgraph_for_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    @strawberry.type
    class Query:
        hello: str = "world"

    app = Starlette(routes=[Mount("/", GraphQL(strawberry.federation.Schema(query=Query)))])
    with served(app) as url:
        code = run(
            "compose", "--subgraph", f"hello={url}/graphql", "--url", "hello=http://hello/graphql"
        )

    assert code == 0
    assert 'url: "http://hello/graphql"' in capsys.readouterr().out


def test_says_how_to_mend_what_does_not_compose_and_writes_nothing(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = composed(files)
    before = output.read_text()
    (files / "posts.graphql").write_text(
        POSTS.replace('posts: [Post!]! }\n"""', "").replace(
            "id: ID! posts", "id: ID! name: String posts"
        )
    )

    code = run(
        "compose",
        "--subgraph",
        f"users={files}/users.graphql@http://a/",
        "--subgraph",
        f"posts={files}/posts.graphql@http://b/",
        "--output",
        output,
    )

    said = capsys.readouterr().err
    assert code == 1
    assert "INVALID_FIELD_SHARING" in said
    assert "User.name" in said
    assert "mend:" in said
    assert f"{output} is unchanged" in said
    assert output.read_text() == before
    assert sorted(path.name for path in files.iterdir()) == [
        "posts.graphql",
        "supergraph.graphql",
        "users.graphql",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--subgraph", "users"], '--subgraph must be NAME=…, not "users".'),
        (["--subgraph", "users=nowhere.graphql@http://a/"], "nowhere.graphql cannot be read"),
        (["--subgraph", "users=users.graphql"], "add the address that requests go to"),
        (
            ["--subgraph", "a=http://127.0.0.1:1/"],
            'The schema of subgraph "a" cannot be read from http://127.0.0.1:1/',
        ),
        (
            ["--subgraph", "a=x@http://a/", "--url", "b=http://b/"],
            '"b" must be given with --subgraph exactly once',
        ),
    ],
)
def test_says_which_argument_is_wrong(
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x").write_text(USERS)

    assert run("compose", *arguments) == 1
    assert says in capsys.readouterr().err


def test_shows_a_plan(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = files / "query.graphql"
    query.write_text("query A { me { name posts { text } } } query B { posts { text } }")

    assert run("plan", "--supergraph", composed(files), "--query", query, "--operation", "A") == 0
    shown = capsys.readouterr().out
    assert "Fetch users" in shown
    assert "Fetch posts" in shown

    assert run("plan", "--supergraph", composed(files), "--query", query) == 1
    assert "say which one with operationName" in capsys.readouterr().err


def test_says_where_a_query_is_wrong(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = files / "query.graphql"
    query.write_text("{ me { name\n  age } }")

    assert run("plan", "--supergraph", composed(files), "--query", query) == 1
    assert f"{query}:2:3: Cannot query field 'age' on type 'User'." in capsys.readouterr().err


def test_called_wrongly_it_exits_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("serve") == 2
    assert "--supergraph" in capsys.readouterr().err
    assert run("--help") == 0
    assert "compose" in capsys.readouterr().out


@contextmanager
def serving(*arguments: object) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gateway.app",
        "serve",
        "--port",
        str(port),
        *map(str, arguments),
    ]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    ) as process:
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def wait_until_ready(url: str) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            assert requests.get(f"{url}/readyz", timeout=1).status_code == 200
        except requests.ConnectionError:
            assert time.monotonic() < until, "the gateway did not start"
            time.sleep(0.05)
        else:
            return


async def slow_ann(scope: Scope, receive: Receive, send: Send) -> None:
    """A subgraph that takes a second."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    await asyncio.sleep(1)
    await JSONResponse({"data": {"me": {"name": "Ann"}}})(scope, receive, send)


def test_serves_and_finishes_what_is_under_way_when_told_to_stop(files: Path) -> None:
    answers: list[Any] = []
    with (
        served(slow_ann) as slow,
        serving("--supergraph", composed(files), "--subgraph-url", f"users={slow}") as (
            process,
            url,
        ),
    ):
        wait_until_ready(url)
        asking = threading.Thread(
            target=lambda: answers.append(
                requests.post(f"{url}/graphql", json={"query": "{me{name}}"}, timeout=5).json()
            )
        )
        asking.start()
        time.sleep(0.4)
        process.send_signal(signal.SIGTERM)
        asking.join()

        assert process.wait(5) == 0
    assert answers[0]["data"] == {"me": {"name": "Ann"}}


def test_a_bad_supergraph_or_a_taken_port_is_said_plainly(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = files / "bad.graphql"
    bad.write_text(USERS)

    assert run("serve", "--supergraph", files / "absent.graphql", "--port", "0") == 1
    assert "absent.graphql cannot be read" in capsys.readouterr().err
    assert run("serve", "--supergraph", bad, "--port", "0") == 1
    assert "not a supergraph" in capsys.readouterr().err
    with served(Starlette()) as url:
        port = url.rsplit(":", 1)[1]
        assert run("serve", "--supergraph", composed(files), "--port", port) == 1
    assert "choose another --port" in capsys.readouterr().err
    assert run("serve", "--supergraph", composed(files), "--trace-url", "http://x/") == 1
    assert "{trace_id}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--issuer", "x"], "need --jwks"),
        (["--require-token"], "needs --jwks"),
        (["--rate", "often"], "--rate must be N/SECONDS"),
        (["--manifest", "absent.json"], "absent.json cannot be read"),
        (["--actor-key", "absent.pem"], "openssl genpkey"),
        (["--trusted-proxy", "home"], '"home" in trusted_proxies is not a network'),
        (["--config", "absent.toml"], "absent.toml cannot be read"),
    ],
)
def test_a_protection_that_cannot_be_is_said_plainly(
    files: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run("serve", "--supergraph", composed(files), "--port", "0", *arguments) == 1
    assert says in capsys.readouterr().err


def test_options_win_over_the_file(files: Path) -> None:
    file = files / "gateway.toml"
    file.write_text("[protection]\ncost = 1\nrates = { requests = 99 }\n[limits]\ndepth = 2\n")
    options = ("--supergraph", composed(files), "--config", file, "--rate", "3/60")
    with serving(*options) as (_, url):
        wait_until_ready(url)

        def code(query: str) -> str | None:
            answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=5).json()
            found: str | None = (
                answer["errors"][0]["extensions"]["code"] if "errors" in answer else None
            )
            return found

        assert [
            code("{me{name posts{text}}}"),
            code("{a:me{name}b:me{id}}"),
            code("{__typename}"),
            code("{__typename}"),
        ] == ["OPERATION_TOO_COMPLEX", "COST_ESTIMATED_TOO_EXPENSIVE", None, "RATE_LIMITED"]


FORKED = """
import os, sys, threading, time, requests, uvicorn
from gateway.app import create
from gateway.settings import Settings

app = create(Settings(supergraph=open(sys.argv[1]).read()))
assert threading.active_count() == 1, threading.enumerate()
child = os.fork()
if child == 0:
    uvicorn.run(app, port=int(sys.argv[2]), log_config=None)
    os._exit(0)
url = f"http://127.0.0.1:{sys.argv[2]}/graphql"
try:
    for _ in range(200):
        try:
            answer = requests.post(url, json={"query": "{__typename}"})
            print(answer.json()["data"])
            break
        except requests.ConnectionError:
            time.sleep(0.05)
finally:
    os.kill(child, 15)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_is_made_before_a_fork_and_served_after_it(files: Path) -> None:
    command = [sys.executable, "-c", FORKED, str(composed(files)), str(free_port())]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert done.stdout == "{'__typename': 'Query'}\n", done.stderr
