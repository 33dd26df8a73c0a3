"""Asked through the gateway, three subgraphs answer like one schema that holds the same data."""

from typing import Any

import pytest
from graphql import build_client_schema, get_introspection_query

from gateway.settings import SubgraphLimits
from tests.gateway.serving import shop
from tests.gateway.serving.conftest import SUBGRAPH_SECONDS, House, Running
from tests.support.waiting import stretched

QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("{products{upc name price}}", {}),
    ("{products{owner{name}}}", {}),
    ("{products{name reviews{text author{name}}}}", {}),
    ("{reviews{id author{id name reviews{id}} product{name price owner{name}}}}", {}),
    ('{product(upc:"p9"){name reviews{id}}}', {}),
    ("query($upc:ID!){product(upc:$upc){upc:name reviews{upc:id}}}", {"upc": "p1"}),
    ("query($n:Int=2){products(first:$n){name}}", {}),
    ("query($n:Int=2){products(first:$n){name}}", {"n": 1}),
    (
        "query($y:Boolean!){products{name owner @include(if:$y){name} reviews @skip(if:$y){id}}}",
        {"y": True},
    ),
    (
        "query($y:Boolean!){products{name owner @include(if:$y){name} reviews @skip(if:$y){id}}}",
        {"y": False},
    ),
    ("{__typename products{__typename owner{__typename name}}}", {}),
    (
        (
            '{a:product(upc:"p1"){name} b:product(upc:"p2"){name owner{...who}}} '
            "fragment who on User{name reviews{text}}"
        ),
        {},
    ),
    ('{user(id:"u1"){name reviews{product{name reviews{author{name}}}}}}', {}),
    ('{__type(name:"Review"){name fields{name}} products{name}}', {}),
]


@pytest.mark.parametrize(("query", "variables"), QUERIES)
async def test_equals_the_answer_of_one_schema(
    gateway: Running, query: str, variables: dict[str, Any]
) -> None:
    answer = gateway.ask(query, variables)

    expected = await shop.monolith.execute(query, variable_values=variables)
    assert not expected.errors
    assert _sorted(answer) == _sorted({"data": expected.data})


def _sorted(answer: dict[str, Any]) -> dict[str, Any]:
    """Composition may order a type's fields in its own way."""
    kind = (answer["data"] or {}).get("__type")
    if kind:
        kind["fields"].sort(key=lambda field: field["name"])
    return answer


def test_keys_come_in_the_order_of_the_query(gateway: Running) -> None:
    text = gateway.post({"query": "{products{price owner{name} name reviews{id} upc}}"}).text

    first = text[: text.index("]")]
    assert [first.index(f'"{key}"') for key in ("price", "owner", "reviews")] == sorted(
        first.index(f'"{key}"') for key in ("price", "owner", "reviews")
    )


def test_each_subgraph_is_asked_once_for_all_entities(gateway: Running, house: House) -> None:
    gateway.ask("{reviews{author{name} product{name}}}")

    assert [part.requests for part in house.all()] == [1, 1, 1]


def test_a_mutation_is_answered(gateway: Running) -> None:
    query = 'mutation($p:String!){signIn(username:"ann",password:$p){accessToken errors{message}}}'

    assert gateway.ask(query, {"p": "open sesame"}) == {
        "data": {"signIn": {"accessToken": "u1", "errors": []}}
    }
    assert gateway.ask(query, {"p": "x"})["data"]["signIn"]["errors"] == [
        {"message": "Wrong password."}
    ]


def test_headers_travel_by_rule(gateway: Running) -> None:
    answer = gateway.ask(
        '{headers(names:["authorization","accept-language","x-secret","cookie","traceparent"])}',
        authorization="Bearer u2",
        accept_language="zh",
        x_secret="1",
        cookie="a=b",
    )

    authorization, language, secret, cookie, traceparent = answer["data"]["headers"]
    assert (authorization, language, secret, cookie) == ("Bearer u2", "zh", None, None)
    assert traceparent.startswith("00-")


