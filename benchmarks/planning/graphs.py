"""Generates subgraphs and operations: wide abstract types, hostile documents, a large company."""

from __future__ import annotations

import random
from collections.abc import Iterator

TYPES = 40
LINK = (
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", '
    'import: ["@key", "@external", "@requires", "@provides", "@shareable"])\n'
)


def wide() -> dict[str, str]:
    """Return four subgraphs that share an interface of forty types."""
    subgraphs = {}
    for number in range(4):
        parts = [LINK, "interface Node { id: ID! }"]
        if number == 0:
            parts.append("type Query { nodes: [Node!]! }")
        parts += [
            f'type T{n} implements Node @key(fields: "id") {{ id: ID! a{number}: Int '
            f"b{number}: String @shareable c{number}: Node name: String @shareable }}"
            for n in range(TYPES)
        ]
        subgraphs[f"s{number}"] = "\n".join(parts)
    return subgraphs


def hostile() -> Iterator[tuple[str, str]]:
    """Yield operations on the wide graph that are short and select very much."""

    def types(depth: int) -> str:
        below = types(depth - 1) if depth else ""
        return "id " + " ".join(
            f"... on T{n} {{ name a0 a1 a2 a3 c{n % 4} {{ "
            f"{below if n % 8 == 0 and depth else 'id'} }} }}"
            for n in range(TYPES)
        )

    def pairs(depth: int) -> str:
        if depth == 0:
            return "id name a0 a1"
        below = pairs(depth - 1)
        return (
            f"id ... on T1 {{ name a1 c0 {{ ... on T1 {{ {below} }} }} "
            f"c1 {{ ... on T1 {{ {below} }} }} }}"
        )

    yield "one level of 40 types", f"{{ nodes {{ {types(0)} }} }}"
    yield "two levels of 40 types", f"{{ nodes {{ {types(1)} }} }}"
    yield "three levels of 40 types", f"{{ nodes {{ {types(2)} }} }}"
    spreads = " ".join(f"...F{n}" for n in range(1500))
    fragments = " ".join(f"fragment F{n} on T{n % TYPES} {{ name a{n % 4} }}" for n in range(1500))
    yield "1,500 fragments", f"{{ nodes {{ {spreads} }} }} {fragments}"
    aliases = " ".join(f"... on T{n % TYPES} {{ k{n}: name z{n}: a{n % 4} }}" for n in range(1500))
    yield "3,000 aliases", f"{{ nodes {{ {aliases} }} }}"
    yield "a tree of 2^8 ways", f"{{ nodes {{ {pairs(8)} }} }}"


def company(count: int = 191, seed: int = 1) -> dict[str, str]:
    """Return the subgraphs of a large company: teams own types, extend others and share values."""
    dice = random.Random(seed)
    entities = [f"Entity{n}" for n in range(count * 2)]
    subgraphs = {}
    for number in range(count):
        own = entities[number * 2 : number * 2 + 2]
        foreign = dice.sample([name for name in entities if name not in own], 6)
        parts = [
            LINK,
            "type Query { " + " ".join(_queries(name) for name in own) + " }",
            "type Mutation { " + " ".join(_mutation(name) for name in own) + " }",
            "type Money @shareable { amount: Float! currency: Currency! }",
            "type PageInfo @shareable { hasNextPage: Boolean! endCursor: String }",
            "enum Currency { CNY EUR USD }",
            "input Filter { text: String since: String currency: Currency }",
            "interface Node { id: ID! }",
            "scalar DateTime",
        ]
        for name in own:
            fields = " ".join(f"field{n}: {dice.choice(_KINDS)}" for n in range(12))
            links = " ".join(f"link{n}: {other}" for n, other in enumerate(foreign[:3]))
            parts.append(
                f'type {name} implements Node @key(fields: "id") '
                f"{{ id: ID! name: String! {fields} {links} }}"
            )
            parts.append(f"input {name}Input {{ id: ID! name: String money: Float }}")
            parts += [
                f"type {name}Part{n} {{ id: ID! title: String! count: Int! of: {name}! }}"
                for n in range(4)
            ]
            parts.append(f"union {name}Any = " + " | ".join(f"{name}Part{n}" for n in range(4)))
        for name in foreign:
            parts.append(
                f'type {name} @key(fields: "id") '
                f"{{ id: ID! seen{number}: [{own[0]}Part0!]! total{number}: Money }}"
            )
        subgraphs[f"team{number}"] = "\n".join(parts)
    return subgraphs


def _queries(name: str) -> str:
    field = name.lower()
    return f"{field}(id: ID!): {name} {field}s(first: Int = 20, filter: Filter): [{name}!]!"


def _mutation(name: str) -> str:
    return f"change{name}(input: {name}Input!): {name}"


_KINDS = ("Int", "String", "String!", "Money", "DateTime", "[String!]!", "Boolean!", "Currency")
