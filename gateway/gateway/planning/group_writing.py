"""Writes path trees as fetch groups: every visit that is entered becomes one fetch group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.operation import Field
from gateway.plan import Each, Key, Only, OperationKind, Path, Pick
from gateway.planning.fetch_group import (
    Ancestor,
    ContextUse,
    FetchGroup,
    RecipeDraft,
    SelectionSet,
)
from gateway.planning.field_collection import FieldCollector
from gateway.planning.path_tree import (
    AbstractTree,
    ObjectTree,
    PathTree,
    PlacedField,
    Visit,
    visit_depths,
)
from gateway.planning.query_graph import QueryGraph, Selections
from gateway.planning.response_keys import JsonPath, ResponseKeys
from gateway.supergraph import FieldView

_WRITE = 4  # what writing one placed field costs, in steps of the budget


@dataclass(frozen=True, slots=True)
class Position:
    """A position of the merged tree."""

    path: Path = ()
    json: JsonPath = ()
    types: frozenset[str] = frozenset()  # the runtime types that the path tree is for
    only_type: str | None = None
    ancestors: tuple[Ancestor, ...] = ()  # the objects above, nearest first


@dataclass(slots=True)
class OpenSelection:
    """Where the fields of a visit are written: a fetch group, and a selection set inside it."""

    group: FetchGroup
    selection: SelectionSet


class GroupWriter:
    """Write fetch groups while following a path tree."""

    def __init__(
        self, query_graph: QueryGraph, collector: FieldCollector, response_keys: ResponseKeys
    ) -> None:
        self.query_graph = query_graph
        self.collector = collector
        self.response_keys = response_keys
        self.groups: list[FetchGroup] = []
        self.suppliers: dict[tuple[JsonPath, str], set[FetchGroup]] = {}
        """By place in the merged tree, the groups that fetch a field which only we selected."""

    def write_root(
        self, tree: ObjectTree, kind: OperationKind, after: Iterable[FetchGroup]
    ) -> None:
        """Write the groups of a root tree; none of them starts before the groups in `after`."""
        position = Position(types=frozenset((tree.type,)), only_type=tree.type)
        self._write_object(tree, position, [], frozenset(after), kind)

    def write_below(
        self,
        tree: PathTree,
        position: Position,
        given_selections: list[OpenSelection],
        after: frozenset[FetchGroup],
        abstract: bool,
    ) -> None:
        """Write the groups of a position whose given visits are written into open selections."""
        if isinstance(tree, ObjectTree):
            inner = replace(position, types=frozenset((tree.type,)), only_type=tree.type)
            self._write_object(tree, inner, given_selections, after)
            if abstract:
                for item in given_selections:
                    item.selection.typename = True
            return
        self._write_abstract(tree, position, given_selections, after)

    def add_group(self, graph: str, kind: OperationKind, selection: SelectionSet) -> FetchGroup:
        """Begin a new fetch group."""
        group = FetchGroup(len(self.groups), graph, kind, selection)
        self.groups.append(group)
        return group

    def _write_abstract(
        self,
        tree: AbstractTree,
        position: Position,
        given_selections: list[OpenSelection],
        after: frozenset[FetchGroup],
    ) -> None:
        types = self.query_graph.possible_types(tree.type) | {tree.type}
        base = replace(position, types=types)
        written = self._write_object(tree.base, base, given_selections, after)
        for item in written:
            item.selection.typename = True
        typed = after | {item.group for item in written[len(given_selections) :]}
        for name, below in tree.by_type.items():
            inner = replace(position, types=frozenset((name,)))
            narrowed = [
                OpenSelection(item.group, self._narrow(visit, item.selection, name))
                for visit, item in zip(tree.base.visits, written, strict=True)
            ]
            self._write_object(below, inner, narrowed, typed)

    def _narrow(self, visit: Visit, selection: SelectionSet, name: str) -> SelectionSet:
        view = self.query_graph.view(visit.node.graph, visit.node.type)
        return selection if view is None or view.interface_object else selection.on_type(name)

    def _write_object(
        self,
        tree: ObjectTree,
        position: Position,
        given_selections: list[OpenSelection],
        after: frozenset[FetchGroup],
        kind: OperationKind = "query",
    ) -> list[OpenSelection]:
        """Write the visits of one object; return where each of them is written."""
        return _ObjectWriter(self, tree, position, given_selections, after, kind).write()

    # ------------------------------------------------------------------------------------ recipes

    def picks(self, selections: Selections, type_name: str, json: JsonPath) -> tuple[Pick, ...]:
        """Return how to read a field set out of the merged tree."""
        return tuple(
            self._pick(item, type_name, json)
            for item in self.collector.collect(type_name, selections).values()
            if item.name != "__typename"
        )

    def _pick(self, item: Field, type_name: str, json: JsonPath) -> Pick:
        source = self.response_keys.source(json, type_name, item)
        if not item.selections:
            return Pick(item.name, source)
        below = self.named_type(type_name, item.name)
        inner = (*json, source)
        common = self.collector.collect(below, item.selections)
        possible = self.query_graph.possible_types(below)
        by_type = {}
        if possible != {below}:
            for name in sorted(possible):
                fields = self.collector.collect(name, item.selections)
                rest = [field for key, field in fields.items() if key not in common]
                if rest:
                    by_type[name] = tuple(self._pick(field, name, inner) for field in rest)
        children = tuple(
            self._pick(field, below, inner)
            for field in common.values()
            if field.name != "__typename"
        )
        typename = bool(by_type) or any(x.name == "__typename" for x in common.values())
        return Pick(item.name, source, children, by_type, typename)

    def named_type(self, type_name: str, field: str) -> str:
        """Return the named type of a field in the supergraph."""
        return self.query_graph.named_type(type_name, field) or type_name


class _ObjectWriter:
    """Write the visits of one object, each after those it waits for."""

    def __init__(
        self,
        writer: GroupWriter,
        tree: ObjectTree,
        position: Position,
        given_selections: list[OpenSelection],
        after: frozenset[FetchGroup],
        kind: OperationKind,
    ) -> None:
        self.writer = writer
        self.tree = tree
        self.position = position
        self.after = after
        self.kind = kind
        self.open: dict[int, OpenSelection] = dict(
            enumerate(given_selections)
        )  # by index of the visit
        self.below: dict[tuple[str, str, int], set[FetchGroup]] = {}  # by field, groups below it
        self.waiting: dict[tuple[int, str], dict[int, OpenSelection]] = {}

    def write(self) -> list[OpenSelection]:
        """Write the visits in the order of their depth; return where each is written."""
        order = visit_depths(self.tree.visits)
        for index in sorted(range(len(order)), key=lambda i: (order[i], i)):
            visit = self.tree.visits[index]
            if index not in self.open:
                self.open[index] = self.open_entities(visit)
            for placed in visit.fields:
                self.write_field(placed, visit, self.open[index])
        return [self.open[index] for index in range(len(order))]

    def open_entities(self, visit: Visit) -> OpenSelection:
        """Begin the group of an entered visit: it waits for the groups that supply its inputs."""
        node = visit.node
        if not visit.inputs:
            return self.open_root(visit)
        group = self.writer.add_group(node.graph, "query", SelectionSet("_Entity"))
        group.path = self.position.path
        group.only_type = self.position.only_type
        group.parents = {self.open[index].group for index in visit.after} | self.after
        for selections in visit.inputs:
            for item in self.writer.collector.collect(self.tree.type, selections).values():
                key = (item.key, item.name, id(item.selections))
                group.parents |= self.below.get(key, set())
        if not group.parents:
            group.parents = {item.group for item in self.open.values()}
        for runtime in sorted(self.position.types):
            group.recipes[runtime] = self.recipe(visit, runtime)
        return OpenSelection(group, group.selection.on_type(node.type))

    def open_root(self, visit: Visit) -> OpenSelection:
        """Begin a group of root fields: at the root, or below a field that returns a root type."""
        writer, graph = self.writer, visit.node.graph
        if not self.position.json:
            group = writer.add_group(graph, self.kind, SelectionSet(visit.node.type))
            group.parents = set(self.after)
            return OpenSelection(group, group.selection)
        kinds = {name: kind for kind, name in writer.query_graph.roots.items()}
        kind = kinds[visit.node.type]
        group = writer.add_group(graph, kind, SelectionSet(visit.node.type))
        group.path, group.mounted = self.path(), True
        group.parents = {self.open[index].group for index in visit.after} | self.after
        return OpenSelection(group, group.selection)

    def recipe(self, visit: Visit, runtime: str) -> RecipeDraft:
        """Return how to build the representation of a runtime type for an entered visit."""
        view = self.writer.query_graph.view(visit.node.graph, visit.node.type)
        is_object = view is not None and view.kind == "OBJECT" and not view.interface_object
        recipe = RecipeDraft(runtime if is_object else visit.node.type)
        for number, selections in enumerate(visit.inputs):
            picks = self.writer.picks(selections, self.tree.type, self.position.json)
            recipe.add(picks)
            if number == 0:
                recipe.needed.update((pick.source, None) for pick in picks)
        return recipe

    def write_field(self, placed: PlacedField, visit: Visit, target: OpenSelection) -> None:
        """Select a placed field, and follow the path tree below it."""
        self.writer.collector.budget.expand(_WRITE)
        graph = visit.node.graph
        item = placed.field
        signature = _signature(placed)
        source = self.writer.response_keys.reserve(
            self.position.json, self.position.types, item, graph, signature
        )
        if item.ours:
            key = (self.position.json, source)
            self.writer.suppliers.setdefault(key, set()).add(target.group)
        if placed.view.context:
            item = self.with_contextual_arguments(item, placed.view, visit, target.group)
        if placed.parts > 1 and not _uses_part(placed.child, placed.part):
            self.gather(placed, source, None)
            return
        named_type = placed.view.named if placed.child else None
        below = target.selection.select(source, item, named_type)
        if placed.child is not None and below is not None:
            self.gather(placed, source, OpenSelection(target.group, below))

    def with_contextual_arguments(
        self, item: Field, view: FieldView, visit: Visit, group: FetchGroup
    ) -> Field:
        """Add the arguments that the subgraph reads from a context, as variables of our own."""
        parts = [item.arguments[1:-1]] if item.arguments else []
        for context, argument, type_text, selection in view.context:
            variable = f"context__{visit.node.type}__{view.name}__{argument}"
            group.context_uses[variable] = ContextUse(
                type_text, context, selection, self.position.ancestors
            )
            parts.append(f"{argument}: ${variable}")
        return replace(item, arguments=f"({', '.join(parts)})")

    def gather(self, placed: PlacedField, source: str, target: OpenSelection | None) -> None:
        """Follow the path tree below a field once all subgraphs that fill it are written.

        `target` is None for a subgraph that turned out not to be needed.
        """
        assert placed.child is not None
        if target is None:  # the index of its part stays, on a group that is never sent
            target = OpenSelection(FetchGroup(-1, "", "query", SelectionSet("")), SelectionSet(""))
        parts = self.waiting.setdefault((id(placed.child), source), {})
        parts[placed.part] = target
        if len(parts) < placed.parts:
            return
        del self.waiting[id(placed.child), source]
        before = len(self.writer.groups)
        position = self.position_below(placed, source)
        abstract = self.is_abstract(placed)
        targets = [parts[number] for number in range(placed.parts)]
        self.writer.write_below(placed.child, position, targets, self.after, abstract)
        key = (placed.field.key, placed.field.name, id(placed.field.selections))
        below = self.below.setdefault(key, set())
        below.update(self.writer.groups[before:])
        below.update(item.group for item in targets if item.group.id >= 0)

    def position_below(self, placed: PlacedField, source: str) -> Position:
        """Return the position of the objects in a field."""
        lists = placed.view.type.count("[")
        path = (*self.path(), Key(source), *(Each() for _ in range(lists)))
        depth = sum(not isinstance(step, Only) for step in self.position.path)
        here = Ancestor(depth, self.position.json, self.position.types)
        json = (*self.position.json, source)
        return Position(path, json, ancestors=(here, *self.position.ancestors))

    def path(self) -> Path:
        """Return the path of this object, without objects of other runtime types."""
        if self.position.only_type is None and len(self.position.types) == 1:
            return (*self.position.path, Only(self.position.types))
        return self.position.path

    def is_abstract(self, placed: PlacedField) -> bool:
        """Return whether the client, or a recipe, needs the runtime type below the field."""
        named = self.writer.named_type(self.tree.type, placed.field.name)
        return self.writer.query_graph.possible_types(named) != {named}


def _signature(placed: PlacedField) -> str:
    if placed.child is None:
        return placed.view.type
    return placed.view.type.replace(placed.view.named, "{}")


def _uses_part(tree: PathTree | None, part: int) -> bool:
    """Return whether a path tree places any field at its given visit with this index."""
    if tree is None:
        return True
    if isinstance(tree, ObjectTree):
        return bool(tree.visits[part].fields)
    return bool(tree.base.visits[part].fields) or any(
        below.visits[part].fields for below in tree.by_type.values()
    )
