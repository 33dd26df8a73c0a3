"""@defer over HTTP: parts as `multipart/mixed`, and the same data in the end as without it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from gateway.protection import Protection
from gateway.serving.streaming.multipart_response import NEW, OLD
from tests.gateway.serving import auction
from tests.gateway.serving.issuing import an_issuer, checks
from tests.gateway.serving.subscribing import AuctionHouse, auction_house

LATE = '{ bids { number ... @defer(label: "late") { bidder { biography } amount } } }'
NESTED = """
    { bids { bidder { name
      ... @defer(label: "a") { nickname ...F @defer(label: "b") } } } watchers }
    fragment F on Person { biography }
"""


@pytest.fixture(scope="module")
def house() -> Iterator[AuctionHouse]:
    with auction_house(trace_url="http://traces.example/{trace_id}") as running:
        yield running


def ask(house: AuctionHouse, query: str, accept: str, **body: Any) -> requests.Response:
    return requests.post(
        f"{house.url}/graphql",
        json={"query": query, **body},
        headers={"accept": accept},
        timeout=10,
        stream=True,
    )


def parts(response: requests.Response) -> list[dict[str, Any]]:
    """Every part, read as a client reads them."""
    assert response.headers["content-type"].startswith('multipart/mixed; boundary="-"')
    preamble, *found, end = response.content.decode().split("\r\n---")
    assert (preamble, end) == ("", "--\r\n")
    answers = [json.loads(text.split("\r\n\r\n", 1)[1]) for text in found]
    assert [answer["hasNext"] for answer in answers] == [True] * (len(answers) - 1) + [False]
    return answers


def assembled(answers: list[dict[str, Any]]) -> Any:
    """The data of all parts, put together as clients do; both dialects."""
    data = answers[0]["data"]
    paths = {}
    for answer in answers:
        paths.update({each["id"]: each["path"] for each in answer.get("pending", ())})
        for piece in answer.get("incremental", ()):
            into = data
            for step in piece["path"] if "path" in piece else paths[piece["id"]]:
                into = into[step]
            merge(into, piece["data"] or {})
    ended = [each["id"] for answer in answers for each in answer.get("completed", ())]
    assert sorted(ended) == sorted(paths)
    return data


def merge(into: Any, new: Any) -> None:
    for key, value in new.items() if isinstance(new, dict) else enumerate(new):
        if isinstance(value, dict | list) and (isinstance(into, list) or into.get(key)):
            merge(into[key], value)
        else:
            into[key] = value


@pytest.mark.parametrize("dialect", [OLD, NEW])
@pytest.mark.parametrize("query", [LATE, NESTED])
def test_pieces_make_the_answer_that_was_not_deferred(
    house: AuctionHouse, dialect: str, query: str
) -> None:
    plain = ask(house, query, "application/json").json()
    response = ask(house, query, f"multipart/mixed; {dialect}, application/json")
    answers = parts(response)

    assert dialect in response.headers["content-type"]
    assert len(answers) > 1
    assert assembled(answers) == plain["data"]
    assert not any("errors" in answer for answer in answers)


def test_the_first_part_does_not_wait(house: AuctionHouse) -> None:
    ask(house, LATE, "multipart/mixed").content  # noqa: B018  planned now
    response = ask(house, LATE, "multipart/mixed")
    chunks = response.iter_content(None)
    first = next(chunks)
    came = time.monotonic()
    rest = b"".join(chunks)

    assert b'"number":0' in first
    assert first.endswith(b"\r\n---"), "clients wait for the end of a part"
    assert time.monotonic() - came > 0.2, "the first part came when the others were there"
    assert b"was born" in rest


def test_the_old_dialect_names_paths(house: AuctionHouse) -> None:
    first, last = parts(ask(house, LATE, "multipart/mixed;deferSpec=20220824,application/json"))

    assert first["data"] == {"bids": [{"number": 0}, {"number": 1}]}
    assert set(first["extensions"]) == {"traceId", "traceUrl"}
    assert last["incremental"] == [
        {
            "path": ["bids", 0],
            "label": "late",
            "data": {"bidder": {"biography": "Ann was born."}, "amount": 100},
        },
        {
            "path": ["bids", 1],
            "label": "late",
            "data": {"bidder": {"biography": "Bo was born."}, "amount": 101},
        },
    ]


def test_the_new_dialect_announces(house: AuctionHouse) -> None:
    first, last = parts(ask(house, LATE, 'multipart/mixed; incrementalSpec="v0.2"'))

    assert first["pending"] == [
        {"id": "0", "path": ["bids", 0], "label": "late"},
        {"id": "1", "path": ["bids", 1], "label": "late"},
    ]
    assert [each["id"] for each in last["incremental"]] == ["0", "1"]
    assert last["completed"] == [{"id": "0"}, {"id": "1"}]


def test_errors_come_with_their_piece_and_null_stops_at_its_top(house: AuctionHouse) -> None:
    query = """{ bids(odd: "u9") { number
        ... @defer(label: "n") { bidder { name } } ... @defer(label: "m") { bidder { id } }
    } }"""
    first, *rest = parts(ask(house, query, "multipart/mixed"))
    pieces = {
        (piece["label"], piece["path"][1]): piece for each in rest for piece in each["incremental"]
    }

    assert first["data"] == {"bids": [{"number": 0}, {"number": 1}]}
    assert "errors" not in first
    assert pieces["n", 0]["data"] == {"bidder": {"name": "Ann"}}
    assert pieces["n", 1]["data"] is None
    assert pieces["m", 1]["data"] == {"bidder": {"id": "u9"}}
    paths = {key: [e["path"] for e in piece.get("errors", ())] for key, piece in pieces.items()}
    assert paths == {
        ("n", 0): [],
        ("m", 0): [],
        ("n", 1): [["bids", 1, "bidder", "name"]],
        ("m", 1): [],
    }


def test_a_piece_that_failed_is_completed_with_its_errors(house: AuctionHouse) -> None:
    query = '{ bids(odd: "u9") { number ... @defer { bidder { name } } } }'
    _, last = parts(ask(house, query, "multipart/mixed; incrementalSpec=v0.2"))

    assert [each["id"] for each in last["incremental"]] == ["0"]
    assert last["completed"][0] == {"id": "0"}
    assert last["completed"][1]["errors"][0]["path"] == ["bids", 1, "bidder", "name"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ watchers }", None),
        ("{ bids { ... @defer(if: false) { number } } }", None),
        ("query($l: Boolean!) { bids { ... @defer(if: $l) { number } } }", {"l": False}),
    ],
)
def test_what_is_not_deferred_comes_as_json(
    house: AuctionHouse, query: str, variables: dict[str, Any] | None
) -> None:
    accept = "multipart/mixed;deferSpec=20220824, application/graphql-response+json"
    response = ask(house, query, accept, variables=variables)

    assert response.headers["content-type"].startswith("application/graphql-response+json")
    assert "hasNext" not in response.json()


def test_a_variable_decides(house: AuctionHouse) -> None:
    query = "query($l: Boolean!) { bids { ... @defer(if: $l) { number } } }"
    answers = parts(ask(house, query, "multipart/mixed", variables={"l": True}))

    assert answers[0]["data"] == {"bids": [{}, {}]}
    assert assembled(answers) == {"bids": [{"number": 0}, {"number": 1}]}


def test_the_schema_knows_the_directive(house: AuctionHouse) -> None:
    answer = ask(house, "{ __schema { directives { name } } }", "application/json").json()
    assert {"name": "defer"} in answer["data"]["__schema"]["directives"]


def test_deferred_introspection_is_answered(house: AuctionHouse) -> None:
    query = "{ watchers ... @defer { __schema { queryType { name } } } }"
    answers = parts(ask(house, query, "multipart/mixed"))

    assert assembled(answers) == {"watchers": 0, "__schema": {"queryType": {"name": "Query"}}}


def test_may_not_be_used_where_nothing_can_wait(house: AuctionHouse) -> None:
    query = "mutation { ... @defer { bid(amount: 1) { amount } } }"
    answer = ask(house, query, "multipart/mixed, application/json").json()
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_shows_the_plan_to_who_asks(house: AuctionHouse) -> None:
    response = requests.post(
        f"{house.url}/graphql",
        json={"query": LATE},
        headers={"accept": "multipart/mixed", "x-include-plan": "1"},
        timeout=10,
    )
    assert "Deferred @0" in parts(response)[0]["extensions"]["queryPlan"]


def guarded(sdl: str) -> str:
    """Biographies are for those who signed in."""
    link = '@link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY)'
    linked = sdl.replace("schema\n", f"schema\n  {link}\n", 1)
    assert "  biography: String!" in sdl
    return linked.replace("  biography: String!", "  biography: String! @authenticated")


@pytest.mark.parametrize("dialect", [OLD, NEW])
def test_deferring_is_no_way_around_a_right(dialect: str) -> None:
    query = (
        "{ bids { number ... @defer { bidder { nickname ... @defer { biography } } } } watchers }"
    )
    accept = f"multipart/mixed; {dialect}, application/json"
    with an_issuer() as issuer:
        protection = Protection(authentication=checks(issuer))
        with auction_house(edited=guarded, protection=protection) as house:
            auction.READ.clear()
            nobody = ask(house, query, accept)
            nothing_read = not auction.READ
            somebody = requests.post(
                f"{house.url}/graphql",
                json={"query": query},
                headers={"accept": accept, "authorization": f"Bearer {issuer.token()}"},
                timeout=10,
            )

    answer = nobody.json()  # one whole answer, no parts: what is hidden was never planned
    assert nobody.headers["content-type"].startswith("application/json")
    assert nothing_read
    assert answer["data"] is None, "a biography may not be null, so null rises"
    assert {error["extensions"]["code"] for error in answer["errors"]} == {
        "UNAUTHORIZED_FIELD_OR_TYPE"
    }
    assert b"was born" not in nobody.content
    whole = assembled(parts(somebody))
    assert whole["bids"][0]["bidder"]["biography"] == "Ann was born."
