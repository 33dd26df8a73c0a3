"""The short way from the socket to GraphQL:
from outside nobody can tell which way a request took."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.app import create
from gateway.settings import Limits, Settings
from tests.gateway.serving.conftest import House, Running, Start
from tests.support.serve import served

QUERY = json.dumps({"query": "{products(first:1){name}}"}).encode()
TABLE = {"products": [{"name": "Table"}]}


class Line:
    """One connection, spoken by hand."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.file = sock.makefile("rb")

    def send(self, *pieces: bytes) -> None:
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.05)  # so that it arrives for itself
            self.socket.sendall(piece)

    def read(self) -> tuple[int, dict[str, str], bytes]:
        """One answer, framed by its length."""
        status = int(self.file.readline().split()[1])
        headers: dict[str, str] = {}
        while (line := self.file.readline().decode().strip()) != "":
            name, _, value = line.partition(": ")
            headers[name] = value
        return status, headers, self.file.read(int(headers.get("content-length", "0")))

    def ended(self) -> bool:
        """Whether the other side hung up and said nothing more."""
        return self.file.read() == b""


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as sock:
        yield Line(sock)


def post(body: bytes = QUERY, path: str = "/graphql", version: str = "1.1", **more: str) -> bytes:
    headers = {"host": "shop", "content-type": "application/json", "content-length": len(body)}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/{version}\r\n{lines}\r\n".encode() + body


def data(body: bytes) -> Any:
    return json.loads(body)["data"]


def test_answers_like_any_asgi_server(gateway: Running, house: House) -> None:
    app = create(Settings(supergraph=house.supergraph.sdl, trace_url="http://t/{trace_id}"))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    found = []
    with served(app) as plain:
        for url in (gateway.url, plain):
            with line_to(url) as line:
                line.send(post(traceparent=parent, accept="application/json"))
                found.append(line.read())

    (status, headers, body), (plain_status, plain_headers, plain_body) = found
    assert (status, data(body)) == (plain_status, data(plain_body)) == (200, TABLE)
    for each in (headers, plain_headers):
        for changing in ("date", "server", "content-length"):
            each.pop(changing, None)
    assert headers == plain_headers
    assert headers["traceparent"] == parent


@pytest.mark.parametrize("cut", [10, 60, len(post()) - len(QUERY), len(post()) - 3])
def test_a_request_may_come_in_pieces(gateway: Running, cut: int) -> None:
    with line_to(gateway.url) as line:
        line.send(post()[:cut], post()[cut:])
        first = line.read()
        line.send(post())
        second = line.read()

    assert data(first[2]) == data(second[2]) == TABLE


def test_a_body_may_be_chunked(gateway: Running) -> None:
    head = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(QUERY), QUERY)

    with line_to(gateway.url) as line:
        line.send(head + chunks)
        at_once = line.read()
        line.send(head, chunks[:20], chunks[20:])
        in_pieces = line.read()

    assert data(at_once[2]) == data(in_pieces[2]) == TABLE


def test_requests_behind_each_other_are_answered_in_order(gateway: Running) -> None:
    queries = ["{products(first:1){name}}", "{__typename}", "{products(first:1){upc}}"]
    bodies = [json.dumps({"query": query}).encode() for query in queries]

    with line_to(gateway.url) as line:
        line.send(b"".join(post(body) for body in bodies))
        answers = [data(line.read()[2]) for _ in bodies]

    assert answers == [TABLE, {"__typename": "Query"}, {"products": [{"upc": "p1"}]}]


@pytest.mark.parametrize(
    "request_",
    [post(connection="close"), post(version="1.0"), post(connection="close", accept="text/html")],
)
def test_hangs_up_when_asked_to(gateway: Running, request_: bytes) -> None:
    with line_to(gateway.url) as line:
        line.send(request_)
        status, headers, body = line.read()

        assert line.ended()

    assert status in (200, 406)
    assert headers["connection"] == "close"
    assert body


def test_waits_to_be_told_to_go_on(gateway: Running) -> None:
    head, body = post(expect="100-continue").split(b"\r\n\r\n")

    with line_to(gateway.url) as line:
        line.send(head + b"\r\n\r\n")
        told = line.file.readline(), line.file.readline()
        line.send(body)
        answer = line.read()

    assert told == (b"HTTP/1.1 100 Continue\r\n", b"\r\n")
    assert data(answer[2]) == TABLE


@pytest.mark.parametrize("junk", [b"nonsense\r\n\r\n", post().replace(b"length: ", b"length: x")])
def test_what_is_no_http_is_refused(gateway: Running, junk: bytes) -> None:
    with line_to(gateway.url) as line:
        line.send(junk)
        status, *_ = line.read()

        assert status == 400
        assert line.ended()


def test_a_chunk_that_is_none_ends_the_connection(gateway: Running) -> None:
    head = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"

    with line_to(gateway.url) as line:
        line.send(head + b"5\r\nabc?!zz\r\n")
        status, *_ = line.read()

        assert status == 400
        assert line.ended()


def test_other_paths_and_media_go_the_long_way(gateway: Running) -> None:
    with line_to(gateway.url) as line:
        line.send(post(path="/graphql?a=b"))
        with_query = line.read()
        line.send(post(path="/nowhere"))
        nowhere = line.read()
        line.send(post(content_type="text/plain"))
        plain = line.read()
        line.send(post())
        after = line.read()

    assert (with_query[0], nowhere[0], plain[0], after[0]) == (200, 404, 415, 200)


def test_a_body_over_the_limit_is_refused_on_both_ways(start: Start, house: House) -> None:
    large = json.dumps({"query": "{__typename}", "more": "x" * 3000}).encode()

    with start(limits=Limits(body_bytes=2000)) as gateway, line_to(gateway.url) as line:
        line.send(post(large))
        whole = line.read()
        line.send(post(large)[:1000], post(large)[1000:])
        in_pieces = line.read()

    assert whole[0] == in_pieces[0] == 413


def test_a_large_answer_comes_whole(start: Start, house: House) -> None:
    aliases = " ".join(
        f"a{number}: __schema {{types{{name fields{{name}}}}}}" for number in range(60)
    )
    body = json.dumps({"query": f"{{{aliases}}}"}).encode()

    with start() as gateway, line_to(gateway.url) as line:
        line.send(post(body))
        _, headers, answer = line.read()
        line.send(post())
        after = line.read()

    assert int(headers["content-length"]) == len(answer) > 65_536
    assert len(data(answer)) == 60
    assert data(after[2]) == TABLE


def test_a_client_that_leaves_while_it_is_served_harms_nobody(
    gateway: Running, house: House
) -> None:
    house.products.mood = "slow"
    with line_to(gateway.url) as line:
        line.send(post())
        time.sleep(0.2)
    house.products.mood = "well"

    assert gateway.ask("{products(first:1){name}}") == {"data": TABLE}


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(gateway: Running) -> None:
    with line_to(gateway.url) as line:
        for _ in range(2):
            line.send(post())
            assert line.read()[0] == 200
            time.sleep(3)  # less than uvicorn waits, together more
        began = time.monotonic()

        assert line.ended()

    assert time.monotonic() - began < 20
