"""Follows the field sets of @key, @requires and @provides through the types of a subgraph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphql import GraphQLError

from gateway.composition.contexts import context_setters, context_use
from gateway.composition.subgraph_schema import OutputField, SubgraphSchema, Type
from gateway.operation import Field, Selection, parse_field_set


@dataclass(frozen=True)
class MentionedField:
    """A field in a field set: its type, its declaration if there is one, and the selection."""

    parent: str
    name: str
    output: OutputField | None
    selection: Field


def try_parse(text: str) -> tuple[Selection, ...] | None:
    """Parse a field set; None when the text is not one."""
    try:
        return parse_field_set(text)
    except (GraphQLError, AssertionError):
        return None


def mentioned_fields(
    types: Mapping[str, Type], type_name: str, text: str
) -> Iterator[MentionedField]:
    """Yield every field that a field set mentions, outermost first."""
    yield from _mentioned(types, type_name, try_parse(text) or ())


def _mentioned(
    types: Mapping[str, Type], type_name: str, selections: tuple[Selection, ...]
) -> Iterator[MentionedField]:
    for item in selections:
        if not isinstance(item, Field):
            yield from _mentioned(types, item.type or type_name, item.selections)
            continue
        if item.name == "__typename":
            continue
        definition = types.get(type_name)
        output = definition.fields.get(item.name) if definition else None
        yield MentionedField(type_name, item.name, output, item)
        if output is not None:
            yield from _mentioned(types, output.named, item.selections)


def used_fields(graph: SubgraphSchema) -> set[tuple[str, str]]:
    """Return the coordinates in the field sets of a subgraph, those of interfaces by object too."""
    coordinates: set[tuple[str, str]] = set()
    setters = context_setters(graph)
    for definition in graph.types.values():
        texts = [(definition.name, fields) for fields, _ in definition.keys]
        for field in definition.fields.values():
            if field.requires:
                texts.append((definition.name, field.requires))
            if field.provides:
                texts.append((field.named, field.provides))
            arguments = field.contextual.values()
            uses = [use for argument in arguments if (use := context_use(argument))]
            for context, selection in uses:
                texts += [(setter, selection) for setter in setters.get(context, ())]
        for parent, text in texts:
            for mentioned in mentioned_fields(graph.types, parent, text):
                members = graph.possible_types(mentioned.parent)
                coordinates.update((name, mentioned.name) for name in members)
                coordinates.add((mentioned.parent, mentioned.name))
    return coordinates


def provided_fields(graph: SubgraphSchema) -> set[tuple[str, str]]:
    """Return the coordinates in the @provides of a subgraph."""
    coordinates: set[tuple[str, str]] = set()
    for _, field in graph.outputs():
        if field.provides:
            for mentioned in mentioned_fields(graph.types, field.named, field.provides):
                members = graph.possible_types(mentioned.parent)
                coordinates.update((name, mentioned.name) for name in members)
    return coordinates


def key_fields(graph: SubgraphSchema) -> set[tuple[str, str]]:
    """Return the coordinates in the keys of a subgraph; every subgraph may resolve those."""
    coordinates: set[tuple[str, str]] = set()
    for definition in graph.types.values():
        for fields, _ in definition.keys:
            for mentioned in mentioned_fields(graph.types, definition.name, fields):
                members = graph.possible_types(mentioned.parent)
                coordinates.update((name, mentioned.name) for name in members)
                coordinates.add((mentioned.parent, mentioned.name))
    return coordinates


def pretended_external(definition: Type, types: Mapping[str, Type], federation_1: bool) -> set[str]:
    """Return key fields of an extension that are marked @external although it resolves them.

    Federation 1 demanded the mark.
    """
    if not (definition.extension or federation_1):
        return set()
    return {
        mentioned.name
        for fields, _ in definition.keys
        for mentioned in mentioned_fields(types, definition.name, fields)
        if mentioned.parent == definition.name
    }
