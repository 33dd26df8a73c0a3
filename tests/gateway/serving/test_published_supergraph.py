"""A supergraph published in Valkey: a pointer moves, every gateway follows,
and going back is pointing back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
import redis

from gateway.app import main
from gateway.errors import BadSettings, BadSupergraph
from gateway.serving.published_supergraph import PublishedSupergraph
from gateway.serving.state import read_supergraph
from tests.gateway.serving.conftest import House, Running, Start

PATIENCE = 20


def until(question: object, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not question():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def has(gateway: Running, field: str) -> bool:
    found = gateway.ask('{ __type(name: "Product") { fields { name } } }')
    return field in {each["name"] for each in found["data"]["__type"]["fields"]}


@pytest.fixture
def pointer(empty_redis: str) -> str:
    return f"{empty_redis}?pointer=shop"


@contextmanager
def asked_all_the_time(gateway: Running) -> Iterator[list[object]]:
    """Somebody keeps asking; whatever is not the right answer is in the list."""
    wrong: list[object] = []
    done = Event()

    def ask() -> None:
        while not done.is_set():
            found = gateway.ask("{products{name owner{name}}}")
            if found.get("errors") or len(found["data"]["products"]) != 3:
                wrong.append(found)

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_gateways_follow_the_pointer_while_they_are_asked(
    start: Start, house: House, pointer: str
) -> None:
    sdl = house.supergraph.sdl
    newer = sdl.replace("  price: Int", "  cost: Int")
    published = PublishedSupergraph(pointer)
    first = published.publish(sdl)
    with (
        start(supergraph=pointer, reload_seconds=0.05) as gateway,
        asked_all_the_time(gateway) as wrong,
    ):
        assert has(gateway, "price")
        for _ in range(3):
            second = published.publish(newer)
            until(lambda: has(gateway, "cost"))
            assert published.publish(sdl) == first
            until(lambda: has(gateway, "price"))

    assert first != second
    assert wrong == []


def test_a_bad_version_or_a_lost_store_changes_nothing(
    start: Start, house: House, pointer: str, empty_redis: str
) -> None:
    published = PublishedSupergraph(pointer)
    published.publish(house.supergraph.sdl)
    with start(supergraph=pointer, reload_seconds=0.05) as gateway:
        published.publish("type Query { nothing: Int }")
        until(lambda: 'outcome="refused"' in gateway.get("/metrics").text)
        assert has(gateway, "price")
        with redis.Redis.from_url(empty_redis) as client:
            client.flushdb()
        time.sleep(0.3)
        assert has(gateway, "price")
        with redis.Redis.from_url(empty_redis) as client:
            client.set("shop", "shop:late")  # pointed at before it is written: looked for again
            time.sleep(0.3)
            client.set("shop:late", house.supergraph.sdl.replace("  price: Int", "  cost: Int"))
        until(lambda: has(gateway, "cost"))


def test_composing_publishes(
    pointer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.graphql"
    file.write_text("type Query { a: Int }")
    with pytest.raises(SystemExit) as ended:
        main(["compose", "--subgraph", f"a={file}@http://a/graphql", "--output", pointer])
    assert ended.value.code == 0
    before = read_supergraph(pointer)
    assert "a: Int" in before
    assert "published as shop:" in capsys.readouterr().err

    file.write_text("type Query { a: Nothing }")
    with pytest.raises(SystemExit) as ended:
        main(["compose", "--subgraph", f"a={file}@http://a/graphql", "--output", pointer])
    assert ended.value.code == 1
    assert read_supergraph(pointer) == before


def test_says_what_is_missing_and_keeps_the_password(pointer: str) -> None:
    with pytest.raises(BadSupergraph, match="nothing is published"):
        PublishedSupergraph(pointer).read()
    with pytest.raises(BadSettings, match="which key"):
        PublishedSupergraph("redis://localhost:6379/0")
    with pytest.raises(BadSupergraph) as error:
        PublishedSupergraph("redis://:secret@127.0.0.1:1/0?pointer=shop").read()
    assert "secret" not in str(error.value)
    assert PublishedSupergraph("redis://:secret@127.0.0.1:1/0?pointer=shop").version() is None


def test_what_is_replaced_is_kept_for_a_month(pointer: str, empty_redis: str) -> None:
    published = PublishedSupergraph(pointer)
    old, new = published.publish("one"), published.publish("two")

    with redis.Redis.from_url(empty_redis) as client:
        assert client.ttl(old) > 86_400
        assert client.ttl(new) == -1
        published.publish("one")
        assert client.ttl(old) == -1, "what is pointed at again is kept again"
