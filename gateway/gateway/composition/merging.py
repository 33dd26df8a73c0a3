"""Merges subgraphs that passed every rule; merging itself cannot fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gateway.composition.contexts import full_context_name, print_context_arguments
from gateway.composition.definitions import definitions, links
from gateway.composition.directive_merging import merge_descriptions, merge_directives
from gateway.composition.merged import (
    Merged,
    MergedInput,
    MergedOutput,
    MergedType,
    MergedValue,
)
from gateway.composition.subgraph_schema import InputValue, OutputField, SubgraphSchema, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.composition.type_references import merge_input, merge_output, merge_types

_Declarations = list[tuple[SubgraphSchema, Type]]


def merge(subgraphs: SubgraphSet) -> Merged:
    """Return the merged schema."""
    types = {name: _type(subgraphs, name) for name in sorted(subgraphs.declarations)}
    if "Query" in types:  # every subgraph has the root field `_entities`
        query = types["Query"]
        joins = tuple(f"@join__type(graph: {graph.id})" for graph in subgraphs.graphs)
        fields = {
            name: replace(item, joins=item.joins or _query_field_joins(subgraphs, "Query", name))
            for name, item in query.fields.items()
        }
        types["Query"] = replace(query, joins=joins, fields=fields)
    types = {name: merged for name, merged in types.items() if not _is_empty(merged)}
    types = {
        name: _with_interface_object_fields(subgraphs, merged, types)
        for name, merged in types.items()
    }
    return Merged(
        graphs=tuple((graph.id, graph.name, graph.url) for graph in subgraphs.graphs),
        types=types,
        definitions=tuple(definitions(subgraphs, types)),
        links=tuple(links(subgraphs, types)),
    )


def _query_field_joins(subgraphs: SubgraphSet, name: str, field: str) -> tuple[str, ...]:
    owners = [graph for graph, _ in subgraphs.owners(name, field)]
    if len(owners) == len(subgraphs.graphs):
        return ()
    return tuple(f"@join__field(graph: {graph.id})" for graph in owners)


def _is_empty(merged: MergedType) -> bool:
    parts = (merged.fields, merged.inputs, merged.values, merged.members)
    return merged.kind != "SCALAR" and not any(parts)


def _type(subgraphs: SubgraphSet, name: str) -> MergedType:
    declarations = subgraphs.declarations[name]
    kind = subgraphs.kind(name)
    contexts = dict.fromkeys(
        f'@context(name: "{full_context_name(graph, directive.text("name") or "")}")'
        for graph, declaration in declarations
        for directive in declaration.directives_named("context")
    )
    merged = MergedType(
        name=name,
        kind=kind,
        description=merge_descriptions(
            [declaration.description for _, declaration in declarations]
        ),
        directives=(*contexts, *merge_directives(declarations)),
        joins=tuple(_type_joins(declarations)),
    )
    match kind:
        case "OBJECT" | "INTERFACE":
            fields = {item.name: item for item in _outputs(subgraphs, name)}
            implements = [
                (graph, interface)
                for graph, declaration in declarations
                for interface in declaration.interfaces
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
            members = [
                (graph, member)
                for graph, declaration in declarations
                for member in declaration.members
            ]
            joins = (
                f'@join__unionMember(graph: {graph.id}, member: "{member}")'
                for graph, member in members
            )
            names = tuple(sorted({member for _, member in members}))
            return replace(merged, members=names, joins=(*merged.joins, *joins))
        case "ENUM":
            return replace(merged, values=tuple(_values(subgraphs, name, declarations)))
        case "INPUT_OBJECT":
            return replace(merged, inputs=tuple(_input_fields(declarations)))
        case _:
            return merged


def _type_joins(declarations: _Declarations) -> Iterator[str]:
    for graph, declaration in declarations:
        federation_2 = graph.federation >= (2, 0)  # in Federation 1 `extend` has no meaning
        extension = (
            ", extension: true"
            if federation_2 and declaration.extension and declaration.keys
            else ""
        )
        interface_object = ", isInterfaceObject: true" if declaration.interface_object else ""
        keys = declaration.keys
        if declaration.kind == "INTERFACE" and graph.federation < (2, 3):
            keys = []  # before v2.3 a key on an interface has no meaning
        for fields, resolvable in keys or [("", True)]:
            key = f", key: {_quoted(fields)}" if fields else ""
            reference_only = "" if resolvable else ", resolvable: false"
            arguments = f"graph: {graph.id}{key}{extension}{reference_only}{interface_object}"
            yield f"@join__type({arguments})"


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    escaped = flat.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# ---------------------------------------------------------------------------------------- outputs


def _outputs(subgraphs: SubgraphSet, name: str) -> Iterator[MergedOutput]:
    for field, declarations in subgraphs.fields(name).items():
        needed = [
            (graph, item)
            for graph, item in declarations
            if not (item.external or subgraphs.is_overridden(graph, name, field))
            or subgraphs.is_used(graph, name, field)
        ]
        if needed:
            yield _output(subgraphs, name, field, needed)


def _output(
    subgraphs: SubgraphSet,
    name: str,
    field: str,
    declarations: list[tuple[SubgraphSchema, OutputField]],
) -> MergedOutput:
    owners = subgraphs.owners(name, field) or declarations
    types = [item.type for _, item in owners]
    merged = merge_types(types, lambda a, b: merge_output(a, b, subgraphs.is_subtype)) or types[0]
    differ = any(item.type != merged for _, item in declarations)
    joins = [_field_join(subgraphs, name, graph, item, differ) for graph, item in declarations]
    plain = all(
        join == f"@join__field(graph: {g.id})"
        for join, (g, _) in zip(joins, declarations, strict=True)
    )
    everywhere = len(declarations) == len(subgraphs.declarations[name])
    return MergedOutput(
        name=field,
        type=merged,
        arguments=tuple(_arguments(owners)),
        description=merge_descriptions([item.description for _, item in declarations]),
        directives=merge_directives(declarations),
        joins=() if plain and everywhere else tuple(joins),
    )


def _field_join(
    subgraphs: SubgraphSet, name: str, graph: SubgraphSchema, item: OutputField, differ: bool
) -> str:
    parts = [f"graph: {graph.id}"]
    if item.requires:
        parts.append(f"requires: {_quoted(item.requires)}")
    if item.provides:
        parts.append(f"provides: {_quoted(item.provides)}")
    if differ:
        parts.append(f'type: "{item.type}"')
    if item.external:
        parts.append("external: true")
    if item.override in subgraphs.names:
        parts.append(f"override: {_quoted(item.override or '')}")
        if (label := item.text("override", "label")) is not None:
            parts.append(f"overrideLabel: {_quoted(label)}")
    override = subgraphs.overridden.get((graph.name, name, item.name))
    if override is not None and not item.external:
        if override.label is None or subgraphs.is_used(graph, name, item.name):
            parts.append("usedOverridden: true")
        if override.label is not None:
            parts.append(f"overrideLabel: {_quoted(override.label)}")
    if (contextual := print_context_arguments(graph, item)) is not None:
        parts.append(contextual)
    return f"@join__field({', '.join(parts)})"


def _with_interface_object_fields(
    subgraphs: SubgraphSet, merged: MergedType, types: dict[str, MergedType]
) -> MergedType:
    """Give an object the fields that an @interfaceObject adds to its interfaces."""
    if merged.kind != "OBJECT":
        return merged
    fields = dict(merged.fields)
    for interface in merged.interfaces:
        if any(
            declaration.interface_object
            for _, declaration in subgraphs.declarations.get(interface, ())
        ):
            for name, item in types[interface].fields.items():
                fields.setdefault(name, replace(item, joins=("@join__field",)))
    return replace(merged, fields=fields)


# ----------------------------------------------------------------------------------------- inputs


def _arguments(declarations: Sequence[tuple[SubgraphSchema, OutputField]]) -> Iterator[MergedInput]:
    """Yield the arguments that every subgraph declares."""
    for name in declarations[0][1].arguments:
        present = [
            (graph, item.arguments[name]) for graph, item in declarations if name in item.arguments
        ]
        if len(present) == len(declarations):
            yield _input(name, present)


def _input(name: str, declarations: list[tuple[SubgraphSchema, InputValue]]) -> MergedInput:
    types = [item.type for _, item in declarations]
    return MergedInput(
        name=name,
        type=merge_types(types, merge_input) or types[0],
        default=next((item.default for _, item in declarations if item.default is not None), None),
        description=merge_descriptions([item.description for _, item in declarations]),
        directives=merge_directives(declarations),
    )


def _input_fields(declarations: _Declarations) -> Iterator[MergedInput]:
    for name in declarations[0][1].inputs:
        present = [
            (graph, declaration.inputs[name])
            for graph, declaration in declarations
            if name in declaration.inputs
        ]
        if len(present) < len(declarations):
            continue
        merged = _input(name, present)
        differ = any(item.type != merged.type for _, item in present)
        joins = [
            f"@join__field(graph: {graph.id}" + (f', type: "{item.type}")' if differ else ")")
            for graph, item in present
        ]
        yield replace(merged, joins=tuple(joins) if differ else ())


# ------------------------------------------------------------------------------------------ enums


def _values(
    subgraphs: SubgraphSet, name: str, declarations: _Declarations
) -> Iterator[MergedValue]:
    for value in _enum_values(subgraphs, name, declarations):
        present = [
            (graph, declaration.values[value])
            for graph, declaration in declarations
            if value in declaration.values
        ]
        yield MergedValue(
            name=value,
            description=merge_descriptions([item.description for _, item in present]),
            directives=merge_directives(present),
            joins=tuple(f"@join__enumValue(graph: {graph.id})" for graph, _ in present),
        )


def _enum_values(subgraphs: SubgraphSet, name: str, declarations: _Declarations) -> Iterable[str]:
    """Return the values of a merged enum: the common ones if it is only an input, else all."""
    values = dict.fromkeys(value for _, declaration in declarations for value in declaration.values)
    if name in subgraphs.input_types and name not in subgraphs.output_types:
        return [
            value
            for value in values
            if all(value in declaration.values for _, declaration in declarations)
        ]
    return list(values)
