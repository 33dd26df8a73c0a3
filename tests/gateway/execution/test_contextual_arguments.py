"""Values from above and root fields below: planned, sent and merged,
with subgraphs made of canned answers."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.errors import SubgraphUnavailable
from gateway.execution.executable import execute
from gateway.execution.transport import Answer, Request
from gateway.operation import parse_operation
from gateway.planning import plan
from gateway.supergraph import Supergraph
from tests.gateway.graphs import a_supergraph

CONTEXTS = a_supergraph(
    a="""
      type Query { shops: [Shop!]! }
      type Shop @context(name: "shop") { currency: String! money: Money! items: [Item] }
      type Money { code: String }
      type Item @key(fields: "id") {
        id: ID!
        price(
          currency: String @fromContext(field: "$shop { currency }")
          code: String @fromContext(field: "$shop { money { code } }")
        ): String
      }
    """
)
ROOTS = a_supergraph(
    a="""
      type Query { me: String }
      type Mutation { save: [Payload] }
      type Payload { query: Query! }
    """,
    b="type Query { news: News } type News { title: String }",
)


async def ask(graph: Supergraph, query: str, send: Any) -> dict[str, Any]:
    return (await execute(plan(graph, parse_operation(query)), {}, send, graph.schema)).to_json()


async def test_asks_once_for_each_value_from_above() -> None:
    asked = []

    async def send(request: Request) -> Answer:
        body = orjson.loads(request.body)
        if not request.fetch.entities:
            shops = [
                {
                    "_context_currency": name,
                    "_context_money": {"_context_code": name and name[0]},
                    "items": [{"id": id} if id else None for id in ids],
                }
                for name, ids in (("CNY", "12"), ("EUR", "1"), ("CNY", ("2", None)))
            ]
            return {"data": {"shops": shops}}
        given = body["variables"]
        asked.append(given)
        currency = given["context__Item__price__currency"] + given["context__Item__price__code"]
        items = given["representations"]
        return {"data": {"_entities": [{"price": f"{item['id']} {currency}"} for item in items]}}

    answer = await ask(CONTEXTS, "{ shops { items { price } } }", send)

    shops = [shop["items"] for shop in answer["data"]["shops"]]
    assert [[item and item["price"] for item in items] for items in shops] == [
        ["1 CNYC", "2 CNYC"],
        ["1 EURE"],
        ["2 CNYC", None],
    ]
    assert [len(given["representations"]) for given in asked] == [2, 1]


async def test_gives_each_its_own_value_below_equal_entities() -> None:
    graph = a_supergraph(
        a="""
          type Query { shops: [Shop!]! }
          type Shop @context(name: "shop") { currency: String! item: Item! }
          type Item @key(fields: "id") { id: ID! }
          type Price @key(fields: "id") {
            id: ID!
            shown(currency: String @fromContext(field: "$shop { currency }")): String
          }
        """,
        b="""
          type Item @key(fields: "id") { id: ID! price: Price! }
          type Price @key(fields: "id") { id: ID! }
        """,
    )

    async def send(request: Request) -> Answer:
        if not request.fetch.entities:
            shops = [{"_context_currency": name, "item": {"id": "1"}} for name in ("CNY", "EUR")]
            return {"data": {"shops": shops}}
        given = orjson.loads(request.body)["variables"]
        assert len(given["representations"]) == 1
        if request.fetch.subgraph == "b":
            return {"data": {"_entities": [{"price": {"id": "7"}}]}}
        return {"data": {"_entities": [{"shown": given["context__Price__shown__currency"]}]}}

    answer = await ask(graph, "{ shops { item { price { shown } } } }", send)

    shown = [shop["item"]["price"]["shown"] for shop in answer["data"]["shops"]]
    assert shown == ["CNY", "EUR"]


async def test_merges_root_fields_into_every_place_that_returns_the_root() -> None:
    async def send(request: Request) -> Answer:
        if request.fetch.subgraph == "a":
            return {"data": {"save": [{"query": {"me": "Ann"}}, None, {"query": {"me": "Bo"}}]}}
        assert request.fetch.kind == "query"
        return {"data": {"news": {"title": "Snow"}}}

    answer = await ask(ROOTS, "mutation { save { query { me news { title } } } }", send)

    assert answer == {
        "data": {
            "save": [
                {"query": {"me": "Ann", "news": {"title": "Snow"}}},
                None,
                {"query": {"me": "Bo", "news": {"title": "Snow"}}},
            ]
        }
    }


async def test_asks_no_root_field_where_nothing_returns_the_root() -> None:
    async def send(request: Request) -> Answer:
        assert request.fetch.subgraph == "a"
        return {"data": {"save": [None]}}

    answer = await ask(ROOTS, "mutation { save { query { news { title } } } }", send)

    assert answer == {"data": {"save": [None]}}


async def test_tells_where_root_fields_below_are_missing() -> None:
    async def send(request: Request) -> Answer:
        if request.fetch.subgraph == "a":
            return {"data": {"save": [{"query": {"me": "Ann"}}]}}
        raise SubgraphUnavailable("b is away.", "b 不可用。", service="b")

    answer = await ask(ROOTS, "mutation { save { query { me news { title } } } }", send)

    assert answer["data"] == {"save": [{"query": {"me": "Ann", "news": None}}]}
    assert [error["path"] for error in answer["errors"]] == [["save", 0, "query", "news"]]
