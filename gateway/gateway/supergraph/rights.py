"""The rights that types and fields demand: `@authenticated`, `@requiresScopes`, `@policy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from graphql import (
    ConstDirectiveNode,
    ListValueNode,
    TypeDefinitionNode,
    parse,
)

from gateway.supergraph.specs import Spec, argument, specs_of, texts
from gateway.supergraph.views import Supergraph

Kind = Literal["authenticated", "requiresScopes", "policy"]
_ARGUMENTS: Mapping[Kind, str] = {"requiresScopes": "scopes", "policy": "policies"}


@dataclass(frozen=True, slots=True)
class Right:
    """One demand: to be authenticated, or to hold all scopes or policies of one of several sets."""

    kind: Kind
    ways: tuple[frozenset[str], ...] = ()


Rights = Mapping[str, tuple[Right, ...]]
"""The rights that a type or field demands, by coordinate (`Type` or `Type.field`)."""


def rights_of(supergraph: Supergraph) -> Rights:
    """Return the rights that a supergraph demands; empty when it demands none."""
    if "/authenticated/" not in supergraph.sdl and not any(
        f"/{kind}/" in supergraph.sdl for kind in _ARGUMENTS
    ):
        return {}
    document = parse(supergraph.sdl, no_location=True)
    specs = specs_of(document)
    rights: dict[str, tuple[Right, ...]] = {}
    for node in document.definitions:
        if not isinstance(node, TypeDefinitionNode):
            continue
        name = node.name.value
        _add_rights(rights, name, node.directives, specs)
        for item in getattr(node, "fields", None) or ():
            _add_rights(rights, f"{name}.{item.name.value}", item.directives, specs)
    return rights


def _add_rights(
    rights: dict[str, tuple[Right, ...]],
    coordinate: str,
    directives: tuple[ConstDirectiveNode, ...] | None,
    specs: Mapping[str, Spec],
) -> None:
    demanded = tuple(_read_rights(directives or (), specs))
    if demanded:
        rights[coordinate] = rights.get(coordinate, ()) + demanded


def _read_rights(
    directives: tuple[ConstDirectiveNode, ...], specs: Mapping[str, Spec]
) -> Iterator[Right]:
    kinds: dict[str, Kind] = {
        specs[kind].directive(kind): kind
        for kind in ("authenticated", "requiresScopes", "policy")
        if kind in specs
    }
    for directive in directives:
        kind = kinds.get(directive.name.value)
        if kind is None:
            continue
        ways = argument(directive, _ARGUMENTS[kind]) if kind in _ARGUMENTS else None
        yield Right(
            kind,
            tuple(frozenset(texts(way)) for way in ways.values)
            if isinstance(ways, ListValueNode)
            else (),
        )
