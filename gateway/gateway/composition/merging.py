"""Merges subgraphs that passed every rule; from here on nothing can fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gateway.composition.across import Across
from gateway.composition.carrying import carry, descriptions
from gateway.composition.contexts import full_name, join_arguments
from gateway.composition.definitions import definitions, links
from gateway.composition.merged import (
    Merged,
    MergedInput,
    MergedOutput,
    MergedType,
    MergedValue,
)
from gateway.composition.parts import Graph, Input, Output, Type
from gateway.composition.type_refs import merge_all, merge_input, merge_output

_Sides = list[tuple[Graph, Type]]


def merge(across: Across) -> Merged:
    """Return the merged schema."""
    types = {name: _type(across, name) for name in sorted(across.sides)}
    if "Query" in types:  # every subgraph can be asked `_entities`
        query = types["Query"]
        joins = tuple(f"@join__type(graph: {graph.id})" for graph in across.graphs)
        fields = {
            name: replace(item, joins=item.joins or _everywhere(across, "Query", name))
            for name, item in query.fields.items()
        }
        types["Query"] = replace(query, joins=joins, fields=fields)
    types = {name: kind for name, kind in types.items() if not _is_empty(kind)}
    lent = {name: _with_lent_fields(across, kind, types) for name, kind in types.items()}
    return Merged(
        graphs=tuple((graph.id, graph.name, graph.url) for graph in across.graphs),
        types=lent,
        directives=tuple(definitions(across, lent)),
        links=tuple(links(across, lent)),
    )


def _everywhere(across: Across, name: str, field: str) -> tuple[str, ...]:
    owners = [graph for graph, _ in across.answering(name, field)]
    if len(owners) == len(across.graphs):
        return ()
    return tuple(f"@join__field(graph: {graph.id})" for graph in owners)


def _is_empty(kind: MergedType) -> bool:
    parts = (kind.fields, kind.inputs, kind.values, kind.members)
    return kind.kind != "SCALAR" and not any(parts)


def _type(across: Across, name: str) -> MergedType:
    sides = across.sides[name]
    kind = across.kind(name)
    contexts = dict.fromkeys(
        f'@context(name: "{full_name(graph, mark.text("name") or "")}")'
        for graph, side in sides
        for mark in side.all("context")
    )
    merged = MergedType(
        name=name,
        kind=kind,
        description=descriptions([side.description for _, side in sides]),
        carried=(*contexts, *carry(sides)),
        joins=tuple(_type_joins(sides)),
    )
    match kind:
        case "OBJECT" | "INTERFACE":
            fields = {item.name: item for item in _outputs(across, name)}
            implements = [
                (graph, interface) for graph, side in sides for interface in side.interfaces
            ]
            joins = (
                f'@join__implements(graph: {graph.id}, interface: "{interface}")'
                for graph, interface in implements
            )
            return replace(
                merged,
                fields=fields,
                interfaces=tuple(dict.fromkeys(interface for _, interface in implements)),
                joins=(*joins, *merged.joins),
            )
        case "UNION":
            members = [(graph, member) for graph, side in sides for member in side.members]
            joins = (
                f'@join__unionMember(graph: {graph.id}, member: "{member}")'
                for graph, member in members
            )
            names = tuple(sorted({member for _, member in members}))
            return replace(merged, members=names, joins=(*merged.joins, *joins))
        case "ENUM":
            return replace(merged, values=tuple(_values(across, name, sides)))
        case "INPUT_OBJECT":
            return replace(merged, inputs=tuple(_input_fields(sides)))
        case _:
            return merged


def _type_joins(sides: _Sides) -> Iterator[str]:
    for graph, side in sides:
        second = graph.federation >= (2, 0)  # in Federation 1 everybody wrote `extend`
        extension = ", extension: true" if second and side.extension and side.keys else ""
        stands_in = ", isInterfaceObject: true" if side.interface_object else ""
        keys = side.keys
        if side.kind == "INTERFACE" and graph.federation < (2, 3):
            keys = []  # before v2.3 a key on an interface meant nothing
        for fields, resolvable in keys or [("", True)]:
            key = f", key: {_quoted(fields)}" if fields else ""
            only_refers = "" if resolvable else ", resolvable: false"
            yield f"@join__type(graph: {graph.id}{key}{extension}{only_refers}{stands_in})"


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    escaped = flat.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# ---------------------------------------------------------------------------------------- outputs


def _outputs(across: Across, name: str) -> Iterator[MergedOutput]:
    for field, sides in across.fields(name).items():
        kept = [
            (graph, item)
            for graph, item in sides
            if not across.is_gone(graph, name, field) or across.is_used(graph, name, field)
        ]
        kept = [
            (graph, item)
            for graph, item in kept
            if not item.external or across.is_used(graph, name, field)
        ]
        if kept:
            yield _output(across, name, field, kept)


def _output(
    across: Across, name: str, field: str, sides: list[tuple[Graph, Output]]
) -> MergedOutput:
    answering = across.answering(name, field) or sides
    types = [item.type for _, item in answering]
    merged = merge_all(types, lambda a, b: merge_output(a, b, across.is_subtype)) or types[0]
    differ = any(item.type != merged for _, item in sides)
    joins = [_field_join(across, name, graph, item, differ) for graph, item in sides]
    plain = all(
        join == f"@join__field(graph: {g.id})" for join, (g, _) in zip(joins, sides, strict=True)
    )
    everywhere = len(sides) == len(across.sides[name])
    return MergedOutput(
        name=field,
        type=merged,
        arguments=tuple(_arguments(answering)),
        description=descriptions([item.description for _, item in sides]),
        carried=carry(sides),
        joins=() if plain and everywhere else tuple(joins),
    )


def _field_join(across: Across, name: str, graph: Graph, item: Output, differ: bool) -> str:
    parts = [f"graph: {graph.id}"]
    if item.requires:
        parts.append(f"requires: {_quoted(item.requires)}")
    if item.provides:
        parts.append(f"provides: {_quoted(item.provides)}")
    if differ:
        parts.append(f'type: "{item.type}"')
    if item.external:
        parts.append("external: true")
    if item.override in across.names:
        parts.append(f"override: {_quoted(item.override or '')}")
        if (label := item.text("override", "label")) is not None:
            parts.append(f"overrideLabel: {_quoted(label)}")
    taken = across.overridden.get((graph.name, name, item.name))
    if taken is not None and not item.external:
        if taken.label is None or across.is_used(graph, name, item.name):
            parts.append("usedOverridden: true")
        if taken.label is not None:
            parts.append(f"overrideLabel: {_quoted(taken.label)}")
    if (contextual := join_arguments(graph, item)) is not None:
        parts.append(contextual)
    return f"@join__field({', '.join(parts)})"


def _with_lent_fields(across: Across, kind: MergedType, types: dict[str, MergedType]) -> MergedType:
    """Give an object the fields that an @interfaceObject adds to its interfaces."""
    if kind.kind != "OBJECT":
        return kind
    fields = dict(kind.fields)
    for interface in kind.interfaces:
        if any(side.interface_object for _, side in across.sides.get(interface, ())):
            for name, item in types[interface].fields.items():
                fields.setdefault(name, replace(item, joins=("@join__field",)))
    return replace(kind, fields=fields)


# ----------------------------------------------------------------------------------------- inputs


def _arguments(sides: Sequence[tuple[Graph, Output]]) -> Iterator[MergedInput]:
    """Keep the arguments that every subgraph takes."""
    for name in sides[0][1].arguments:
        known = [(graph, item.arguments.get(name)) for graph, item in sides]
        present = [(graph, item) for graph, item in known if item is not None]
        if len(present) == len(sides):
            yield _input(name, present)


def _input(name: str, sides: list[tuple[Graph, Input]]) -> MergedInput:
    types = [item.type for _, item in sides]
    return MergedInput(
        name=name,
        type=merge_all(types, merge_input) or types[0],
        default=next((item.default for _, item in sides if item.default is not None), None),
        description=descriptions([item.description for _, item in sides]),
        carried=carry(sides),
    )


def _input_fields(sides: _Sides) -> Iterator[MergedInput]:
    for name in sides[0][1].inputs:
        present = [(graph, side.inputs[name]) for graph, side in sides if name in side.inputs]
        if len(present) < len(sides):
            continue
        merged = _input(name, present)
        differ = any(item.type != merged.type for _, item in present)
        joins = [
            f"@join__field(graph: {graph.id}" + (f', type: "{item.type}")' if differ else ")")
            for graph, item in present
        ]
        yield replace(merged, joins=tuple(joins) if differ else ())


# ------------------------------------------------------------------------------------------ enums


def _values(across: Across, name: str, sides: _Sides) -> Iterator[MergedValue]:
    for value in enum_values(across, name, sides):
        present = [(graph, side.values[value]) for graph, side in sides if value in side.values]
        yield MergedValue(
            name=value,
            description=descriptions([item.description for _, item in present]),
            carried=carry(present),
            joins=tuple(f"@join__enumValue(graph: {graph.id})" for graph, _ in present),
        )


def enum_values(across: Across, name: str, sides: _Sides) -> Iterable[str]:
    """Return the values of a merged enum: all when it is only read, the common ones when written."""
    every = dict.fromkeys(value for _, side in sides for value in side.values)
    if name in across.input_types and name not in across.output_types:
        return [value for value in every if all(value in side.values for _, side in sides)]
    return list(every)
