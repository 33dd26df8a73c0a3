"""Files by the multipart request specification, through to a real subgraph that reads them."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.protection import Protection, Signature, Uploads
from gateway.serving.requests.multipart_form import MultipartForm, UploadedFile, UploadStore
from tests.gateway.graphs import a_supergraph
from tests.gateway.serving.conftest import Running, Start
from tests.support.serve import served
from tests.support.servers import free_port

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


@dataclass
class Part:
    """One part of a form, as a server reads it."""

    name: str
    content_type: str
    content: bytes


def parts_of(body: bytes, content_type: str) -> dict[str, Part]:
    """Read a form by the book: with Python's own parser of MIME."""
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    found = {}
    for part in message_from_bytes(head + body, policy=HTTP).walk():
        name = part.get_param("name", header="content-disposition")
        if name:
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            found[str(name)] = Part(part.get_filename() or "", part.get_content_type(), content)
    return found


class Shelf:
    """A subgraph that reads multipart requests and remembers what it got."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.signed = ""
        self.digest = b""

    async def take(self, request: Request) -> Response:
        self.signed = request.headers.get("x-actor-context", "")
        self.digest = hashlib.sha256(await request.body()).digest()
        parts = parts_of(await request.body(), request.headers["content-type"])
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


def test_an_event_stream_takes_files_too(uploading: Running, shelf: tuple[Shelf, str]) -> None:
    headers = {**PREFLIGHT, "accept": "text/event-stream"}
    answer = send(uploading, KEEP, FORM, {"a": ["variables.f"]}, headers, a=("a", b"A"))
    look = "query($f: Upload){ look(file: $f) }"
    refusal = send(uploading, look, FORM, {"a": ["variables.f"]}, headers, a=("a", b"A"))

    assert '"data":{"keep":"kept"}' in answer.text
    ((variables, _, parts),) = shelf[0].got
    assert (variables, parts["0"].content) == ({"f": None}, b"A")
    assert "with a mutation" in refusal.text


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


def test_what_is_signed_is_signed_with_its_files(
    start: Start, shelf: tuple[Shelf, str], tmp_path: Path
) -> None:
    shelf[0].got.clear()
    secret = tmp_path / "secret"
    secret.write_text("s" * 40)
    protection = Protection(uploads=Uploads(), signature=Signature(file=secret))
    with start(supergraph=shelf[1], protection=protection) as gateway:
        send(gateway, KEEP, {"f": None}, {"a": ["variables.f"]}, a=("a", b"A" * 100_000))

    claims = shelf[0].signed.split(".")[1]
    said = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert urlsafe_b64decode(said["body"] + "=") == shelf[0].digest


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


# --------------------------------------------------------------------------------- large files

MEGABYTES = 150


@dataclass
class Scales:
    """A subgraph that weighs what it is sent without keeping it, and takes its time."""

    size: int = 0

    async def take(self, request: Request) -> Response:
        self.size = 0
        async for chunk in request.stream():
            self.size += len(chunk)
        return JSONResponse({"data": {"keep": "kept"}})


def a_large_form(head: bytes, content: bytes, count: int) -> Iterator[bytes]:
    yield head
    for _ in range(count):
        yield content
    yield b"\r\n--x--\r\n"


@contextmanager
def a_gateway_process(sdl: str, folder: Path) -> Iterator[tuple[str, int]]:
    """A gateway of its own, so that its memory can be seen; its address and process id."""
    (folder / "supergraph.graphql").write_text(sdl)
    (folder / "gateway.toml").write_text("[protection]\nuploads = { bytes = 400000000 }\n")
    port = free_port()
    command = [
        *(sys.executable, "-m", "gateway.app", "serve", "--port", str(port)),
        *("--supergraph", str(folder / "supergraph.graphql")),
        *("--config", str(folder / "gateway.toml")),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < until
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(30)


def peak_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no peak")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_file_is_never_in_memory(tmp_path: Path) -> None:
    scales = Scales()
    with served(Starlette(routes=[Route("/graphql", scales.take, methods=["POST"])])) as url:
        sdl = a_supergraph(files=FILES, other=OTHER).sdl.replace("http://files.test", url)
        with a_gateway_process(sdl, tmp_path) as (address, pid):
            before = peak_megabytes(pid)
            operations = json.dumps({"query": KEEP, "variables": {"f": None}}).encode()
            head = (
                b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n%b\r\n'
                b'--x\r\nContent-Disposition: form-data; name="map"\r\n\r\n'
                b'{"0":["variables.f"]}\r\n'
                b'--x\r\nContent-Disposition: form-data; name="0"; filename="large"\r\n\r\n'
            ) % operations
            answer = requests.post(
                f"{address}/graphql",
                data=a_large_form(head, bytes(range(256)) * 4096, MEGABYTES),
                headers={"content-type": "multipart/form-data; boundary=x", **PREFLIGHT},
                timeout=300,
            )
            grown = peak_megabytes(pid) - before

    assert answer.json()["data"] == {"keep": "kept"}
    assert 0 < scales.size - MEGABYTES * 1_048_576 < 1000, "the file and its envelope"
    assert grown < MEGABYTES / 3


async def test_pieces_may_end_anywhere() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="0"; filename="f"\r\n\r\n'
        b"a\r\n--\r\n--c\r\n-\r\n--b--\r\n"
    )
    for size in range(1, len(body)):
        form = MultipartForm(b"b", 100, 1)
        for start in range(0, len(body), size):
            await form.feed(body[start : start + size])
        form.check_complete()

        assert form.texts == {"operations": b"{}", "map": b"{}"}
        assert b"".join(form.store.read(form.files["0"])) == b"a\r\n--\r\n--c\r\n-"


async def test_files_beyond_what_fits_in_memory_are_on_the_disk_and_leave_it() -> None:
    store = UploadStore()
    for _ in range(3):
        await store.add(b"x" * 500_000)
    file = UploadedFile("f", "text/plain", 500_000, 900_000)

    assert store._file._rolled  # type: ignore[attr-defined]  # what the name of the test says
    assert sum(len(piece) for piece in store.read(file)) == 900_000
    kept = store._file
    del store
    assert kept.closed


def test_forms_are_no_requests_unless_uploads_are_switched_on(gateway: Running) -> None:
    answer = send(gateway, "{__typename}", {}, {})

    assert answer.status_code == 415
