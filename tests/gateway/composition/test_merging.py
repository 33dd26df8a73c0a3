"""What subgraphs become together: types, arguments, enums, inputs, access rules, one SDL."""

from __future__ import annotations

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, print_type

from gateway.composition import compose
from gateway.supergraph import Subgraph, Supergraph, load
from tests.gateway.graphs import LINK, a_supergraph, api, planned


def of(supergraph: Supergraph, name: str) -> str:
    """One type of the supergraph's own SDL."""
    parts = supergraph.sdl.split("\n\n")
    return next(part for part in parts if f" {name}\n" in f"{part.splitlines()[0]}\n")


def test_writes_standard_supergraph_sdl() -> None:
    graph = a_supergraph(
        a='type Query { p: P } type P @key(fields: "id") { id: ID! name: String }',
        b="""
          type P @key(fields: "id") {
            id: ID! name: String @external label: String @requires(fields: "name")
          }
        """,
    )

    assert graph.sdl.startswith(
        'schema\n  @link(url: "https://specs.apollo.dev/link/v1.0")\n'
        '  @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION)\n{\n  query: Query\n}'
    )
    assert of(graph, "P") == (
        'type P\n  @join__type(graph: A, key: "id")\n  @join__type(graph: B, key: "id")\n{\n'
        "  id: ID!\n"
        "  name: String @join__field(graph: A) @join__field(graph: B, external: true)\n"
        '  label: String @join__field(graph: B, requires: "name")\n}'
    )
    assert load(graph.sdl).graphs == graph.graphs


def test_takes_the_wider_type_of_a_field() -> None:
    graph = a_supergraph(
        a="type Query { t: T @shareable n: N @shareable } type T @shareable { x: Int! } "
        "interface N { x: Int } type U implements N { x: Int @shareable }",
        b="type Query { t: T @shareable n: U @shareable } type T @shareable { x: Int }"
        " interface N { x: Int } type U implements N { x: Int @shareable }",
    )

    assert print_type(graph.schema.type_map["T"]) == "type T {\n  x: Int\n}"
    assert "  n: N\n" in f"{print_type(graph.schema.type_map['Query'])}\n"


def test_keeps_only_arguments_that_all_take() -> None:
    graph = a_supergraph(
        a="type Query { x(first: Int, after: ID): Int @shareable }",
        b="type Query { x(first: Int!): Int @shareable }",
    )

    assert print_type(graph.schema.type_map["Query"]) == "type Query {\n  x(first: Int!): Int\n}"


def test_merges_enums_by_their_use() -> None:
    graph = a_supergraph(
        a="type Query { a(x: In): Out @shareable } enum In { A B } enum Out { A }",
        b="type Query { a(x: In): Out @shareable } enum In { B C } enum Out { B }",
    )

    read, written = graph.schema.type_map["Out"], graph.schema.type_map["In"]
    assert isinstance(read, GraphQLEnumType)
    assert isinstance(written, GraphQLEnumType)
    assert list(read.values) == ["A", "B"]
    assert list(written.values) == ["B"]


def test_merges_inputs_to_what_all_know() -> None:
    graph = a_supergraph(
        a="type Query { a(x: I): Int } input I { both: Int only: Int }",
        b="type Query { b(x: I): Int } input I { both: Int! }",
    )

    kind = graph.schema.type_map["I"]
    assert isinstance(kind, GraphQLInputObjectType)
    assert {name: str(field.type) for name, field in kind.fields.items()} == {"both": "Int!"}


def test_hides_what_is_inaccessible_and_still_uses_it() -> None:
    graph = a_supergraph(
        a='type Query { p: P } type P @key(fields: "id") { id: ID! @inaccessible name: String }',
        b='type P @key(fields: "id") { id: ID! price: Int secret: Int @inaccessible }',
    )

    assert api(graph) == ("type P {\n  name: String\n  price: Int\n}\n\ntype Query {\n  p: P\n}")
    assert "P { id }" in planned(graph, "{ p { name price } }")


def test_names_every_root_the_standard_way() -> None:
    graph = a_supergraph(
        a=LINK
        + "schema { query: Root mutation: Change } type Root { x: Int } type Change { y: Int }",
        b="type Query { z: Int }",
    )

    assert api(graph) == ("type Mutation {\n  y: Int\n}\n\ntype Query {\n  x: Int\n  z: Int\n}")
    assert planned(graph, "{ x z }").count("Fetch") == 2


def test_reads_renamed_and_prefixed_directives() -> None:
    graph = a_supergraph(
        a="""
          extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", as: "fed",
            import: [{ name: "@key", as: "@primaryKey" }])
          type Query { p: P }
          type P @primaryKey(fields: "id") { id: ID! name: String @fed__shareable }
        """,
        b='type P @key(fields: "id") { id: ID! name: String @shareable price: Int }',
    )

    assert 'key: "id"' in of(graph, "P")


