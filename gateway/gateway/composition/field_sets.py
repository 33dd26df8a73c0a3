"""Walks the field sets of @key, @requires and @provides through the types of a subgraph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphql import GraphQLError

from gateway.composition.contexts import setters, use_of
from gateway.composition.parts import Graph, Output, Type
from gateway.operation import Field, Selection, parse_field_set


@dataclass(frozen=True)
class Seen:
    """A field that a field set mentions: the type it is on, the field if it exists, the use."""

    parent: str
    name: str
    output: Output | None
    selection: Field


def parsed(text: str) -> tuple[Selection, ...] | None:
    """Parse a field set; None when it is not one."""
    try:
        return parse_field_set(text)
    except (GraphQLError, AssertionError):
        return None


def seen_in(types: Mapping[str, Type], type_name: str, text: str) -> Iterator[Seen]:
    """Yield every field that a field set mentions, outermost first."""
    yield from _seen(types, type_name, parsed(text) or ())


def _seen(
    types: Mapping[str, Type], type_name: str, selections: tuple[Selection, ...]
) -> Iterator[Seen]:
    for item in selections:
        if not isinstance(item, Field):
            yield from _seen(types, item.type or type_name, item.selections)
            continue
        if item.name == "__typename":
            continue
        kind = types.get(type_name)
        output = kind.fields.get(item.name) if kind else None
        yield Seen(type_name, item.name, output, item)
        if output is not None:
            yield from _seen(types, output.named, item.selections)


def used_fields(graph: Graph) -> set[tuple[str, str]]:
    """Return the coordinates that the graph's field sets use; interfaces stand for their objects."""
    found: set[tuple[str, str]] = set()
    contexts = setters(graph)
    for kind in graph.types.values():
        texts = [(kind.name, fields) for fields, _ in kind.keys]
        for item in kind.fields.values():
            if item.requires:
                texts.append((kind.name, item.requires))
            if item.provides:
                texts.append((item.named, item.provides))
            uses = [use for argument in item.contextual.values() if (use := use_of(argument))]
            for context, selection in uses:
                texts += [(setter, selection) for setter in contexts.get(context, ())]
        for parent, text in texts:
            for seen in seen_in(graph.types, parent, text):
                found.update((name, seen.name) for name in graph.possible(seen.parent))
                found.add((seen.parent, seen.name))
    return found


def provided_fields(graph: Graph) -> set[tuple[str, str]]:
    """Return the coordinates that some @provides brings along."""
    found: set[tuple[str, str]] = set()
    for _, field in graph.outputs():
        if field.provides:
            for seen in seen_in(graph.types, field.named, field.provides):
                found.update((name, seen.name) for name in graph.possible(seen.parent))
    return found


def key_fields(graph: Graph) -> set[tuple[str, str]]:
    """Return the coordinates that some key uses: everybody may answer those."""
    found: set[tuple[str, str]] = set()
    for kind in graph.types.values():
        for fields, _ in kind.keys:
            for seen in seen_in(graph.types, kind.name, fields):
                found.update((name, seen.name) for name in graph.possible(seen.parent))
                found.add((seen.parent, seen.name))
    return found


def external_by_mistake(kind: Type, types: Mapping[str, Type], first: bool) -> set[str]:
    """Return key fields of an extension that are marked external as Federation 1 wanted it."""
    if not (kind.extension or first):
        return set()
    return {
        seen.name
        for fields, _ in kind.keys
        for seen in seen_in(types, kind.name, fields)
        if seen.parent == kind.name
    }
