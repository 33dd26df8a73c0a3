"""All subgraphs of one operation are told one version."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest
import redis

from gateway.errors import BadSettings
from gateway.protection import Pin, Protection
from gateway.serving.protection.pinned_version import PinnedVersion
from tests.gateway.serving.conftest import House, Start

HEADER = "x-catalogue-version"
QUERY = "{ products { name owner { name } reviews { text } } }"


def told(house: House) -> set[str | None]:
    return {heard.get(HEADER) for part in house.all() for heard in part.heard}


def wait_for(question: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not question():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


@pytest.mark.parametrize("channel", ["catalogue", None])
def test_tells_every_subgraph_the_version_that_is_published(
    house: House, start: Start, empty_redis: str, channel: str | None
) -> None:
    pin = Pin(redis_url=empty_redis, key="catalogue:version", channel=channel, header=HEADER)
    with (
        redis.Redis.from_url(empty_redis) as store,
        start(protection=Protection(pin=pin), headers=(HEADER, "accept-language")) as gateway,
    ):

        def heard(**headers: str) -> set[str | None]:
            for part in house.all():
                part.heard = []
            assert "errors" not in gateway.ask(QUERY, None, **headers)
            assert sum(len(part.heard) for part in house.all()) > 1
            return told(house)

        def is_told(version: str) -> bool:
            return heard(x_catalogue_version="9") == {version}

        assert heard(x_catalogue_version="9") == {None}

        for version in ("41", "42"):
            store.set("catalogue:version", version)
            if channel:
                store.publish(channel, version)
            wait_for(partial(is_told, version))

        store.delete("catalogue:version")
        time.sleep(0.6)
        assert heard() == {"42"}


def test_needs_to_know_where_the_version_is() -> None:
    with pytest.raises(BadSettings, match="redis_url"):
        PinnedVersion(Pin(redis_url="", key="a", header="b"))
