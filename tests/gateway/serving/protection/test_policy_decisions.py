"""`@policy` decided by somebody else: asked once a request, before anything is fetched,
and whatever goes wrong is a no."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.configuration import read_configuration
from gateway.errors import BadSettings
from gateway.protection import Policies, Protection
from gateway.serving.protection.policy_decisions import PolicyQuestion
from gateway.settings import Settings
from tests.gateway.graphs import a_supergraph
from tests.gateway.serving.conftest import House, Running, Start
from tests.gateway.serving.issuing import Identity, an_issuer, checks
from tests.gateway.serving.subscribing import auction_house
from tests.support.serve import served

GUARDED = """
    type Query {
        open: String @shareable
        user(id: ID!): User
        headers(names: [String!]!): [String] @policy(policies: [["look"], ["inspect", "log"]])
    }
    type User @key(fields: "id") { id: ID! name: String @policy(policies: [["names"]]) }
"""
LOOK = '{ headers(names: ["x"]) }'


@dataclass
class Judge:
    """A decision endpoint that says what a test wants it to."""

    url: str = ""
    holds: dict[str, Any] = field(default_factory=dict)
    answer: Response | None = None
    pause: float = 0
    asked: list[Any] = field(default_factory=list)

    async def decide(self, request: Request) -> Response:
        self.asked.append((await request.json(), dict(request.headers)))
        await asyncio.sleep(self.pause)
        return self.answer or JSONResponse({"policies": self.holds})


@pytest.fixture
def judge() -> Iterator[Judge]:
    found = Judge()
    with served(Starlette(routes=[Route("/decide", found.decide, methods=["POST"])])) as url:
        found.url = f"{url}/decide"
        yield found


@pytest.fixture(scope="module")
def identity() -> Iterator[Identity]:
    with an_issuer() as issuer:
        yield issuer


@contextmanager
def judged(start: Start, house: House, policies: Policies, **more: Any) -> Iterator[Running]:
    sdl = a_supergraph(accounts=GUARDED).sdl
    sdl = sdl.replace("http://accounts.test/graphql", house.urls["accounts"])
    with start(supergraph=sdl, protection=Protection(policies=policies, **more)) as gateway:
        yield gateway


def test_one_question_a_request_decides_what_is_fetched(
    start: Start, house: House, judge: Judge, identity: Identity
) -> None:
    judge.holds = {"look": True, "names": False}
    token = identity.token(scope="a", policies=["names"])
    query = 'query Mine { user(id: "u1") { name id } again: user(id: "u2") { name } ' + LOOK[2:]
    policies = Policies(url=judge.url)
    with judged(start, house, policies, authentication=checks(identity)) as gateway:
        answer = gateway.ask(query, authorization=f"Bearer {token}")

    ((question, headers),) = judge.asked
    assert question["policies"] == ["inspect", "log", "look", "names"]
    assert (question["subject"], question["operation"]) == ("u1", {"name": "Mine", "kind": "query"})
    assert question["claims"]["scope"] == "a"
    assert headers["authorization"] == f"Bearer {token}"
    assert answer["data"] == {
        "user": {"name": None, "id": "u1"},
        "again": {"name": None},
        "headers": [None],
    }
    assert [error["extensions"]["coordinate"] for error in answer["errors"]] == ["User.name"] * 2


def test_all_words_of_one_way_must_hold(start: Start, house: House, judge: Judge) -> None:
    with judged(start, house, Policies(url=judge.url)) as gateway:
        judge.holds = {"inspect": True}
        half = gateway.ask(LOOK)
        before = house.accounts.requests
        judge.holds = {"inspect": True, "log": True}
        whole = gateway.ask(LOOK)

    assert (half["data"], before) == ({"headers": None}, 0)
    assert half["errors"][0]["extensions"]["code"] == "UNAUTHORIZED_FIELD_OR_TYPE"
    assert whole == {"data": {"headers": [None]}}, "policies may hold for somebody without a token"


def test_is_asked_only_where_a_policy_is_demanded(start: Start, house: House, judge: Judge) -> None:
    with judged(start, house, Policies(url=judge.url)) as gateway:
        answer = gateway.ask('{ user(id: "u1") { id } }')

    assert answer["data"] == {"user": {"id": "u1"}}
    assert judge.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Response(status_code=500),
        Response(status_code=302, headers={"location": "/elsewhere"}),
        PlainTextResponse("yes"),
        JSONResponse(["look"]),
        JSONResponse({"look": True}),
        JSONResponse({"policies": ["look"]}),
        JSONResponse({"policies": {"look": "true", "inspect": 1, "log": {}}}),
        JSONResponse({"policies": {"look": True}}, status_code=403),
    ],
    ids=lambda answer: f"{answer.status_code} {bytes(answer.body).decode()}",
)
def test_what_is_not_plainly_a_yes_is_a_no(
    start: Start, house: House, judge: Judge, answer: Response
) -> None:
    judge.answer = answer
    with judged(start, house, Policies(url=judge.url)) as gateway:
        found = gateway.ask(LOOK)

    assert found["data"] == {"headers": None}
    assert house.accounts.requests == 0
    assert len(judge.asked) == 1


def test_no_answer_in_time_is_a_no(start: Start, house: House, judge: Judge) -> None:
    judge.holds, judge.pause = {"look": True}, 5
    with judged(start, house, Policies(url=judge.url, seconds=0.2)) as gateway:
        slow = gateway.ask(LOOK)
    with judged(start, house, Policies(url="http://127.0.0.1:1/decide")) as gateway:
        nobody = gateway.ask(LOOK)
        numbers = gateway.get("/metrics").text

    assert slow["data"] == nobody["data"] == {"headers": None}
    assert house.accounts.requests == 0
    assert 'gateway_policy_decisions_total{outcome="failed"} 1' in numbers


ASKED: list[PolicyQuestion] = []


async def by_subject(question: PolicyQuestion) -> Iterable[str]:
    """A hook in Python."""
    ASKED.append(question)
    if question.subject is None:
        raise PermissionError("who are you?")
    return {"look", "something nobody asked about"}


def test_a_python_function_may_decide(start: Start, house: House, identity: Identity) -> None:
    ASKED.clear()
    policies = Policies(hook=f"{__name__}:by_subject")
    with judged(start, house, policies, authentication=checks(identity)) as gateway:
        somebody = gateway.ask(LOOK, authorization=f"Bearer {identity.token()}")
        nobody = gateway.ask(LOOK)

    assert somebody == {"data": {"headers": [None]}}
    assert nobody["data"] == {"headers": None}
    assert [question.subject for question in ASKED] == ["u1", None]


@pytest.mark.parametrize(
    "policies",
    [Policies(), Policies(url="http://x", hook="a:b"), Policies(hook="nowhere:decide")],
    ids=str,
)
def test_settings_that_decide_nothing_stop_the_start(policies: Policies) -> None:
    from gateway.app import create

    sdl = a_supergraph(accounts=GUARDED).sdl
    with pytest.raises(BadSettings):
        create(Settings(supergraph=sdl, protection=Protection(policies=policies)))


def test_is_configured_by_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[protection]\npolicies = { url = "http://opa/decide", seconds = 1 }\n')

    assert read_configuration(file)["protection"].policies == Policies(
        url="http://opa/decide", seconds=1.0
    )


async def test_a_subscription_ends_when_a_policy_no_longer_holds(judge: Judge) -> None:
    link = '@link(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)'
    judge.holds = {"names": True}
    with auction_house(
        edited=lambda sdl: sdl.replace("schema\n", f"schema\n  {link}\n", 1).replace(
            "  name: String!", '  name: String! @policy(policies: [["names"]])'
        ),
        protection=Protection(policies=Policies(url=judge.url, again_seconds=0.2)),
    ) as house:
        async with house.connected() as client:
            await client.subscribe(
                "subscription { bids(count: 1000, pause: 0.05) { bidder { name } } }"
            )
            while len(judge.asked) < 3:
                heard = await client.hear()
                assert heard["payload"] == {"data": {"bids": heard["payload"]["data"]["bids"]}}
                assert heard["payload"]["data"]["bids"]["bidder"]["name"] in ("Ann", "Bo")
            judge.holds = {}
            *_, last = await client.all()

    assert last["type"] == "error"
    assert last["payload"][0]["extensions"]["code"] == "UNAUTHORIZED_FIELD_OR_TYPE"
