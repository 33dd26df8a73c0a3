"""Reads a subgraph's SDL: Federation 1 or 2, renamed imports, extensions, custom root types."""

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

from gateway.composition.field_sets import pretended_external
from gateway.composition.subgraph_schema import (
    Directive,
    EnumValue,
    InputValue,
    OutputField,
    SubgraphSchema,
    Type,
)
from gateway.errors import Problem
from gateway.supergraph.public import named, type_text
from gateway.supergraph.specs import Spec, specs_of
from gateway.supergraph.views import Kind, Subgraph

# every directive of the federation specification up to v2.11, and of those that it absorbed
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


def read_all(subgraphs: Sequence[Subgraph]) -> tuple[list[SubgraphSchema], list[Problem]]:
    """Read every subgraph; return the schemas, and a problem for each that cannot be parsed."""
    graphs: list[SubgraphSchema] = []
    problems: list[Problem] = []
    ids: set[str] = set()
    for subgraph in sorted(subgraphs, key=lambda item: item.name):
        try:
            document = parse(subgraph.sdl, no_location=False)
        except GraphQLError as error:
            problems.append(_syntax_problem(subgraph, error))
            continue
        graphs.append(_Reader(subgraph, document, _enum_id(subgraph.name, ids)).graph())
    return graphs, problems


def _syntax_problem(subgraph: Subgraph, error: GraphQLError) -> Problem:
    position = f" (line {error.locations[0].line})" if error.locations else ""
    return Problem(
        "INVALID_GRAPHQL",
        f"The schema cannot be parsed{position}: {error.message}",
        "Correct the syntax; print the schema with the server's own tool rather than by hand.",
        (subgraph.name,),
    )


def _enum_id(name: str, used: set[str]) -> str:
    """Return an unused value of the join__Graph enum for a subgraph name."""
    base = re.sub(r"\W", "_", name).upper()
    base = f"_{base}" if base[:1].isdigit() else base
    base = f"{base}_" if re.search(r"_\d+$", base) else base
    enum_id, number = base, 1
    while enum_id in used:
        number += 1
        enum_id = f"{base}_{number}"
    used.add(enum_id)
    return enum_id


