"""Every reason not to compose has its standard code, its subgraphs, its coordinate,
and a way to mend it."""

from __future__ import annotations

import pytest

from gateway.composition import compose
from gateway.supergraph import Subgraph
from tests.gateway.graphs import problems

Q = "type Query { q: Int } "
RIGHT = 'type P @key(fields: "id") { id: ID! } '


def context(use: str, *, sets: str = '@context(name: "c")', more: str = "") -> dict[str, str]:
    """A subgraph that sets a context on T and uses it in U.f."""
    return {
        "a": f"type Query {{ t: T }} type T {sets} {{ id: ID! p: String u: U }} {more} "
        f'type U @key(fields: "id") {{ id: ID! f(a: String @fromContext(field: "{use}")): Int }}'
    }


def sized(field: str) -> dict[str, str]:
    """A subgraph with a field that says something about a list."""
    types = "input I { first: Int s: String } type P { n: Int items: [Int] below: P }"
    return {"a": f"type Query {{ {field} }} {types}"}


# code, coordinate, subgraphs by name
CASES: list[tuple[str, str | None, dict[str, str]]] = [
    ("INVALID_GRAPHQL", "I.x", {"a": Q + "input I { x: Int @external }"}),
    ("INVALID_GRAPHQL", "E.X", {"a": Q + "enum E { X @shareable }"}),
    ("INVALID_GRAPHQL", "Query.q(x:)", {"a": 'type Query { q(x: Int @key(fields: "x")): Int }'}),
    ("CONTEXT_NAME_INVALID", "T", context("$c_d { p }", sets='@context(name: "c_d")')),
    ("CONTEXT_NOT_SET", "U.f(a:)", context("$c { p }", sets="")),
    ("NO_CONTEXT_IN_SELECTION", "U.f(a:)", context("{ p }")),
    ("CONTEXT_INVALID_SELECTION", "U.f(a:)", context("$c { id }")),
    ("CONTEXT_INVALID_SELECTION", "U.f(a:)", context("$c { p id }")),
    ("CONTEXT_INVALID_SELECTION", "U.f(a:)", context("$c { p @include(if: true) }")),
    ("CONTEXT_INVALID_SELECTION", "U.f(a:)", context("$c ... on T { p } ... on U { id }")),
    ("SATISFIABILITY_ERROR", "U.f", context("$c { p }", more="extend type Query { u: U }")),
    (
        "CONTEXT_NO_RESOLVABLE_KEY",
        "U.f(a:)",
        {
            "a": 'type Query { t: T } type T @context(name: "c") { p: Int u: U } '
            'type U { f(a: Int @fromContext(field: "$c { p }")): Int }'
        },
    ),
    (
        "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS",
        "U.f(a:)",
        {
            **context("$c { p }"),
            "b": 'type U @key(fields: "id") { id: ID! f(a: String!): Int @shareable }',
        },
    ),
    *(
        (  # the field waits for what it requires, and then nobody can go back to it
            "SATISFIABILITY_ERROR",
            "P.s",
            {
                "a": (
                    'type Query { x: Int } type P @key(fields: "id") { id: ID! @shareable w: Int }'
                ),
                "b": f"type Query {{ p: P }} type P {key} {{ id: ID! @shareable w: Int @external "
                's: Int @requires(fields: "w") }',
            },
        )
        for key in ("", '@key(fields: "id", resolvable: false)')
    ),
    (
        "COST_APPLIED_TO_INTERFACE_FIELD",
        "N.x",
        {"a": Q + "interface N { x: Int @cost(weight: 3) }"},
    ),
    ("LIST_SIZE_APPLIED_TO_NON_LIST", "Query.q", sized("q: Int @listSize(assumedSize: 3)")),
    ("LIST_SIZE_INVALID_ASSUMED_SIZE", "Query.q", sized("q: [Int] @listSize(assumedSize: -3)")),
    *(
        (
            "LIST_SIZE_INVALID_SLICING_ARGUMENT",
            "Query.q",
            sized(f'q(s: String, i: I): [Int] @listSize(slicingArguments: ["{path}"])'),
        )
        for path in ("first", "s", "i", "i.s", "i.first.n", "i.none")
    ),
    *(
        (
            code,
            "Query.q",
            sized(f'q(n: Int): P @listSize(slicingArguments: ["n"], sizedFields: ["{path}"])'),
        )
        for code, path in (
            ("LIST_SIZE_INVALID_SIZED_FIELD", "none"),
            ("LIST_SIZE_INVALID_SIZED_FIELD", "n.n"),
            ("LIST_SIZE_APPLIED_TO_NON_LIST", "n"),
            ("LIST_SIZE_APPLIED_TO_NON_LIST", "below"),
        )
    ),
    ("INVALID_GRAPHQL", None, {"a": "type Query { q: }"}),
    ("INVALID_GRAPHQL", "Query.q", {"a": "type Query { q: Nothing }"}),
    ("INVALID_GRAPHQL", "Query.q", {"a": "type Query { q: Int @nobodyKnows }"}),
    (
        "INVALID_GRAPHQL",
        "Query.q",
        {
            "a": 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", '
            'import: ["@key"]) type Query { q: Int @shareable }'
        },
    ),
    ("INVALID_SUBGRAPH_NAME", None, {'say "a"': Q}),
    ("NO_QUERIES", None, {"a": "type T { x: Int }"}),
    (
        "UNKNOWN_FEDERATION_LINK_VERSION",
        None,
        {"a": 'extend schema @link(url: "https://specs.apollo.dev/federation/v3.7") ' + Q},
    ),
    ("KEY_INVALID_FIELDS", "P", {"a": Q + 'type P @key(fields: "no") { id: ID! }'}),
    ("KEY_INVALID_FIELDS", "P", {"a": Q + 'type P @key(fields: "id {") { id: ID! }'}),
    ("KEY_INVALID_FIELDS", "P", {"a": Q + 'type P @key(fields: "o") { o: O } type O { id: ID }'}),
    ("KEY_FIELDS_HAS_ARGS", "P", {"a": Q + 'type P @key(fields: "id") { id(x: Int): ID! }'}),
    (
        "KEY_FIELDS_SELECT_INVALID_TYPE",
        "P",
        {
            "a": Q + 'type P @key(fields: "n { id }") { n: N } interface N { id: ID } '
            "type O implements N { id: ID }"
        },
    ),
    (
        "KEY_DIRECTIVE_IN_FIELDS_ARG",
        "P",
        {"a": Q + 'type P @key(fields: "id @include(if: $x)") { id: ID! }'},
    ),
    (
        "REQUIRES_INVALID_FIELDS",
        "P.x",
        {"a": Q + 'type P @key(fields: "id") { id: ID! x: Int @requires(fields: "y") }'},
    ),
    (
        "REQUIRES_FIELDS_MISSING_EXTERNAL",
        "P.x",
        {"a": Q + 'type P @key(fields: "id") { id: ID! y: Int x: Int @requires(fields: "y") }'},
    ),
    (
        "PROVIDES_ON_NON_OBJECT_FIELD",
        "Query.q",
        {"a": 'type Query { q: Int @provides(fields: "x") }'},
    ),
    (
        "PROVIDES_FIELDS_MISSING_EXTERNAL",
        "Query.p",
        {
            "a": (
                'type Query { p: P @provides(fields: "n") } '
                'type P @key(fields: "id") { id: ID! n: Int }'
            )
        },
    ),
    (
        "EXTERNAL_UNUSED",
        "P.n",
        {"a": Q + 'type P @key(fields: "id") { id: ID! n: Int @external }', "b": RIGHT},
    ),
    (
        "EXTERNAL_MISSING_ON_BASE",
        "P.y",
        {
            "a": Q + 'type P @key(fields: "id") { id: ID! y: Int @external '
            'x: Int @requires(fields: "y") }',
            "b": RIGHT,
        },
    ),
    (
        "EXTERNAL_TYPE_MISMATCH",
        "P.y",
        {
            "a": Q + 'type P @key(fields: "id") { id: ID! y: String @external '
            'x: Int @requires(fields: "y") }',
            "b": 'type P @key(fields: "id") { id: ID! y: Int }',
        },
    ),
    (
        "EXTERNAL_ARGUMENT_MISSING",
        "P.y",
        {
            "a": Q + 'type P @key(fields: "id") { id: ID! y: Int @external '
            'x: Int @requires(fields: "y") }',
            "b": 'type P @key(fields: "id") { id: ID! y(in: Int): Int }',
        },
    ),
    ("EXTERNAL_ON_INTERFACE", "N.x", {"a": Q + "interface N { x: Int @external }"}),
    ("INVALID_SHAREABLE_USAGE", "N.x", {"a": Q + "interface N { x: Int @shareable }"}),
    ("TYPE_KIND_MISMATCH", "T", {"a": Q + "type T { x: Int }", "b": "enum T { X }"}),
    (
        "INVALID_FIELD_SHARING",
        "T.x",
        {"a": Q + "type T { x: Int @shareable }", "b": "type T { x: Int }"},
    ),
    (
        "FIELD_TYPE_MISMATCH",
        "T.x",
        {"a": Q + "type T @shareable { x: Int }", "b": "type T @shareable { x: [Int] }"},
    ),
    (
        "FIELD_ARGUMENT_TYPE_MISMATCH",
        "T.x(n:)",
        {
            "a": Q + "type T @shareable { x(n: Int): Int }",
            "b": "type T @shareable { x(n: ID): Int }",
        },
    ),
    (
        "FIELD_ARGUMENT_DEFAULT_MISMATCH",
        "T.x(n:)",
        {
            "a": Q + "type T @shareable { x(n: Int = 1): Int }",
            "b": "type T @shareable { x(n: Int = 2): Int }",
        },
    ),
    (
        "REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH",
        "T.x(n:)",
        {"a": Q + "type T @shareable { x(n: Int!): Int }", "b": "type T @shareable { x: Int }"},
    ),
    (
        "ENUM_VALUE_MISMATCH",
        "E.B",
        {
            "a": "type Query { q(e: E): E @shareable } enum E { A B }",
            "b": "type Query { q(e: E): E @shareable } enum E { A }",
        },
    ),
    (
        "EMPTY_MERGED_ENUM_TYPE",
        "E",
        {
            "a": "type Query { x(e: E): Int } enum E { A }",
            "b": "type Query { y(e: E): Int } enum E { B }",
        },
    ),
    (
        "EMPTY_MERGED_INPUT_TYPE",
        "I",
        {
            "a": "type Query { x(i: I): Int } input I { a: Int }",
            "b": "type Query { y(i: I): Int } input I { b: Int }",
        },
    ),
    (
        "REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH",
        "I.b",
        {
            "a": "type Query { x(i: I): Int } input I { a: Int }",
            "b": "type Query { y(i: I): Int } input I { a: Int b: Int! }",
        },
    ),
    (
        "INPUT_FIELD_DEFAULT_MISMATCH",
        "I.a",
        {
            "a": "type Query { x(i: I): Int } input I { a: Int = 1 }",
            "b": "type Query { y(i: I): Int } input I { a: Int = 2 }",
        },
    ),
    (
        "INTERFACE_FIELD_NO_IMPLEM",
        "T.b",
        {
            "a": Q + "interface N { a: Int } type T implements N { a: Int @shareable }",
            "b": "interface N { a: Int b: Int } type U implements N { a: Int b: Int }",
        },
    ),
    (
        "INTERFACE_OBJECT_USAGE_ERROR",
        "N",
        {"a": Q + 'type N @key(fields: "id") @interfaceObject { id: ID! }'},
    ),
    (
        "INTERFACE_KEY_NOT_ON_IMPLEMENTATION",
        "T",
        {"a": Q + 'interface N @key(fields: "id") { id: ID! } type T implements N { id: ID! }'},
    ),
    (
        "OVERRIDE_FROM_SELF_ERROR",
        "P.x",
        {"a": Q + 'type P @key(fields: "id") { id: ID! x: Int @override(from: "a") }'},
    ),
    (
        "OVERRIDE_LABEL_INVALID",
        "P.x",
        {
            "a": Q + 'type P { x: Int @override(from: "b", label: "percent(200)") }',
            "b": "type P { x: Int }",
        },
    ),
    (
        "OVERRIDE_SOURCE_HAS_OVERRIDE",
        "P.x",
        {
            "a": Q + 'type P { x: Int @override(from: "b") }',
            "b": 'type P { x: Int @override(from: "a") }',
        },
    ),
    (
        "REFERENCED_INACCESSIBLE",
        "Query.t",
        {"a": "type Query { q: Int t: T } type T @inaccessible { x: Int }"},
    ),
    ("REQUIRED_INACCESSIBLE", "Query.q(n:)", {"a": "type Query { q(n: Int! @inaccessible): Int }"}),
    ("ONLY_INACCESSIBLE_CHILDREN", "T", {"a": Q + "type T { x: Int @inaccessible }"}),
    ("QUERY_ROOT_TYPE_INACCESSIBLE", "Query", {"a": "type Query @inaccessible { q: Int }"}),
    (
        "INVALID_GRAPHQL",
        "T.a",
        {"a": Q + "interface N { a: Int! } type T implements N { a: Int }"},
    ),
    (
        "MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL",
        "P.y",
        {
            "a": Q
            + 'type P @key(fields: "id") { id: ID! y: Int @external @tag(name: "t") '
            + 'x: Int @requires(fields: "y") }',
            "b": 'type P @key(fields: "id") { id: ID! y: Int }',
        },
    ),
    (
        "IMPLEMENTED_BY_INACCESSIBLE",
        "T.a",
        {"a": Q + "interface N { a: Int } type T implements N { a: Int @inaccessible b: Int }"},
    ),
    (
        "DEFAULT_VALUE_USES_INACCESSIBLE",
        "Query.q(e:)",
        {"a": "type Query { q(e: E = B): Int } enum E { A B @inaccessible }"},
    ),
    (
        "INVALID_FIELD_SHARING",
        "P.n",
        {
            "a": 'type Query { p: P @provides(fields: "n") } '
            'type P @key(fields: "id") { id: ID! n: Int @external }',
            "b": 'type P @key(fields: "id") { id: ID! n: Int }',
        },
    ),
    (
        "SATISFIABILITY_ERROR",
        "N.__typename",
        {
            "a": 'interface N @key(fields: "id", resolvable: false) { id: ID! } '
            'type T implements N @key(fields: "id") { id: ID! } type Query { t: T }',
            "b": (
                'type Query { n: N } type N @key(fields: "id") @interfaceObject { id: ID! x: Int }'
            ),
        },
    ),
    (
        "SATISFIABILITY_ERROR",
        "P.name",
        {
            "a": "type Query { p: P } type P { id: ID! @shareable }",
            "b": "type P { id: ID! @shareable name: String }",
        },
    ),
]


