"""Reads the join directives of a supergraph: every type and field as each subgraph sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from graphql import (
    ConstDirectiveNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
    parse_type,
    value_from_ast_untyped,
)

from gateway.errors import BadSupergraph
from gateway.supergraph.public import named, type_text
from gateway.supergraph.specs import Spec
from gateway.supergraph.views import (
    Endpoint,
    EntityKey,
    FieldView,
    GraphView,
    Kind,
    TypeView,
)

_Row = dict[str, Any]  # the arguments of one join directive
_Fielded = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode


def read_graphs(document: DocumentNode, specs: Mapping[str, Spec]) -> dict[str, GraphView]:
    """Return every subgraph's view, by subgraph name."""
    return _Reader(document, specs).graphs()


def read_contexts(document: DocumentNode, specs: Mapping[str, Spec]) -> dict[str, frozenset[str]]:
    """Return the names of the types that set a context, by context."""
    setters: dict[str, set[str]] = {}
    if "context" in specs:
        directive = specs["context"].directive("context")
        for node in document.definitions:
            for item in getattr(node, "directives", None) or ():
                if isinstance(node, TypeDefinitionNode) and item.name.value == directive:
                    name = str(_arguments(item)["name"])
                    setters.setdefault(name, set()).add(node.name.value)
    return {name: frozenset(types) for name, types in setters.items()}


@dataclass
class _TypeDraft:
    """A type of one subgraph while it is read."""

    kind: Kind
    keys: list[EntityKey] = field(default_factory=list)
    fields: dict[str, FieldView] = field(default_factory=dict)
    interfaces: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    interface_object: bool = False


class _Reader:
    """Read the types of all subgraphs; subgraphs are named by their value in join__Graph."""

    def __init__(self, document: DocumentNode, specs: Mapping[str, Spec]) -> None:
        self.spec = specs["join"]
        self.specs = tuple(specs.values())
        self.types = [node for node in document.definitions if isinstance(node, TypeDefinitionNode)]
        self.endpoints = self.read_endpoints()
        self.drafts: dict[str, dict[str, _TypeDraft]] = {graph: {} for graph in self.endpoints}

    def graphs(self) -> dict[str, GraphView]:
        """Return every subgraph's view, by subgraph name."""
        for node in self.types:
            if not any(spec.owns(node.name.value) for spec in self.specs):
                self.read_type(node)
        for graph in self.drafts.values():
            _collect_members(graph)
        return {
            endpoint.name: GraphView(endpoint, _freeze(self.drafts[graph]))
            for graph, endpoint in self.endpoints.items()
        }

    def read_endpoints(self) -> dict[str, Endpoint]:
        """Return the endpoints of the subgraphs by their value in join__Graph."""
        enum = f"{self.spec.prefix}__Graph"
        for node in self.types:
            if isinstance(node, EnumTypeDefinitionNode) and node.name.value == enum:
                return {
                    value.name.value: Endpoint(str(row["name"]), str(row.get("url") or ""))
                    for value in node.values or ()
                    for row in self.rows(value, "graph")
                }
        raise BadSupergraph(
            f"The supergraph has no enum {enum} that lists its subgraphs.",
            f"supergraph 中缺少列出各子图的枚举 {enum}。",
        )

    def rows(self, node: Any, name: str) -> list[_Row]:
        """Return the arguments of every use of a join directive on a node."""
        directive = self.spec.directive(name)
        return [_arguments(item) for item in node.directives or () if item.name.value == directive]

    def read_type(self, node: TypeDefinitionNode) -> None:
        """Add a type to every subgraph that declares it."""
        name, kind = node.name.value, _kind(node)
        owners = self.rows(node, "owner")
        rows = [*self.rows(node, "type"), *({"graph": row["graph"]} for row in owners)]
        if not rows:  # join v0.1: a value type is in every subgraph
            rows = [{"graph": graph} for graph in self.endpoints]
        for row in rows:
            draft = self.drafts[row["graph"]].setdefault(name, _TypeDraft(kind))
            if row.get("isInterfaceObject"):
                draft.kind, draft.interface_object = "OBJECT", True
            if (key := row.get("key")) is not None:
                entity_key = EntityKey(str(key), bool(row.get("resolvable", True)))
                if entity_key not in draft.keys:
                    draft.keys.append(entity_key)
        graphs = list(dict.fromkeys(str(row["graph"]) for row in rows))
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            self.read_fields(node, graphs, [str(row["graph"]) for row in owners])
            self.read_interfaces(node, graphs)
        elif isinstance(node, UnionTypeDefinitionNode):
            self.read_members(node, graphs)
        elif isinstance(node, EnumTypeDefinitionNode):
            self.read_values(node, graphs)
        elif isinstance(node, InputObjectTypeDefinitionNode):
            for item in node.fields or ():
                view = FieldView(item.name.value, type_text(item.type), named(item.type))
                for graph in self.graphs_of(item, "field", graphs):
                    self.drafts[graph][name].fields[view.name] = view

    def graphs_of(self, node: Any, directive: str, graphs: list[str]) -> list[str]:
        """Return the subgraphs that declare a part; without directive all of its parent."""
        rows = self.rows(node, directive)
        return [str(row["graph"]) for row in rows if row.get("graph")] if rows else graphs

    def read_fields(self, node: _Fielded, graphs: list[str], owners: list[str]) -> None:
        """Add fields to every subgraph that declares them."""
        for item in node.fields or ():
            rows = self.rows(item, "field")
            if not rows:  # join v0.1: an entity's field without directive is its owner's
                rows = [{"graph": graph} for graph in owners or graphs]
            for row in rows:
                graph = row.get("graph")
                if graph is not None and graph in self.drafts:
                    types = self.drafts[graph]
                    draft = types.setdefault(node.name.value, _TypeDraft(_kind(node)))
                    view = _field_view(item, row)
                    draft.fields[view.name] = view
            self.add_key_fields(node, item, graphs)

    def add_key_fields(self, node: _Fielded, item: FieldDefinitionNode, graphs: list[str]) -> None:
        """Add a key field to every subgraph that declares its key, which join v0.1 leaves out."""
        if self.spec.version >= (0, 2):
            return
        view = FieldView(item.name.value, type_text(item.type), named(item.type))
        for graph in graphs:
            draft = self.drafts[graph][node.name.value]
            if any(view.name in _words(key.fields) for key in draft.keys):
                draft.fields.setdefault(view.name, view)

    def read_interfaces(self, node: _Fielded, graphs: list[str]) -> None:
        """Add interfaces to every subgraph where a type implements them."""
        name = node.name.value
        rows = self.rows(node, "implements")
        if rows:
            for row in rows:
                if name in self.drafts[row["graph"]]:
                    self.drafts[row["graph"]][name].interfaces.add(str(row["interface"]))
            return
        if self.spec.version < (0, 2):
            for graph in graphs:
                self.drafts[graph][name].interfaces.update(
                    interface.name.value for interface in node.interfaces or ()
                )

    def read_members(self, node: UnionTypeDefinitionNode, graphs: list[str]) -> None:
        """Add the members of a union to every subgraph that declares them."""
        name = node.name.value
        rows = self.rows(node, "unionMember")
        if rows:
            for row in rows:
                self.drafts[row["graph"]][name].members.add(str(row["member"]))
            return
        for graph in graphs:
            self.drafts[graph][name].members.update(item.name.value for item in node.types or ())

    def read_values(self, node: EnumTypeDefinitionNode, graphs: list[str]) -> None:
        """Add the values of an enum to every subgraph that declares them."""
        for value in node.values or ():
            for graph in self.graphs_of(value, "enumValue", graphs):
                self.drafts[graph][node.name.value].values.add(value.name.value)


