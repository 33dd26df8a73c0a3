"""Reads a subgraph's SDL: Federation 1 or 2, renamed imports, extensions, custom root names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphql import (
    DirectiveDefinitionNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    EnumTypeExtensionNode,
    FieldDefinitionNode,
    GraphQLError,
    InputObjectTypeDefinitionNode,
    InputObjectTypeExtensionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    InterfaceTypeExtensionNode,
    ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode,
    ScalarTypeDefinitionNode,
    ScalarTypeExtensionNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    StringValueNode,
    UnionTypeDefinitionNode,
    UnionTypeExtensionNode,
    parse,
    print_ast,
)

from gateway.composition.field_sets import external_by_mistake
from gateway.composition.parts import Graph, Input, Mark, Output, Type, Value
from gateway.errors import Problem
from gateway.supergraph.public import named, type_text
from gateway.supergraph.specs import Spec, specs_of
from gateway.supergraph.views import Kind, Subgraph

# every directive of the federation spec up to v2.11, and the specs it took over
FEDERATION = (
    "key",
    "external",
    "requires",
    "provides",
    "extends",
    "shareable",
    "override",
    "inaccessible",
    "tag",
    "link",
    "interfaceObject",
    "composeDirective",
    "authenticated",
    "requiresScopes",
    "policy",
    "cost",
    "listSize",
    "context",
    "fromContext",
    "cacheTag",
)
FEDERATION_1 = frozenset({"key", "external", "requires", "provides", "extends"})
_ALWAYS = frozenset({"tag", "inaccessible", "link", "core"})  # usable without an import
_BUILT_IN = frozenset({"_Service", "_Entity", "_Any", "_FieldSet", "FieldSet"})
_ROOTS = {"query": "Query", "mutation": "Mutation", "subscription": "Subscription"}

_KINDS: dict[type, Kind] = {
    ObjectTypeDefinitionNode: "OBJECT",
    ObjectTypeExtensionNode: "OBJECT",
    InterfaceTypeDefinitionNode: "INTERFACE",
    InterfaceTypeExtensionNode: "INTERFACE",
    UnionTypeDefinitionNode: "UNION",
    UnionTypeExtensionNode: "UNION",
    EnumTypeDefinitionNode: "ENUM",
    EnumTypeExtensionNode: "ENUM",
    InputObjectTypeDefinitionNode: "INPUT_OBJECT",
    InputObjectTypeExtensionNode: "INPUT_OBJECT",
    ScalarTypeDefinitionNode: "SCALAR",
    ScalarTypeExtensionNode: "SCALAR",
}


def read_all(subgraphs: Sequence[Subgraph]) -> tuple[list[Graph], list[Problem]]:
    """Read every subgraph; what cannot be read is a problem."""
    graphs: list[Graph] = []
    problems: list[Problem] = []
    ids: set[str] = set()
    for subgraph in sorted(subgraphs, key=lambda item: item.name):
        try:
            document = parse(subgraph.sdl, no_location=False)
        except GraphQLError as error:
            problems.append(_syntax(subgraph, error))
            continue
        graphs.append(_Reader(subgraph, document, _enum_id(subgraph.name, ids)).graph())
    return graphs, problems


def _syntax(subgraph: Subgraph, error: GraphQLError) -> Problem:
    place = f" (line {error.locations[0].line})" if error.locations else ""
    return Problem(
        "INVALID_GRAPHQL",
        f"The schema cannot be parsed{place}: {error.message}",
        "Mend the syntax; print the schema with the server's own tool rather than by hand.",
        (subgraph.name,),
    )


def _enum_id(name: str, taken: set[str]) -> str:
    base = re.sub(r"\W", "_", name).upper()
    base = f"_{base}" if base[:1].isdigit() else base
    base = f"{base}_" if re.search(r"_\d+$", base) else base
    found, number = base, 1
    while found in taken:
        number += 1
        found = f"{base}_{number}"
    taken.add(found)
    return found


class _Reader:
    def __init__(self, subgraph: Subgraph, document: DocumentNode, enum_id: str) -> None:
        self.subgraph = subgraph
        self.document = document
        self.enum_id = enum_id
        self.specs = specs_of(document)
        federation = self.specs.get("federation")
        self.version = federation.version if federation else (1, 0)
        self.canonical = _canonical_names(federation, self.specs)
        self.renamed = self.root_names()

    def graph(self) -> Graph:
        types = self.types()
        first = self.version < (2, 0)
        types = {name: _with_flags(kind, types, first) for name, kind in types.items()}
        return Graph(
            name=self.subgraph.name,
            id=self.enum_id,
            url=self.subgraph.url,
            federation=self.version,
            types=types,
            directives={
                node.name.value: node
                for node in self.document.definitions
                if isinstance(node, DirectiveDefinitionNode)
            },
            specs=self.specs,
            composed=tuple(self.composed()),
        )

    def root_names(self) -> dict[str, str]:
        """Map custom root type names to the standard ones."""
        return {
            item.type.name.value: _ROOTS[item.operation.value]
            for node in self.document.definitions
            if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode)
            for item in node.operation_types or ()
        }

    def composed(self) -> Iterable[str]:
        for node in self.document.definitions:
            if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode):
                for mark in self.marks(node):
                    if mark.name == "composeDirective":
                        yield (mark.text("name") or "").removeprefix("@")

    def types(self) -> dict[str, Type]:
        found: dict[str, Type] = {}
        for node in self.document.definitions:
            kind = _KINDS.get(type(node))
            if kind is None:
                continue
            name = self.rename(node.name.value)  # type: ignore[attr-defined]  # all have names
            if self.is_plumbing(name):
                continue
            read = self.type(name, kind, node)
            found[name] = _joined(found[name], read) if name in found else read
        if "Query" in found and not found["Query"].fields:
            del found["Query"]  # nothing but _service and _entities
        return found

    def is_plumbing(self, name: str) -> bool:
        if name in _BUILT_IN:
            return True
        prefixes = {spec.prefix for spec in self.specs.values()} | {"federation", "link", "core"}
        if any(name.startswith(f"{prefix}__") for prefix in prefixes):
            return True
        return any(name in spec.imports.values() for spec in self.specs.values())

    def rename(self, name: str) -> str:
        return self.renamed.get(name, name)

    def type_text(self, text: str) -> str:
        return re.sub(r"\w+", lambda match: self.rename(match[0]), text) if self.renamed else text

    def type(self, name: str, kind: Kind, node: Any) -> Type:
        marks = self.marks(node)
        outputs = kind in ("OBJECT", "INTERFACE")
        return Type(
            name=name,
            kind=kind,
            description=_description(node),
            marks=marks,
            fields=dict(self.outputs(node, name)) if outputs else {},
            inputs=dict(self.inputs(node.fields)) if kind == "INPUT_OBJECT" else {},
            interfaces=tuple(x.name.value for x in node.interfaces or ()) if outputs else (),
            members=tuple(x.name.value for x in node.types or ()) if kind == "UNION" else (),
            values=(
                {
                    x.name.value: Value(x.name.value, _description(x), self.marks(x))
                    for x in node.values or ()
                }
                if kind == "ENUM"
                else {}
            ),
            extension="extension" in node.kind or any(m.name == "extends" for m in marks),
        )

    def outputs(self, node: Any, type_name: str) -> Iterable[tuple[str, Output]]:
        for item in node.fields or ():
            assert isinstance(item, FieldDefinitionNode)
            name = item.name.value
            taken = dict(self.inputs(item.arguments))
            contextual = {key: value for key, value in taken.items() if value.has("fromContext")}
            if type_name == "Query" and name in ("_service", "_entities"):
                continue
            yield (
                name,
                Output(
                    name=name,
                    type=self.type_text(type_text(item.type)),
                    named=self.rename(named(item.type)),
                    arguments={k: v for k, v in taken.items() if k not in contextual},
                    contextual=contextual,
                    description=_description(item),
                    marks=self.marks(item),
                ),
            )

    def inputs(
        self, nodes: Sequence[InputValueDefinitionNode] | None
    ) -> Iterable[tuple[str, Input]]:
        for item in nodes or ():
            default = None if item.default_value is None else print_ast(item.default_value)
            yield (
                item.name.value,
                Input(
                    name=item.name.value,
                    type=type_text(item.type),
                    named=named(item.type),
                    default=default,
                    description=_description(item),
                    marks=self.marks(item),
                ),
            )

    def marks(self, node: Any) -> tuple[Mark, ...]:
        return tuple(
            Mark(self.canonical.get(item.name.value, item.name.value), item)
            for item in node.directives or ()
        )


def _canonical_names(federation: Spec | None, specs: Mapping[str, Spec]) -> dict[str, str]:
    """Map what the schema calls a directive to what the specification calls it."""
    if federation is None:
        names = {name: name for name in FEDERATION_1}
    else:
        names = {federation.directive(name): name for name in FEDERATION}
        # written without an import they are not federation's, but somebody else's
        for name in FEDERATION:
            if name not in names and name not in _ALWAYS:
                names[name] = f"{name}!"
    for name, spec in specs.items():
        if name in FEDERATION:
            names[spec.directive(name)] = name
    return names


def _joined(one: Type, other: Type) -> Type:
    """Merge a definition and its extensions."""
    return one.but(
        description=one.description or other.description,
        marks=one.marks + other.marks,
        fields={**one.fields, **other.fields},
        inputs={**one.inputs, **other.inputs},
        interfaces=tuple(dict.fromkeys(one.interfaces + other.interfaces)),
        members=tuple(dict.fromkeys(one.members + other.members)),
        values={**one.values, **other.values},
        extension=one.extension and other.extension,
    )


def _with_flags(kind: Type, types: Mapping[str, Type], first: bool) -> Type:
    """Say of every field whether it is external and whether others may answer it too."""
    if kind.kind not in ("OBJECT", "INTERFACE"):
        return kind
    pretended = external_by_mistake(kind, types, first)
    fields = {}
    for name, item in kind.fields.items():
        external = (item.has("external") or kind.has("external")) and name not in pretended
        shareable = first or item.has("shareable") or kind.has("shareable")
        fields[name] = replace(item, external=external, shareable=shareable)
    return kind.but(fields=fields)


def _description(node: Any) -> str | None:
    found = getattr(node, "description", None)
    return found.value if isinstance(found, StringValueNode) else None
