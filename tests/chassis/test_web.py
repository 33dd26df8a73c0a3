"""A service answers GraphQL over HTTP, masks what is its own mistake, and says when it is ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import pytest
import redis
import requests
import strawberry
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization, OKPKey
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from chassis.api.problems import UserError, answers
from chassis.api.rights import open_to_all, right
from chassis.api.schema import build
from chassis.authentication.actor_context import HEADER, sign
from chassis.authentication.tokens import ALGORITHMS
from chassis.db import driver_url
from chassis.errors import BadInput
from chassis.migrate import chassis_tables
from chassis.policy import feed
from chassis.policy.rules import Member, Rule, Snapshot
from chassis.settings import Settings
from chassis.web import Runtime, Service, application
from tests.support.serve import served
from tests.support.waiting import PATIENCE, stretched

ME = UUID(int=1)
KEY = OKPKey.generate_key("Ed25519", {"kid": "k"})

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


@strawberry.type
class Thing:
    name: str


@strawberry.federation.type(keys=["id"])
class Entity:
    id: strawberry.ID

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Entity:
        return cls(id=id)


@strawberry.federation.type(keys=["id"])
class Stub:
    id: strawberry.ID


@strawberry.type
class ThingPayload:
    thing: Thing | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class Query:
    @strawberry.field(metadata=right("Thing"))
    def thing(self) -> Thing:
        return Thing(name="a")

    @strawberry.field(metadata=right("Secret"))
    def secret(self) -> Thing:
        return Thing(name="never")

    @strawberry.field
    def me(self, info: strawberry.Info) -> str:
        return str(info.context.actor.user_id)

    @strawberry.field(metadata=open_to_all())
    def hello(self) -> Thing:
        return Thing(name="hello")

    @strawberry.field(metadata=open_to_all())
    def broken(self) -> Thing:
        raise RuntimeError("a password is in here")

    @strawberry.field(metadata=open_to_all())
    async def severed(self, info: strawberry.Info) -> Thing:
        def cut(session: Session) -> None:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        await info.context.read(cut)
        return Thing(name="never")


@strawberry.type
class Mutation:
    @strawberry.mutation(metadata=right("Thing"))
    @answers(ThingPayload)
    async def make(self, info: strawberry.Info, name: str) -> ThingPayload:
        raise BadInput("name is taken; choose another.", "名称已存在。", field="input.name")


async def keys(_: Runtime) -> KeySetSerialization:
    return KeySet([KEY]).as_dict(private=False)


@dataclass
class Client:
    url: str
    store: Any

    def ask(
        self, query: str, *, token: str | None = None, language: str = "en", **body: Any
    ) -> Any:
        headers = {"accept-language": language}
        if token:
            headers["authorization"] = f"Bearer {token}"
        sent = {"query": query} | body
        return requests.post(f"{self.url}/graphql", json=sent, headers=headers, timeout=10).json()

    def publish(self, *rules: Rule, version: int = 1) -> None:
        policy = Snapshot(version, rules, {}, {ME: Member(None, ("sales",))})
        self.store.set(feed.SNAPSHOT, policy.to_json())
        self.store.set(feed.VERSION, version)
        self.store.publish(feed.CHANNEL, str(version))


@pytest.fixture
def actor_secret() -> str | None:
    """None: requests need no signature."""
    return None


@pytest.fixture
def client(
    database: Callable[..., str], empty_redis: str, actor_secret: str | None
) -> Iterator[Client]:
    url = database()
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        chassis_tables(type("Op", (), {"get_bind": staticmethod(lambda: connection)}))
    engine.dispose()
    settings = Settings(
        database_url=url,
        redis_url=empty_redis,
        issuer_url="http://unused",
        actor_secret=actor_secret,
    )
    service = Service(
        name="things",
        settings=settings,
        schema=build(query=Query, mutation=Mutation, types=(Entity, Stub)),
        keys=keys,
    )
    with served(application(service)) as base, redis.Redis.from_url(empty_redis) as store:
        yield Client(base, store)


def a_token() -> str:
    now = int(time.time())
    claims = {"iss": "huichi", "aud": "huichi", "sub": str(ME), "iat": now, "exp": now + 60}
    return jwt.encode({"alg": "EdDSA", "kid": "k"}, claims, KEY, algorithms=ALGORITHMS)


def wait_until(question: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """How long it took until the answer was yes."""
    started = time.monotonic()
    while not question():
        assert time.monotonic() - started < seconds, "it never happened"
        time.sleep(0.01)
    return time.monotonic() - started


def test_is_ready_once_it_has_a_policy(client: Client) -> None:
    before = requests.get(f"{client.url}/readyz", timeout=5)
    client.publish(Rule("role:sales", "Thing", "read"))
    wait_until(lambda: requests.get(f"{client.url}/readyz", timeout=5).status_code == 200)

    assert before.status_code == 503
    assert before.json() == {"ready": False, "policy": None, "database": True, "redis": True}
    assert requests.get(f"{client.url}/livez", timeout=5).status_code == 200


def test_answers_nobody_but_what_is_open(client: Client) -> None:
    assert client.ask("{ hello { name } }") == {"data": {"hello": {"name": "hello"}}}
    assert client.ask("{ me }")["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    refused = client.ask("{ hello { name } me }")
    assert refused["data"] is None


def test_follows_a_published_policy_within_a_second(client: Client) -> None:
    token = a_token()
    client.publish(Rule("role:sales", "Thing", "read"))
    wait_until(lambda: "errors" not in client.ask("{ thing { name } }", token=token))

    client.publish(version=2)
    took = wait_until(lambda: "errors" in client.ask("{ thing { name } }", token=token))

    answer = client.ask("{ thing { name } }", token=token)
    assert took < stretched(1)
    assert answer["errors"][0]["extensions"] == {
        "code": "FORBIDDEN",
        "coordinate": "Query.thing",
        "object": "Thing",
        "action": "read",
    }


def test_refuses_the_whole_operation_for_one_missing_right(client: Client) -> None:
    token = a_token()
    client.publish(Rule("role:sales", "Thing", "read"))
    wait_until(lambda: "errors" not in client.ask("{ thing { name } }", token=token))

    answer = client.ask(
        "{ thing { name } ...f } fragment f on Query { secret { name } }", token=token
    )

    assert answer["data"] is None
    assert "Query.secret" in answer["errors"][0]["message"]


def test_masks_its_own_mistakes(client: Client) -> None:
    answer = client.ask("{ broken { name } }", language="zh-CN")

    assert answer["errors"][0]["message"] == "系统内部出错。反馈问题时请附上追踪编号。"
    assert answer["errors"][0]["extensions"] == {"code": "INTERNAL"}
    assert "password" not in str(answer)


def test_tells_a_store_that_is_away_from_its_own_mistakes(client: Client) -> None:
    answer = client.ask("{ severed { name } }")

    assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
    assert client.ask("{ hello { name } }") == {"data": {"hello": {"name": "hello"}}}


def test_gives_expected_refusals_as_part_of_the_answer(client: Client) -> None:
    client.publish(Rule("role:sales", "Thing", "read"))
    query = 'mutation { make(name: "a") { thing { name } errors { code message path } } }'
    token = a_token()
    wait_until(lambda: client.ask(query, token=token)["data"] is not None)

    answer = client.ask(query, token=token, language="zh")

    assert answer["data"]["make"] == {
        "thing": None,
        "errors": [{"code": "BAD_INPUT", "message": "名称已存在。", "path": ["input", "name"]}],
    }


@pytest.mark.parametrize(
    ("body", "content_type", "status", "field"),
    [
        (b"{", "application/json", 400, "body"),
        (b"[]", "application/json", 400, "query"),
        (b'{"query": 1}', "application/json", 400, "query"),
        (b'{"query": "{me}", "variables": []}', "application/json", 400, "variables"),
        (b'{"query": "{me}"}', "text/plain", 400, "content-type"),
    ],
)
def test_names_what_is_wrong_with_a_request(
    client: Client, body: bytes, content_type: str, status: int, field: str
) -> None:
    answer = requests.post(
        f"{client.url}/graphql", data=body, headers={"content-type": content_type}, timeout=5
    )

    assert answer.status_code == status
    assert answer.json()["errors"][0]["extensions"]["field"] == field


def test_refuses_a_body_that_is_too_large(client: Client) -> None:
    answer = requests.post(
        f"{client.url}/graphql",
        data=b" " * (8 * 1024 * 1024 + 1),
        headers={"content-type": "application/json"},
        timeout=10,
    )

    assert answer.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


def test_serves_no_mutation_by_get(client: Client) -> None:
    answer = requests.get(
        f"{client.url}/graphql",
        params={"query": 'mutation{make(name:"a"){thing{name}}}'},
        timeout=5,
    ).json()

    assert answer["errors"][0]["extensions"]["code"] == "BAD_INPUT"


@pytest.mark.parametrize(
    ("representation", "needed"),
    [
        ("x", "a __typename, one of Entity"),
        ({"id": "1"}, "a __typename, one of Entity"),
        ({"__typename": "Nope", "id": "1"}, "a __typename, one of Entity"),
        ({"__typename": "Stub", "id": "1"}, "a __typename, one of Entity"),
        ({"__typename": "Entity"}, "id"),
    ],
)
def test_says_what_a_representation_lacks(client: Client, representation: Any, needed: str) -> None:
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Entity { id } } }"
    good = {"__typename": "Entity", "id": "1", "unasked": True}

    answer = client.ask(query, token=a_token(), variables={"r": [representation]})

    assert answer["errors"][0]["extensions"]["code"] == "BAD_INPUT"
    assert answer["errors"][0]["message"] == f"representations[0] must be an object with {needed}."
    whole = client.ask(query, token=a_token(), variables={"r": [good]})
    assert whole == {"data": {"_entities": [{"id": "1"}]}}


ENTITIES = '{ _entities(representations: [{ __typename: "Entity", id: "1" }]) { __typename } }'
SECRET = "a secret of this house, long enough"


@pytest.mark.parametrize("actor_secret", [SECRET])
@pytest.mark.parametrize("query", ["{ hello { name } }", "{ thing { name } }", ENTITIES])
def test_answers_only_what_the_gateway_signed_where_the_setting_asks_for_it(
    client: Client, query: str
) -> None:
    client.publish(Rule("role:sales", "Thing", "read"))
    wait_until(lambda: requests.get(f"{client.url}/readyz", timeout=5).status_code == 200)
    authorization = f"Bearer {a_token()}"
    body = orjson.dumps({"query": query})

    def asked(audience: str | None, signed: bytes = body) -> Any:
        headers = {"authorization": authorization, "content-type": "application/json"}
        if audience:
            headers[HEADER] = sign(
                SECRET,
                issuer="gateway",
                audience=audience,
                body=signed,
                authorization=authorization,
            )
        return requests.post(f"{client.url}/graphql", data=body, headers=headers, timeout=10).json()

    refused = [asked(None), asked("others"), asked("things", b"{}")]

    assert [answer["errors"][0]["extensions"]["code"] for answer in refused] == ["FORBIDDEN"] * 3
    assert not any("data" in answer for answer in refused)
    assert asked("things")["data"]
    got = requests.get(f"{client.url}/graphql", params={"query": query}, timeout=10).json()
    assert got["errors"][0]["extensions"]["code"] == "FORBIDDEN"
