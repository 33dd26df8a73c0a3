"""What a caller may not see: not fetched, null in the answer,
wherever fragments, aliases and interfaces put it."""

from __future__ import annotations

from gateway.operation import Operation, parse_operation
from gateway.plan import print_plan
from gateway.planning import plan
from gateway.planning.rights import Hidden, RightsFilter
from gateway.supergraph.rights import Right, rights_of
from tests.gateway.graphs import a_supergraph

SHOP = a_supergraph(
    shop="""
    type Query { products: [Product!]! node: Node things: [Thing] secret: Secret @authenticated }
    interface Node { id: ID! note: String }
    type Product implements Node @key(fields: "id") {
      id: ID! note: String @requiresScopes(scopes: [["notes"]]) price: Int! @authenticated
    }
    type Page implements Node { id: ID! note: String }
    type Secret @policy(policies: [["two", "keys"], ["owner"]]) { word: String }
    union Thing = Product | Secret
    type Mutation { burn: Int @requiresScopes(scopes: [["fire"]]) }
    """,
    stock="""
    type Product @key(fields: "id") { id: ID! left: Int @requiresScopes(scopes: [["stock"]]) }
    """,
)
CURTAIN = RightsFilter(SHOP, rights_of(SHOP))


def hidden(text: str, *held: Right) -> tuple[Operation, list[Hidden]]:
    return CURTAIN.hide(parse_operation(text), lambda right: right in held)


def places(text: str, *held: Right) -> list[str]:
    return [".".join(place.path) for place in hidden(text, *held)[1]]


SOMEBODY = Right("authenticated")
NOTES = Right("requiresScopes", (frozenset({"notes"}),))
STOCK = Right("requiresScopes", (frozenset({"stock"}),))


def test_reads_what_a_supergraph_demands() -> None:
    rights = rights_of(SHOP)

    assert rights["Product.price"] == (SOMEBODY,)
    assert rights["Product.left"] == (STOCK,)
    assert rights["Secret"] == (
        Right("policy", (frozenset({"two", "keys"}), frozenset({"owner"}))),
    )
    assert rights_of(a_supergraph(a="type Query { x: Int }")) == {}


def test_lists_the_demands_of_an_operation() -> None:
    assert CURTAIN.demanded(parse_operation("{products{id}}")) == ()
    assert CURTAIN.demanded(parse_operation("{products{price left}}")) == (SOMEBODY, STOCK)


def test_fetches_nothing_for_what_is_hidden() -> None:
    operation, _ = hidden("{products{id left}}")

    text = print_plan(plan(SHOP, operation))

    assert "stock" not in text
    assert "left" not in text


def test_names_the_places_in_the_words_of_the_client() -> None:
    assert places("{all: products{cost: price note}}") == ["all.@.cost", "all.@.note"]
    assert places("{products{...p}} fragment p on Product{price}") == ["products.@.price"]
    assert places("mutation{burn}") == ["burn"]


def test_a_hidden_type_hides_the_fields_that_return_it_and_those_it_has() -> None:
    assert places("{secret{word}}", SOMEBODY) == ["secret"]
    assert places("{things{...on Secret{word} ...on Product{id}}}") == ["things.@.word"]


def test_an_interface_hides_a_field_only_for_the_types_that_do() -> None:
    operation, found = hidden("{node{id note}}")

    assert [(place.path, place.coordinate) for place in found] == [
        (("node", "note"), "Product.note")
    ]
    assert "... on Page {note}" in operation.text
    assert places("{node{id note}}", NOTES) == []


def test_a_fragment_is_no_way_around_what_an_interface_demands() -> None:
    graph = a_supergraph(
        a="""
        type Query { node: Node page: Page }
        interface Node { id: ID! note: String @authenticated }
        type Page implements Node { id: ID! note: String more: Int }
        """
    )
    curtain = RightsFilter(graph, rights_of(graph))

    def found(text: str) -> list[str]:
        hidden = curtain.hide(parse_operation(text), lambda _: False)[1]
        return [place.coordinate for place in hidden]

    assert found("{node{id note}}") == ["Node.note"]
    assert found("{node{...on Page{note more}} page{note}}") == ["Page.note", "Page.note"]


def test_the_shape_holds_null_where_something_is_hidden() -> None:
    operation, _ = hidden("{products{cost: price id}}")

    shape = CURTAIN.show_as_null(plan(SHOP, operation)).shape

    assert shape.slots[0].child is not None
    slot = shape.slots[0].child.slots[0]
    assert (slot.key, slot.coordinate, slot.nullability.required) == (
        "cost",
        "Product.price",
        True,
    )
