"""In production, what a subgraph said by accident stays in the house;
what it means for clients does not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.execution.transport import Answer
from gateway.protection import Protection
from gateway.serving.protection.error_masking import mask
from tests.gateway.serving import shop
from tests.gateway.serving.conftest import House, Start
from tests.gateway.serving.subscribing import auction_house

BROKEN = '{user(id:"u1"){name}}'


@pytest.fixture(autouse=True)
def one_is_broken() -> Any:
    shop.BROKEN.add("u1")
    yield
    shop.BROKEN.clear()


def test_an_exception_nobody_caught_loses_its_words_in_production(
    start: Start, house: House
) -> None:
    with start(production=True) as gateway:
        english = gateway.ask(BROKEN)["errors"]
        chinese = gateway.ask(BROKEN, accept_language="zh-CN")["errors"]
    with start() as gateway:
        shown = gateway.ask(BROKEN)["errors"]
    with start(production=True, protection=Protection(mask_errors=False)) as gateway:
        asked_for = gateway.ask(BROKEN)["errors"]

    assert english == [
        {
            "message": 'The subgraph "accounts" failed.',
            "path": ["user", "name"],
            "extensions": {"service": "accounts", "code": "SUBGRAPH_ERROR"},
        }
    ]
    assert chinese[0]["message"] == "子图“accounts”出错。"
    assert shown[0]["message"] == asked_for[0]["message"] == "u1 is broken"


def test_an_error_with_a_code_of_its_own_is_meant_for_the_client(
    start: Start, house: House
) -> None:
    house.reviews.mood = "refusing"
    with start(production=True) as gateway:
        (error,) = gateway.ask("{products(first:1){reviews{id}}}")["errors"]

    assert error["message"] == "Who are you?"
    assert error["extensions"] == {"code": "UNAUTHENTICATED", "service": "reviews"}


async def test_events_are_masked_too() -> None:
    with auction_house(production=True) as house, house.stream("subscription { broken }") as stream:
        text = stream.content.decode()

    assert "hammer" not in text
    assert "failed" in text


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ("text", True),
        ({"message": "m", "extensions": {"code": "NOT_FOUND", "id": 1}}, True),
        ({"message": "m"}, False),
        ({"message": "m", "extensions": {"code": "INTERNAL_SERVER_ERROR", "sql": "s"}}, False),
        ({"message": "m", "extensions": {"code": 5}}, False),
        ({"message": "m", "extensions": "text"}, False),
    ],
)
def test_doubt_is_masked(error: Any, kept: bool) -> None:
    answer: Answer = {"data": None, "errors": [error]}

    mask(answer, "a", chinese=False)

    assert (answer["errors"] == [error]) is kept
    assert kept or "sql" not in str(answer)
