"""Worlds that strain a gateway: astronomically many plans, long tables, many subgraphs."""

from __future__ import annotations

from itertools import combinations, cycle

from benchmarks.gateway.world import Object, World

# ---------------------------------------------------------------------------------- many plans

OFFERED = ("12456", "045", "26", "01346", "01345", "0235", "1236")
"""By subgraph, the numbers of the fields it can answer; every field has four owners or fewer."""


def many_plans() -> World:
    """Return seven subgraphs with nearly the same schema, so that queries have very many plans."""

    def sdl(numbers: str) -> str:
        fields = " ".join(f"n{n}: Node f{n}: String" for n in numbers)
        return (
            "type Query @shareable { node: Node }\n"
            f'type Node @key(fields: "id") @shareable {{ id: ID! {fields} }}\n'
        )

    def node(id: str) -> Object:
        return {
            "__typename": "Node",
            "id": id,
            **{f"f{n}": f"f{n}-{id}" for n in range(7)},
            **{f"n{n}": lambda _, n=n: node(f"{id}{n}") for n in range(7)},
        }

    return World(
        {f"sub{number}": sdl(numbers) for number, numbers in enumerate(OFFERED)},
        lambda graph: {"node": lambda _: node("0")},
        lambda graph, representation: node(representation["id"]),
    )


def many_plans_monolith() -> str:
    """Return the schema of all seven subgraphs together."""
    fields = " ".join(f"n{n}: Node f{n}: String" for n in range(7))
    return f"type Query {{ node: Node }} type Node {{ id: ID! {fields} }}"


def many_plans_query() -> str:
    """Return a query of four of seven fields at each of four levels, and four of seven leaves."""
    choices = cycle(combinations(range(7), 4))

    def level(depth: int) -> str:
        chosen = next(choices)
        if depth == 4:
            return " ".join(f"f{n}" for n in chosen)
        return " ".join(f"n{n} {{ {level(depth + 1)} }}" for n in chosen)

    return f"query ManyPlans {{ node {{ {level(0)} }} }}"


# ------------------------------------------------------------------------------------ scaling

TABLE_SDL = {
    "table": """
type Query { rows(count: Int!): [Row!]! }
type Row {
  id: ID! name: String! city: String price: Float! amount: Int! open: Boolean! note: String
}
"""
}


def table() -> World:
    """Return one subgraph with a table of any length; a row is about 140 bytes."""

    def row(number: int) -> Object:
        return {
            "id": str(number),
            "name": f"Row number {number}",
            "city": "Hangzhou" if number % 3 else None,
            "price": number / 4,
            "amount": number * 7 % 1000,
            "open": number % 2 == 0,
            "note": "as it was delivered" if number % 5 else None,
        }

    return World(
        TABLE_SDL,
        lambda graph: {"rows": lambda _, count: [row(number) for number in range(count)]},
        lambda graph, representation: None,
    )


def table_query(rows: int) -> str:
    """Return a query of the first rows of the table."""
    return f"query Table {{ rows(count: {rows}) {{ id name city price amount open note }} }}"


def wide(count: int) -> World:
    """Return `count` subgraphs that each have one field of the same entity."""

    def sdl(number: int) -> str:
        query = "type Query { things: [Thing!]! }" if number == 0 else ""
        own = "".join(
            f"type Own{number}x{part} {{ id: ID! name: String! note: String amount: Int }}\n"
            for part in range(3)
        )
        return (
            f'{query}\ntype Thing @key(fields: "id") {{ id: ID! f{number}: String '
            f"own{number}: Own{number}x0 }}\n{own}"
        )

    def thing(id: str) -> Object:
        return {
            "__typename": "Thing",
            "id": id,
            **{f"f{number}": f"{number} of {id}" for number in range(count)},
        }

    return World(
        {f"s{number}": sdl(number) for number in range(count)},
        lambda graph: {"things": lambda _: [thing(str(id)) for id in range(10)]},
        lambda graph, representation: thing(representation["id"]),
    )


def wide_query(count: int) -> str:
    """Return a query of a field of every subgraph."""
    fields = " ".join(f"f{number}" for number in range(count))
    return f"query Wide {{ things {{ id {fields} }} }}"
