"""What operations may cost: by their fields, by the length of their lists,
by what their arguments hold."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.protection import Protection
from tests.gateway.graphs import a_supergraph
from tests.gateway.serving.conftest import House, Running, Start

PRICED = """
    type Query {
      products(first: Int): [Product!]! @listSize(
        assumedSize: 50, slicingArguments: ["first"], requireOneSlicingArgument: false
      )
      page(first: Int = 5): Page! @listSize(slicingArguments: ["first"], sizedFields: ["items"])
      things: [Thing!]
      report(deep: Boolean @cost(weight: 7)): Int @cost(weight: 20)
    }
    type Page { items: [Product!]! total: Int }
    type Product { name: String score: Int @cost(weight: 3) owner: User }
    type User @cost(weight: 4) { name: String }
    union Thing = Product | User
    type Mutation { burn: Int }
"""


def cost(gateway: Running, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    answer = gateway.post(body, x_include_cost="1").json()
    if "data" not in answer:
        return answer["errors"][0]["extensions"]["code"]
    return answer["extensions"]["cost"]["estimated"]


def test_estimates_what_an_operation_costs(start: Start) -> None:
    graph = a_supergraph(a=PRICED).sdl.replace("a.test", "127.0.0.1:1")
    with start(supergraph=graph, protection=Protection(cost=500)) as gateway:
        assert cost(gateway, "{__typename}") == 0
        assert cost(gateway, "{products(first:3){name}}") == 3
        assert cost(gateway, "{products{name}}") == 50
        assert cost(gateway, "query($n:Int=7){products(first:$n){name score}}") == 28
        assert cost(gateway, "query($n:Int){products(first:$n){name}}", n=4) == 4
        assert cost(gateway, "{products(first:2){owner{name}}}") == 10
        assert cost(gateway, "{page(first:5){total items{name}}}") == 6
        assert cost(gateway, "{things{...on Product{score} ...on User{name}}}") == 40
        assert cost(gateway, "{report(deep:true)}") == 27
        assert cost(gateway, "mutation{burn}") == 10
        assert cost(gateway, "{products(first:501){name}}") == "COST_ESTIMATED_TOO_EXPENSIVE"
        assert (
            cost(gateway, "query($n:Int){products(first:$n){name}}", n=2_000_000_000)
            == "COST_ESTIMATED_TOO_EXPENSIVE"
        )


INPUTS = """
    type Query {
      find(by: Filter, kinds: [Kind!], page: Page = { first: 5 },
        more: [Filter!] @cost(weight: 2)): [Item!]!
        @listSize(slicingArguments: ["page.first", "page.inner.last"], sizedFields: [])
      all(first: Int, last: Int): [Item!]! @listSize(slicingArguments: ["first", "last"])
      book(in: Page!): Book
        @listSize(slicingArguments: ["in.first"], sizedFields: ["page.items", "extras"])
    }
    input Filter { text: String @cost(weight: 3) kind: Kind inner: Filter }
    input Page { first: Int inner: Inner }
    input Inner { last: Int }
    enum Kind @cost(weight: 4) { A B }
    type Item { kind: Kind }
    type Book { page: Items extras: [Item!] }
    type Items { items: [Item!] }
"""


def test_arguments_cost_what_is_in_them(start: Start) -> None:
    graph = a_supergraph(a=INPUTS).sdl.replace("a.test", "127.0.0.1:1")
    with start(supergraph=graph, protection=Protection(cost=500)) as gateway:
        assert cost(gateway, "{find{__typename}}") == 5, "the argument's default says how many"
        assert cost(gateway, "{find{kind}}") == 25
        assert cost(gateway, "{find(by:{}){__typename}}") == 6
        assert cost(gateway, '{find(by:{text:"a",kind:A}){__typename}}') == 13
        assert cost(gateway, '{find(by:{inner:{text:"a"}}){__typename}}') == 10
        assert cost(gateway, "{find(by:null,kinds:[A,B]){__typename}}") == 17, "4 more for the list"
        assert cost(gateway, "{find(more:[{},{}]){__typename}}") == 11
        query = (
            "query($f:Filter,$t:String,$k:[Kind!]){find(by:$f,kinds:$k,more:{text:$t}){__typename}}"
        )
        assert cost(gateway, query) == 7
        assert cost(gateway, query, f={"text": "x"}, t="x", k=["A"]) == 22


def test_fields_of_arguments_say_how_long_a_list_gets(start: Start) -> None:
    graph = a_supergraph(a=INPUTS).sdl.replace("a.test", "127.0.0.1:1")
    with start(supergraph=graph, protection=Protection(cost=500)) as gateway:
        assert cost(gateway, "{find(page:{first:3}){__typename}}") == 4
        assert cost(gateway, "{find(page:{inner:{last:7}}){__typename}}") == 9
        query = "query($p:Page,$n:Int){find(page:$p){__typename} all(first:$n){__typename}}"
        assert cost(gateway, query, p={"first": 3}, n=2) == 6
        assert (
            cost(gateway, "{book(in:{first:3}){page{items{__typename}} extras{__typename}}}") == 9
        )
        assert (
            cost(gateway, "{find(page:{first:501}){__typename}}") == "COST_ESTIMATED_TOO_EXPENSIVE"
        )


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{all{__typename}}", {}),
        ("{all(first:1,last:2){__typename}}", {}),
        ("query($n:Int){all(first:$n){__typename}}", {}),
        ("{find(page:{first:1,inner:{last:2}}){__typename}}", {}),
    ],
)
def test_a_list_of_unknown_length_is_refused_where_its_length_must_be_said(
    start: Start, query: str, variables: dict[str, Any]
) -> None:
    graph = a_supergraph(a=INPUTS).sdl.replace("a.test", "127.0.0.1:1")
    with start(supergraph=graph, protection=Protection(cost=500)) as gateway:
        answer = gateway.post({"query": query, "variables": variables}).json()

    assert "exactly one of" in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_a_costly_operation_is_refused_before_anybody_works(start: Start, house: House) -> None:
    with start(production=True, protection=Protection(cost=20)) as gateway:
        fine = gateway.post({"query": "{products{upc}}"}, x_include_cost="1").json()
        asked = house.products.requests
        dear = gateway.post({"query": "{products{reviews{id}}}"}).json()

    assert "cost" not in fine["extensions"]
    assert dear["errors"][0]["extensions"] == {
        "code": "COST_ESTIMATED_TOO_EXPENSIVE",
        "cost": 110,
        "limit": 20,
    }
    assert house.products.requests == asked