class _Reader:
    """Read the schema of one subgraph."""

    def __init__(self, subgraph: Subgraph, document: DocumentNode, enum_id: str) -> None:
        self.subgraph = subgraph
        self.document = document
        self.enum_id = enum_id
        self.specs = specs_of(document)
        federation = self.specs.get("federation")
        self.version = federation.version if federation else (1, 0)
        self.canonical = _canonical_names(federation, self.specs)
        self.renamed = self.root_names()

    def graph(self) -> SubgraphSchema:
        """Return the schema."""
        types = self.types()
        federation_1 = self.version < (2, 0)
        types = {
            name: _with_flags(definition, types, federation_1) for name, definition in types.items()
        }
        return SubgraphSchema(
            name=self.subgraph.name,
            id=self.enum_id,
            url=self.subgraph.url,
            federation=self.version,
            types=types,
            directive_definitions={
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
        """Yield the names of the directives that @composeDirective composes."""
        for node in self.document.definitions:
            if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode):
                for directive in self.directives(node):
                    if directive.name == "composeDirective":
                        yield (directive.text("name") or "").removeprefix("@")

    def types(self) -> dict[str, Type]:
        """Return the types by name, with their extensions merged in."""
        types: dict[str, Type] = {}
        for node in self.document.definitions:
            kind = _KINDS.get(type(node))
            if kind is None:
                continue
            name = self.rename(node.name.value)  # type: ignore[attr-defined]  # all have names
            if self.is_federation_type(name):
                continue
            definition = self.type(name, kind, node)
            types[name] = _joined(types[name], definition) if name in types else definition
        if "Query" in types and not types["Query"].fields:
            del types["Query"]  # nothing but _service and _entities
        return types

    def is_federation_type(self, name: str) -> bool:
        """Return whether a type belongs to a linked specification."""
        if name in _BUILT_IN:
            return True
        prefixes = {spec.prefix for spec in self.specs.values()} | {"federation", "link", "core"}
        if any(name.startswith(f"{prefix}__") for prefix in prefixes):
            return True
        return any(name in spec.imports.values() for spec in self.specs.values())

    def rename(self, name: str) -> str:
        """Return the standard name of a root type; other names stay."""
        return self.renamed.get(name, name)

    def type_text(self, text: str) -> str:
        """Return a type reference with root types under their standard names."""
        return re.sub(r"\w+", lambda match: self.rename(match[0]), text) if self.renamed else text

    def type(self, name: str, kind: Kind, node: Any) -> Type:
        """Return one definition or extension of a type."""
        directives = self.directives(node)
        outputs = kind in ("OBJECT", "INTERFACE")
        return Type(
            name=name,
            kind=kind,
            description=_description(node),
            directives=directives,
            fields=dict(self.outputs(node, name)) if outputs else {},
            inputs=dict(self.inputs(node.fields)) if kind == "INPUT_OBJECT" else {},
            interfaces=tuple(x.name.value for x in node.interfaces or ()) if outputs else (),
            members=tuple(x.name.value for x in node.types or ()) if kind == "UNION" else (),
            values=(
                {
                    x.name.value: EnumValue(x.name.value, _description(x), self.directives(x))
                    for x in node.values or ()
                }
                if kind == "ENUM"
                else {}
            ),
            extension="extension" in node.kind or any(use.name == "extends" for use in directives),
        )

    def outputs(self, node: Any, type_name: str) -> Iterable[tuple[str, OutputField]]:
        """Yield the fields of an object or interface by name."""
        for item in node.fields or ():
            assert isinstance(item, FieldDefinitionNode)
            name = item.name.value
            arguments = dict(self.inputs(item.arguments))
            contextual = {
                key: value for key, value in arguments.items() if value.has("fromContext")
            }
            if type_name == "Query" and name in ("_service", "_entities"):
                continue
            yield (
                name,
                OutputField(
                    name=name,
                    type=self.type_text(type_text(item.type)),
                    named=self.rename(named(item.type)),
                    arguments={k: v for k, v in arguments.items() if k not in contextual},
                    contextual=contextual,
                    description=_description(item),
                    directives=self.directives(item),
                ),
            )

    def inputs(
        self, nodes: Sequence[InputValueDefinitionNode] | None
    ) -> Iterable[tuple[str, InputValue]]:
        """Yield arguments or input fields by name."""
        for item in nodes or ():
            default = None if item.default_value is None else print_ast(item.default_value)
            yield (
                item.name.value,
                InputValue(
                    name=item.name.value,
                    type=type_text(item.type),
                    named=named(item.type),
                    default=default,
                    description=_description(item),
                    directives=self.directives(item),
                ),
            )

    def directives(self, node: Any) -> tuple[Directive, ...]:
        """Return the directives on a node under their canonical names."""
        return tuple(
            Directive(self.canonical.get(item.name.value, item.name.value), item)
            for item in node.directives or ()
        )


def _canonical_names(federation: Spec | None, specs: Mapping[str, Spec]) -> dict[str, str]:
    """Map the names of directives in the schema to their names in the specification."""
    if federation is None:
        names = {name: name for name in FEDERATION_1}
    else:
        names = {federation.directive(name): name for name in FEDERATION}
        # without an import the name belongs to a directive of the subgraph's own
        for name in FEDERATION:
            if name not in names and name not in _ALWAYS:
                names[name] = f"{name}!"
    for name, spec in specs.items():
        if name in FEDERATION:
            names[spec.directive(name)] = name
    return names


def _joined(left: Type, right: Type) -> Type:
    """Merge a definition and an extension, or two extensions."""
    return left.but(
        description=left.description or right.description,
        directives=left.directives + right.directives,
        fields={**left.fields, **right.fields},
        inputs={**left.inputs, **right.inputs},
        interfaces=tuple(dict.fromkeys(left.interfaces + right.interfaces)),
        members=tuple(dict.fromkeys(left.members + right.members)),
        values={**left.values, **right.values},
        extension=left.extension and right.extension,
    )


def _with_flags(definition: Type, types: Mapping[str, Type], federation_1: bool) -> Type:
    """Set on every field whether it is external and whether it is shareable."""
    if definition.kind not in ("OBJECT", "INTERFACE"):
        return definition
    pretended = pretended_external(definition, types, federation_1)
    fields = {}
    for name, item in definition.fields.items():
        external = (item.has("external") or definition.has("external")) and name not in pretended
        shareable = federation_1 or item.has("shareable") or definition.has("shareable")
        fields[name] = replace(item, external=external, shareable=shareable)
    return definition.but(fields=fields)


def _description(node: Any) -> str | None:
    description = getattr(node, "description", None)
    return description.value if isinstance(description, StringValueNode) else None