# ------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("mood", "code", "says"),
    [
        ("broken", "SUBGRAPH_BAD_RESPONSE", "HTTP 500 with text/plain"),
        ("html", "SUBGRAPH_BAD_RESPONSE", "HTTP 200 with text/html"),
        ("truncated", "SUBGRAPH_BAD_RESPONSE", "not JSON"),
        ("slow", "SUBGRAPH_TIMEOUT", "did not answer in time"),
        ("refusing", "UNAUTHENTICATED", "Who are you?"),
    ],
)
def test_a_failing_subgraph_costs_only_its_part_and_is_named(
    start: Any, house: House, mood: str, code: str, says: str
) -> None:
    seconds = 0.8 if mood == "slow" else SUBGRAPH_SECONDS
    house.reviews.mood = mood

    with start(subgraph_limits=SubgraphLimits(seconds=seconds, retries=0)) as gateway:
        answer = gateway.ask('{product(upc:"p1"){name reviews{id} owner{name}}}')

    assert answer["data"] == {"product": None}  # reviews is a required field
    (error,) = answer["errors"]
    assert error["path"] == ["product"]
    assert error["extensions"] == {"code": code, "service": "reviews"}
    assert says in error["message"]


def test_values_of_the_wrong_type_are_errors_at_their_place(gateway: Running, house: House) -> None:
    house.accounts.mood = "wrong"

    answer = gateway.ask('{user(id:"u1"){name} products(first:2){owner{name}}}')

    assert answer["data"] is None
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"SUBGRAPH_BAD_RESPONSE"}


def test_a_resolvers_error_arrives_with_its_path(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "BROKEN", {"u3"})

    answer = gateway.ask('{first:user(id:"u1"){name} lost:user(id:"u3"){id name}}')

    assert answer["data"] == {"first": {"name": "Ann"}, "lost": None}
    assert [(error["message"], error["path"]) for error in answer["errors"]] == [
        ("u3 is broken", ["lost", "name"])
    ]


def test_a_subgraph_that_is_down_is_named_in_the_clients_language(start: Any, house: House) -> None:
    with start(subgraph_urls={"reviews": "http://127.0.0.1:1"}) as gateway:
        answer = gateway.ask("{products{name} reviews{id}}", accept_language="zh-CN,zh;q=0.9")

    assert answer["data"] is None
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "SUBGRAPH_UNAVAILABLE", "service": "reviews"}
    assert error["message"].startswith("子图“reviews”不可用")
    assert error["path"] == ["reviews"]


def test_the_whole_request_has_a_deadline(start: Any, house: House) -> None:
    from gateway.settings import Limits

    house.reviews.mood = "slow"
    with start(limits=Limits(seconds=0.3)) as gateway:
        answer = gateway.post({"query": "{reviews{id}}"})

    assert answer.elapsed.total_seconds() < stretched(1)
    assert answer.json()["errors"][0]["extensions"]["code"] == "SUBGRAPH_TIMEOUT"


def test_a_tool_can_read_the_whole_schema(gateway: Running, house: House) -> None:
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )

    first, again = gateway.ask(query), gateway.ask(query)

    assert first == again
    schema = build_client_schema(first["data"])
    assert {"User", "Product", "Review"} <= set(schema.type_map)
    assert not any(
        name.startswith(("join__", "link__", "_"))
        for name in schema.type_map
        if not name.startswith("__")
    )
    assert not any(part.requests for part in house.all())


@pytest.mark.parametrize("levels", [100, 300, 900, 2_000])
def test_json_nested_beyond_measure_is_an_error_at_worst(gateway: Running, levels: int) -> None:
    answer = gateway.ask("query($n:Int!){nested(levels:$n)}", {"n": levels})

    assert bool(answer.get("errors")) == (levels > 200)
