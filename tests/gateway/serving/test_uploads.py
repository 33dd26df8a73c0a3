"""Files by the multipart request specification, through to a real subgraph that reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.protection import Protection, Uploads
from gateway.serving.uploads import _parts
from tests.gateway.graphs import a_supergraph
from tests.gateway.serving.conftest import Running, Start
from tests.support.serve import served

FILES = """
    scalar Upload
    type Query { ok: Boolean @shareable look(file: Upload): Boolean }
    type Mutation { keep(file: Upload!, note: String): String! keepAll(files: [Upload!]!): String! }
"""
OTHER = """
    scalar Upload
    type Query { ok: Boolean @shareable }
    type Mutation { scan(file: Upload): String }
"""
KEEP = "mutation($f: Upload!, $n: String){ keep(file: $f, note: $n) }"
PREFLIGHT = {"x-requested-with": "test"}


class Shelf:
    """A subgraph that reads multipart requests and remembers what it got."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def take(self, request: Request) -> Response:
        boundary = request.headers["content-type"].partition("boundary=")[2]
        parts = _parts(await request.body(), boundary.encode(), 20)
        operations = json.loads(parts["operations"].content)
        where = json.loads(parts["map"].content)
        self.got.append((operations["variables"], where, parts))
        key = "keepAll" if "keepAll" in operations["query"] else "keep"
        return JSONResponse({"data": {key: "kept"}})


@pytest.fixture(scope="module")
def shelf() -> Iterator[tuple[Shelf, str]]:
    subgraph = Shelf()
    with served(Starlette(routes=[Route("/graphql", subgraph.take, methods=["POST"])])) as url:
        yield subgraph, a_supergraph(files=FILES, other=OTHER).sdl.replace("http://files.test", url)


@pytest.fixture
def uploading(start: Start, shelf: tuple[Shelf, str]) -> Iterator[Running]:
    shelf[0].got.clear()
    with start(
        supergraph=shelf[1], protection=Protection(uploads=Uploads(bytes=100_000, files=3))
    ) as gateway:
        yield gateway


def send(
    gateway: Running,
    query: str,
    variables: Any,
    where: Any,
    headers: dict[str, str] = PREFLIGHT,
    **files: tuple[str, bytes],
) -> requests.Response:
    parts: Any = {
        "operations": (None, json.dumps({"query": query, "variables": variables})),
        "map": (None, json.dumps(where)),
        **{name: (file, content, "text/plain") for name, (file, content) in files.items()},
    }
    return requests.post(f"{gateway.url}/graphql", files=parts, headers=headers, timeout=5)


def test_a_file_reaches_the_subgraph_that_wants_it(
    uploading: Running, shelf: tuple[Shelf, str]
) -> None:
    content = b"--x\r\n\r\n\x00\xff" * 1000
    answer = send(
        uploading, KEEP, {"f": None, "n": "hello"}, {"a": ["variables.f"]}, a=('h"i.txt', content)
    )

    assert answer.json()["data"] == {"keep": "kept"}
    ((variables, where, parts),) = shelf[0].got
    assert variables == {"f": None, "n": "hello"}
    assert where == {"0": ["variables.f"]}
    assert parts["0"].content == content
    assert (parts["0"].name, parts["0"].content_type) == ("h%22i.txt", "text/plain")


def test_several_files_keep_their_places(uploading: Running, shelf: tuple[Shelf, str]) -> None:
    query = "mutation($f: [Upload!]!){ keepAll(files: $f) }"
    where = {"a": ["variables.f.0", "variables.f.2"], "b": ["variables.f.1"]}
    answer = send(uploading, query, {"f": [None] * 3}, where, a=("a", b"A"), b=("b", b"B"))

    assert answer.json()["data"] == {"keepAll": "kept"}
    ((variables, places, parts),) = shelf[0].got
    assert variables == {"f": [None, None, None]}
    assert {path: parts[name].content for name, paths in places.items() for path in paths} == {
        "variables.f.0": b"A",
        "variables.f.2": b"A",
        "variables.f.1": b"B",
    }


FORM: Any = {"f": None}


@pytest.mark.parametrize(
    ("why", "query", "variables", "where"),
    [
        ("with a mutation", "query($f: Upload){ look(file: $f) }", FORM, None),
        (
            "exactly one subgraph",
            "mutation($f: Upload!){ keep(file: $f) scan(file: $f) }",
            FORM,
            None,
        ),
        ("must hold null", KEEP, {"f": "taken"}, None),
        ("must hold null", KEEP, {}, None),
        ("places in the variables", KEEP, FORM, {"a": ["query"]}),
        ("is missing", KEEP, FORM, {"b": ["variables.f"]}),
        ("must be a JSON object", KEEP, FORM, 5),
        ("has no variables", KEEP, None, None),
    ],
)
def test_refuses_what_cannot_be_forwarded(
    uploading: Running, shelf: tuple[Shelf, str], why: str, query: str, variables: Any, where: Any
) -> None:
    where = {"a": ["variables.f"]} if where is None else where

    answer = send(uploading, query, variables, where, a=("a.txt", b"A"))

    assert why in answer.json()["errors"][0]["message"]
    assert shelf[0].got == []


def test_another_sites_form_is_refused(uploading: Running, shelf: tuple[Shelf, str]) -> None:
    answer = send(uploading, KEEP, FORM, {"a": ["variables.f"]}, {}, a=("a", b"A"))

    assert answer.status_code == 400
    assert "x-requested-with" in answer.json()["errors"][0]["message"]
    assert shelf[0].got == []


def test_bounds_what_is_sent(uploading: Running, shelf: tuple[Shelf, str]) -> None:
    where = {"a": ["variables.f"]}
    large = send(uploading, KEEP, FORM, where, a=("a", b"A" * 100_001))
    one = ("a", b"A")
    many = send(uploading, KEEP, FORM, where, a=one, b=one, c=one, d=one)
    torn = requests.post(
        f"{uploading.url}/graphql",
        data=b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{',
        headers={"content-type": "multipart/form-data; boundary=x", **PREFLIGHT},
        timeout=5,
    )

    assert large.status_code == 413
    assert "more than 3 files" in many.json()["errors"][0]["message"]
    assert "cut off" in torn.json()["errors"][0]["message"]
    assert shelf[0].got == []


def test_forms_are_no_requests_unless_uploads_are_switched_on(gateway: Running) -> None:
    answer = send(gateway, "{__typename}", {}, {})

    assert answer.status_code == 415
