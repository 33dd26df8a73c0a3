"""Merges the directives of subgraphs: tags, access rules, costs and composed directives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import cast

from graphql import value_from_ast_untyped

from gateway.composition.subgraph_schema import Directive, SubgraphSchema, WithDirectives
from gateway.supergraph.specs import argument

# Directives that are always taken over, each with the specification to link for it.
MERGED_DIRECTIVES = {
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
_COMBINED = {
    "requiresScopes": "scopes",
    "policy": "policies",
    "cost": "weight",
    "listSize": "assumedSize",
}


def merge_directives(
    declarations: Iterable[tuple[SubgraphSchema, WithDirectives]],
) -> tuple[str, ...]:
    """Return the merged directives of one element, printed and sorted."""
    single: dict[str, str] = {}  # by name, the first use
    repeated: dict[str, None] = {}
    combined: dict[str, list[Directive]] = {}
    for graph, element in declarations:
        for directive in element.directives:
            name = directive.name
            composed = name in graph.composed
            if name not in MERGED_DIRECTIVES and name not in _PLAIN and not composed:
                continue
            if name in _REPEATABLE or composed:
                repeated[f"@{name}{directive.arguments()}"] = None
            elif name in _COMBINED:
                combined.setdefault(name, []).append(directive)
            else:
                single.setdefault(name, f"@{name}{directive.arguments()}")
    texts = (_combine(name, uses) for name, uses in combined.items())
    return tuple(sorted([*repeated, *single.values(), *texts]))


def _combine(name: str, uses: list[Directive]) -> str:
    """Combine what several subgraphs demand so that all demands hold."""
    if name == "cost":
        weights = [int(str(_value(use, "weight"))) for use in uses]
        return f"@cost(weight: {max(weights)})"
    if name == "listSize":
        return _combine_list_sizes(uses)
    argument_name = _COMBINED[name]
    ways: list[tuple[str, ...]] = [()]
    for use in uses:
        theirs = [tuple(way) for way in cast(list[list[str]], _value(use, argument_name))]
        ways = [tuple(sorted({*way, *other})) for way in ways for other in theirs]
    unique = [way for way in dict.fromkeys(ways) if not any(set(o) < set(way) for o in ways)]
    printed = ", ".join(f"[{', '.join(_quoted(item) for item in way)}]" for way in unique)
    return f"@{name}({argument_name}: [{printed}])"


def _combine_list_sizes(uses: list[Directive]) -> str:
    """Combine @listSize of several subgraphs: the longest list, and all named arguments."""
    arguments: list[str] = []
    sizes = [size for use in uses if isinstance(size := _value(use, "assumedSize"), int)]
    if sizes:
        arguments.append(f"assumedSize: {max(sizes)}")
    for name in ("slicingArguments", "sizedFields"):
        values = [value for use in uses if isinstance(value := _value(use, name), list)]
        if values:
            names = dict.fromkeys(str(item) for value in values for item in value)
            arguments.append(f"{name}: [{', '.join(_quoted(item) for item in names)}]")
    if not all(use.flag("requireOneSlicingArgument", True) for use in uses):
        arguments.append("requireOneSlicingArgument: false")
    return f"@listSize({', '.join(arguments)})" if arguments else "@listSize"


def _value(directive: Directive, name: str) -> object:
    node = argument(directive.node, name)
    return None if node is None else value_from_ast_untyped(node)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def merge_descriptions(descriptions: Sequence[str | None]) -> str | None:
    """Return the description of most subgraphs, the first one at a tie; None without any."""
    written = [text for text in descriptions if text]
    return max(written, key=written.count) if written else None
