"""Keeps every response key of the merged tree unambiguous.

Three things would break if keys were taken as they come: a key that the client uses for another
field, a key whose field means different things for two runtime types, and a subgraph that refuses
one key with two types (`ID` and `ID!`) in one selection. Each gets a key of our own instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.operation import Field

JsonPath = tuple[str, ...]
_Wish = tuple[str, str, str]  # response key, field name, arguments


@dataclass(slots=True)
class _Claim:
    types: frozenset[str]
    wanted: _Wish
    source: str
    signatures: dict[str, str] = field(default_factory=dict)  # subgraph → type of the value


@dataclass(slots=True)
class _Claims:
    """The claims of one object position."""

    by_wish: dict[_Wish, list[_Claim]] = field(default_factory=dict)
    by_source: dict[str, list[_Claim]] = field(default_factory=dict)

    def add(self, claim: _Claim) -> None:
        self.by_wish.setdefault(claim.wanted, []).append(claim)
        self.by_source.setdefault(claim.source, []).append(claim)


class Names:
    """Who holds which key of the merged tree."""

    def __init__(self) -> None:
        self._claims: dict[JsonPath, _Claims] = {}
        self.aliases: dict[str, str] = {}

    def claim(
        self, path: JsonPath, types: frozenset[str], item: Field, graph: str, signature: str
    ) -> str:
        """Return the key under which the field stands in the merged tree."""
        wanted = (item.key, item.name, item.arguments)
        claims = self._claims.setdefault(path, _Claims())
        for claim in claims.by_wish.get(wanted, ()):
            if claim.types & types:
                claim.types |= types
                claim.signatures.setdefault(graph, signature)
                return claim.source
        source = item.key
        while any(
            _clash(claim, types, wanted, graph, signature)
            for claim in claims.by_source.get(source, ())
        ):
            source = f"_{source}"
        if source != item.key:
            self.aliases[source] = item.key
        claims.add(_Claim(types, wanted, source, {graph: signature}))
        return source

    def source(self, path: JsonPath, type_name: str, item: Field) -> str:
        """Return the key under which a field was claimed for a type."""
        wanted = (item.key, item.name, item.arguments)
        claims = self._claims.get(path)
        for claim in claims.by_wish.get(wanted, ()) if claims is not None else ():
            if type_name in claim.types:
                return claim.source
        return item.key


def _clash(
    claim: _Claim,
    types: frozenset[str],
    wanted: _Wish,
    graph: str,
    signature: str,
) -> bool:
    if claim.types & types:
        return claim.wanted[1:] != wanted[1:]
    return claim.signatures.get(graph, signature) != signature