@pytest.mark.parametrize(("code", "coordinate", "sdl"), CASES)
def test_tells_what_is_wrong_and_how_to_mend_it(
    code: str, coordinate: str | None, sdl: dict[str, str]
) -> None:
    found = problems(**sdl)

    assert (code, coordinate) in {(problem.code, problem.coordinate) for problem in found}
    assert all(problem.mend for problem in found)


def test_shows_the_path_that_nobody_can_walk() -> None:
    (found,) = problems(
        orders="type Query { order: Order } type Order { buyer: User } "
        "type User { id: ID! @shareable }",
        users="type Query { users: [User!]! } type User { id: ID! @shareable email: String }",
    )

    assert str(found) == (
        "SATISFIABILITY_ERROR [users] at User.email: The field can be selected on this path, but "
        "no subgraph that resolves it can be reached from orders.\n"
        "    Query\n    Query.order\n    Order.buyer\n    User.email\n"
        "  mend: Give User a resolvable @key that orders can supply "
        "in a subgraph that resolves email, or let orders resolve email itself with @shareable."
    )


def test_refuses_two_subgraphs_of_one_name() -> None:
    found = compose([Subgraph("a", "http://1.test", Q), Subgraph("a", "http://2.test", Q)])

    assert isinstance(found, list)
    assert found[0].code == "INVALID_SUBGRAPH_NAME"