def test_composes_federation_1_subgraphs() -> None:
    found = compose(
        [
            Subgraph(
                "products",
                "http://products.test",
                "type Query { p: Product } "
                'type Product @key(fields: "upc") { upc: ID! name: String size: S }'
                " type S { w: Int }",
            ),
            Subgraph(
                "reviews",
                "http://reviews.test",
                'extend type Product @key(fields: "upc") '
                "{ upc: ID! @external reviews: [String] size: S }"
                " type S { w: Int }",
            ),
        ]
    )

    assert isinstance(found, Supergraph)
    assert "Product { upc }" in planned(found, "{ p { name reviews } }")


def test_carries_tags_access_rules_and_costs() -> None:
    graph = a_supergraph(
        a="""
          type Query {
            x: Int @tag(name: "one") @authenticated
              @requiresScopes(scopes: [["read"]]) @cost(weight: 3)
            y: [Int] @listSize(assumedSize: 10, slicingArguments: null)
              @policy(policies: [["p"]]) @deprecated(reason: "old")
          }
        """
    )

    assert (
        "  x: Int @authenticated @cost(weight: 3) "
        '@requiresScopes(scopes: [["read"]]) @tag(name: "one")' in of(graph, "Query")
    )
    assert (
        '  y: [Int] @deprecated(reason: "old") @listSize(assumedSize: 10) '
        '@policy(policies: [["p"]])' in of(graph, "Query")
    )
    assert api(graph) == ('type Query {\n  x: Int\n  y: [Int] @deprecated(reason: "old")\n}')


def test_demands_what_every_subgraph_demands() -> None:
    graph = a_supergraph(
        a="type Query { x: Int @shareable "
        '@requiresScopes(scopes: [["a"], ["b"]]) @cost(weight: 2) }',
        b='type Query { x: Int @shareable @requiresScopes(scopes: [["a", "c"]]) @cost(weight: 5) }',
    )

    assert '@cost(weight: 5) @requiresScopes(scopes: [["a", "c"]])' in of(graph, "Query")


def test_carries_composed_directives_with_their_link() -> None:
    graph = a_supergraph(
        a=LINK
        + """
          extend schema @link(url: "https://acme.test/specs/mine/v1.2", import: ["@mine"])
            @composeDirective(name: "@mine")
          directive @mine(level: Int) on FIELD_DEFINITION
          type Query { x: Int @mine(level: 2) }
        """
    )

    assert '@link(url: "https://acme.test/specs/mine/v1.2", import: ["@mine"])' in graph.sdl
    assert "directive @mine(level: Int) on FIELD_DEFINITION" in graph.sdl
    assert "x: Int @mine(level: 2)" in graph.sdl


def test_keeps_descriptions_and_defaults() -> None:
    graph = a_supergraph(
        a='''
          "All there is."
          type Query {
            """
            Finds things.

            Slowly.
            """
            find("How many." first: Int = 10, order: Order = UP): Int
          }
          enum Order { "Small first." UP DOWN }
        '''
    )

    assert print_type(graph.schema.type_map["Order"]) == (
        'enum Order {\n  """Small first."""\n  UP\n  DOWN\n}'
    )
    assert print_type(graph.schema.type_map["Query"]) == (
        '"""All there is."""\ntype Query {\n  """\n  Finds things.\n  \n  Slowly.\n  """\n'
        '  find(\n    """How many."""\n    first: Int = 10\n    order: Order = UP\n  ): Int\n}'
    )


def test_leaves_an_override_from_nobody_alone() -> None:
    graph = a_supergraph(a='type Query { x: Int @override(from: "gone") }')

    assert "x: Int\n" in graph.sdl


@pytest.mark.parametrize("active", [False, True])
def test_switches_a_progressive_override_by_its_label(active: bool) -> None:
    from gateway.operation import parse_operation
    from gateway.planning import plan

    graph = a_supergraph(
        old='type Query { p: P } type P @key(fields: "id") { id: ID! stock: Int }',
        new='type P @key(fields: "id") '
        '{ id: ID! stock: Int @override(from: "old", label: "half") }',
    )

    found = plan(
        graph, parse_operation("{ p { stock } }"), labels=frozenset({"half"} if active else ())
    )

    assert [fetch.subgraph for fetch in found.fetches()] == (["old", "new"] if active else ["old"])


def test_joins_what_subgraphs_know_about_a_list() -> None:
    graph = a_supergraph(
        a="type Query { x(first: Int, in: In): P @shareable @listSize("
        'assumedSize: 3, slicingArguments: ["first"], sizedFields: ["page.items"], '
        "requireOneSlicingArgument: false) } input In { n: Int } "
        "type P { page: R @shareable } type R { items: [Int] @shareable }",
        b="type Query { x(first: Int, in: In): P @shareable @listSize("
        'assumedSize: 5, slicingArguments: ["in.n", "first"], sizedFields: ["page.items"]) } '
        "input In { n: Int } type P { page: R @shareable } type R { items: [Int] @shareable }",
    )

    assert (
        '@listSize(assumedSize: 5, slicingArguments: ["first", "in.n"], '
        'sizedFields: ["page.items"], requireOneSlicingArgument: false)'
    ) in graph.sdl
