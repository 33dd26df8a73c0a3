"""Carries directives from subgraphs into the supergraph: tags, access rules, costs, composed ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import cast

from graphql import value_from_ast_untyped

from gateway.composition.parts import Graph, Mark, Marked
from gateway.supergraph.specs import argument

# what always travels; the value says which spec has to be linked for it
CARRIED = {
    "tag": "https://specs.apollo.dev/tag/v0.3",
    "inaccessible": "https://specs.apollo.dev/inaccessible/v0.2",
    "authenticated": "https://specs.apollo.dev/authenticated/v0.1",
    "requiresScopes": "https://specs.apollo.dev/requiresScopes/v0.1",
    "policy": "https://specs.apollo.dev/policy/v0.1",
    "cost": "https://specs.apollo.dev/cost/v0.1",
    "listSize": "https://specs.apollo.dev/cost/v0.1",
}
_PLAIN = frozenset({"deprecated", "specifiedBy", "oneOf"})
_REPEATABLE = frozenset({"tag"})
_JOINED = {
    "requiresScopes": "scopes",
    "policy": "policies",
    "cost": "weight",
    "listSize": "assumedSize",
}


def carry(sides: Iterable[tuple[Graph, Marked]]) -> tuple[str, ...]:
    """Return the directives of one element, printed, each once."""
    found: dict[str, list[str]] = {}
    many: dict[str, None] = {}
    joined: dict[str, list[Mark]] = {}
    for graph, element in sides:
        for mark in element.marks:
            composed = mark.name in graph.composed
            if mark.name not in CARRIED and mark.name not in _PLAIN and not composed:
                continue
            if mark.name in _REPEATABLE or composed:
                many[f"@{mark.name}{mark.arguments()}"] = None
            elif mark.name in _JOINED:
                joined.setdefault(mark.name, []).append(mark)
            else:
                found.setdefault(mark.name, []).append(f"@{mark.name}{mark.arguments()}")
    single = [texts[0] for texts in found.values()]
    return tuple(sorted([*many, *single, *(_joint(name, m) for name, m in joined.items())]))


def _joint(name: str, marks: list[Mark]) -> str:
    """Join what several subgraphs demand: all of them must be content."""
    if name == "cost":
        weights = [int(str(_value(mark, "weight"))) for mark in marks]
        return f"@cost(weight: {max(weights)})"
    if name == "listSize":
        return _joint_size(marks)
    argument_name = _JOINED[name]
    ways: list[tuple[str, ...]] = [()]
    for mark in marks:
        theirs = [tuple(way) for way in cast(list[list[str]], _value(mark, argument_name))]
        ways = [tuple(sorted({*way, *other})) for way in ways for other in theirs]
    unique = [way for way in dict.fromkeys(ways) if not any(set(o) < set(way) for o in ways)]
    told = ", ".join(f"[{', '.join(_quoted(item) for item in way)}]" for way in unique)
    return f"@{name}({argument_name}: [{told}])"


def _joint_size(marks: list[Mark]) -> str:
    """Join what several subgraphs know about one list: the longest, and every argument that counts."""
    said: list[str] = []
    sizes = [size for mark in marks if isinstance(size := _value(mark, "assumedSize"), int)]
    if sizes:
        said.append(f"assumedSize: {max(sizes)}")
    for name in ("slicingArguments", "sizedFields"):
        every = [value for mark in marks if isinstance(value := _value(mark, name), list)]
        if every:
            names = dict.fromkeys(str(item) for value in every for item in value)
            said.append(f"{name}: [{', '.join(_quoted(item) for item in names)}]")
    if not all(mark.flag("requireOneSlicingArgument", True) for mark in marks):
        said.append("requireOneSlicingArgument: false")
    return f"@listSize({', '.join(said)})" if said else "@listSize"


def _value(mark: Mark, name: str) -> object:
    node = argument(mark.node, name)
    return None if node is None else value_from_ast_untyped(node)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def descriptions(sides: Sequence[str | None]) -> str | None:
    """Return the description that most subgraphs agree on, the first one at a tie."""
    written = [text for text in sides if text]
    return max(written, key=written.count) if written else None