def _field_view(node: FieldDefinitionNode, row: _Row) -> FieldView:
    own = row.get("type")
    inner = named(parse_type(str(own))) if own else named(node.type)
    label = row.get("overrideLabel")
    contexts = cast(list[_Row], row.get("contextArguments") or ())
    return FieldView(
        name=node.name.value,
        type=str(own) if own else type_text(node.type),
        named=inner,
        external=bool(row.get("external")),
        requires=row.get("requires"),
        provides=row.get("provides"),
        overridden=bool(row.get("usedOverridden") or (label and not row.get("override"))),
        override_label=str(label) if label else None,
        context=tuple(
            (str(item["context"]), str(item["name"]), str(item["type"]), str(item["selection"]))
            for item in contexts
        ),
    )


def _collect_members(types: dict[str, _TypeDraft]) -> None:
    for name, draft in types.items():
        if draft.kind == "OBJECT":
            for interface in _all_interfaces(draft.interfaces, types):
                if interface in types and types[interface].kind == "INTERFACE":
                    types[interface].members.add(name)
    for draft in types.values():
        if draft.kind in ("UNION", "INTERFACE"):
            draft.members &= set(types)


def _all_interfaces(names: set[str], types: dict[str, _TypeDraft]) -> Iterator[str]:
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            yield name
            if name in types:
                todo.extend(types[name].interfaces)


def _freeze(types: dict[str, _TypeDraft]) -> dict[str, TypeView]:
    return {
        name: TypeView(
            name=name,
            kind=draft.kind,
            keys=tuple(draft.keys),
            fields=draft.fields,
            interfaces=frozenset(draft.interfaces),
            members=frozenset(draft.members),
            values=frozenset(draft.values),
            interface_object=draft.interface_object,
        )
        for name, draft in types.items()
    }


def _arguments(directive: ConstDirectiveNode) -> _Row:
    return {
        item.name.value: value_from_ast_untyped(item.value) for item in directive.arguments or ()
    }


def _words(fields: str) -> set[str]:
    return set(fields.replace("{", " ").replace("}", " ").split())


def _kind(node: TypeDefinitionNode) -> Kind:
    match node:
        case ObjectTypeDefinitionNode():
            return "OBJECT"
        case InterfaceTypeDefinitionNode():
            return "INTERFACE"
        case UnionTypeDefinitionNode():
            return "UNION"
        case EnumTypeDefinitionNode():
            return "ENUM"
        case InputObjectTypeDefinitionNode():
            return "INPUT_OBJECT"
        case ScalarTypeDefinitionNode():
            return "SCALAR"
        case _:
            raise BadSupergraph(
                f"The supergraph defines {node.name.value} as an unknown kind of type.",
                f"supergraph 将 {node.name.value} 定义为未知的类型种类。",
            )
