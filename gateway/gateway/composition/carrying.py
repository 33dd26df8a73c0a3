"""Carries directives from subgraphs into the supergraph: tags, access rules, costs, composed ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.composition.parts import Graph, Marked

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


def carry(sides: Iterable[tuple[Graph, Marked]]) -> tuple[str, ...]:
    """Return the directives of one element, printed, each once."""
    found: dict[str, str] = {}
    for graph, element in sides:
        for mark in element.marks:
            composed = mark.name in graph.composed
            if mark.name not in CARRIED and mark.name not in _PLAIN and not composed:
                continue
            text = f"@{mark.name}{mark.arguments()}"
            many = mark.name in _REPEATABLE or composed
            found.setdefault(text if many else mark.name, text)
    return tuple(sorted(found.values()))


def descriptions(sides: Sequence[str | None]) -> str | None:
    """Return the description that most subgraphs agree on, the first one at a tie."""
    written = [text for text in sides if text]
    return max(written, key=written.count) if written else None
