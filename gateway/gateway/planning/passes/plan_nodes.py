"""Prints requests as the nodes of a plan, in an explicit order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.operation import Operation
from gateway.plan import (
    ALWAYS,
    Condition,
    Entities,
    Fetch,
    Guard,
    Node,
    Parallel,
    Recipe,
    Sequence as InSequence,
    Subscribe,
    Target,
)
from gateway.planning.fetch_group import FetchGroup
from gateway.planning.guards import either
from gateway.planning.passes.merge import Request
from gateway.planning.passes.selection_text import Printer, guard_variables, guarded, variables
from gateway.planning.query_graph import QueryGraph


def build_nodes(
    requests: Sequence[Request], operation: Operation, query_graph: QueryGraph
) -> Node | None:
    """Return the plan's root node, None when nothing is fetched."""
    numbers = {request: number for number, request in enumerate(requests)}
    fetches: dict[Request, Node] = {
        request: _FetchWriter(request, numbers, operation, query_graph).node()
        for request in requests
    }
    if operation.kind == "subscription" and requests:
        first, *rest = requests
        source = fetches[first]
        assert isinstance(source, Fetch)
        return Subscribe(source, _order(rest, fetches))
    return _order(list(requests), fetches)


def _order(requests: list[Request], fetches: dict[Request, Node]) -> Node | None:
    """Put independent parts in parallel, and every request after those it waits for."""
    if not requests:
        return None
    parts = [_component(part, fetches) for part in _components(requests)]
    return parts[0] if len(parts) == 1 else Parallel(tuple(parts))


def _component(requests: list[Request], fetches: dict[Request, Node]) -> Node:
    inside = set(requests)
    first = [item for item in requests if not inside.intersection(item.parents)]
    rest = [item for item in requests if item not in first]
    nodes = [fetches[item] for item in first]
    head = nodes[0] if len(nodes) == 1 else Parallel(tuple(nodes))
    tail = _order(rest, fetches)
    if tail is None:
        return head
    return InSequence((head, *(tail.nodes if isinstance(tail, InSequence) else (tail,))))


def _components(requests: list[Request]) -> list[list[Request]]:
    """Split requests into components that share no dependency, in a stable order."""
    label: dict[Request, int] = {item: number for number, item in enumerate(requests)}
    for item in requests:
        for parent in item.parents:
            if parent in label and label[parent] != label[item]:
                old, new = max(label[parent], label[item]), min(label[parent], label[item])
                for other, number in label.items():
                    if number == old:
                        label[other] = new
    components: dict[int, list[Request]] = {}
    for item in requests:
        components.setdefault(label[item], []).append(item)
    return list(components.values())


class _FetchWriter:
    """Write one fetch."""

    def __init__(
        self,
        request: Request,
        numbers: dict[Request, int],
        operation: Operation,
        query_graph: QueryGraph,
    ) -> None:
        self.request = request
        self.numbers = numbers
        self.operation = operation
        self.apart = any(group.context_values for each in numbers for group in each.groups)
        self.printer = Printer(query_graph, request.graph)

    def node(self) -> Node:
        """Return the fetch, inside the conditions under which it is sent."""
        batches = self.batches()
        fetch = self.fetch(batches)
        guard, phase = self.guard(), self.request.groups[0].phase
        node = Condition(guard, fetch) if guard else fetch
        return Condition(phase, node) if phase else node

    def batches(self) -> list[list[FetchGroup]]:
        """Return the groups by selection: equal ones share one list of representations."""
        batches: dict[tuple[object, ...], list[FetchGroup]] = {}
        for group in self.request.groups:
            text = self.printer.selection(group.selection)
            batches.setdefault((group.of_entities, text), []).append(group)
        return list(batches.values())

    def guard(self) -> Guard:
        """Return when the request is sent; the source of a subscription always is."""
        if self.operation.kind == "subscription" and self.request.kind == "subscription":
            return ()
        return _when(self.request.groups)

    def fetch(self, batches: list[list[FetchGroup]]) -> Fetch:
        """Return the fetch of these batches, each of which is one `_entities` field."""
        used = dict.fromkeys(
            name for group in self.request.groups for name in variables(group.selection)
        )
        entities: tuple[Entities, ...] = ()
        first = batches[0][0]
        if not first.of_entities:
            body = self.printer.selection(first.selection)
            selection = body
        else:
            entities = tuple(self.entities(batches))
            parts = [
                self.entity_field(item, batch[0])
                for item, batch in zip(entities, batches, strict=True)
            ]
            if len(entities) > 1:  # a single one is skipped with its request
                for item in entities:
                    used.update(dict.fromkeys(guard_variables(item.guard)))
            body = "{" + " ".join(parts) + "}"
            selection = body if len(parts) > 1 else self.printer.selection(first.selection)
        number = self.numbers[self.request]
        name = self.name(number)
        declared = [f"${item.variable}: [_Any!]!" for item in entities]
        declared += [self.declaration(item) for item in used]
        contextual = {
            name: use.type
            for group in self.request.groups
            for name, use in group.context_uses.items()
        }
        declared += [f"${name}: {type_text}" for name, type_text in contextual.items()]
        head = f"{self.request.kind} {name}" + (f"({', '.join(declared)})" if declared else "")
        return Fetch(
            id=number,
            subgraph=self.request.graph,
            kind=self.request.kind,
            operation_name=name,
            document=f"{head} {body}",
            variables=tuple(used),
            entities=entities,
            after=tuple(sorted(self.numbers[item] for item in self.request.parents)),
            selection=selection,
            apart=self.apart,
            mount=(first.path or ()) if first.mounted else (),
        )

    def name(self, number: int) -> str:
        """Return the name of the operation that the subgraph gets."""
        graph = re.sub(r"\W", "_", self.request.graph)
        return f"{self.operation.name or 'operation'}__{graph}__{number}"

    def declaration(self, name: str) -> str:
        """Return the declaration of a client's variable."""
        default = self.operation.defaults.get(name)
        type_text = self.operation.variables[name]
        return f"${name}: {type_text}" + (f" = {default}" if default is not None else "")

    def entities(self, batches: list[list[FetchGroup]]) -> list[Entities]:
        """Return the `_entities` fields, with variables that the client does not use."""
        reserved = set(self.operation.variables)
        entities = []
        for number, batch in enumerate(batches):
            variable = "representations" if len(batches) == 1 else f"representations{number}"
            while variable in reserved:
                variable = f"_{variable}"
            entities.append(
                Entities(
                    alias="_entities" if len(batches) == 1 else f"e{number}",
                    variable=variable,
                    targets=tuple(_target(group) for group in batch),
                    guard=_when(batch),
                )
            )
        return entities

    def entity_field(self, item: Entities, group: FetchGroup) -> str:
        """Print one `_entities` field."""
        alias = "" if item.alias == "_entities" else f"{item.alias}: "
        selection = self.printer.selection(group.selection)
        field = f"{alias}_entities(representations: ${item.variable})"
        alone = item.alias == "_entities"  # then the whole request is skipped instead
        return " ".join(guarded(field, f" {selection}", ALWAYS if alone else item.guard))


def _when(groups: list[FetchGroup]) -> Guard:
    guard = groups[0].when
    for group in groups[1:]:
        guard = either(guard, group.when)
    return guard


def _target(group: FetchGroup) -> Target:
    assert group.path is not None
    return Target(
        path=group.path,
        recipes={
            runtime: Recipe(recipe.typename, tuple(recipe.picks.values()), tuple(recipe.needed))
            for runtime, recipe in group.recipes.items()
        },
        only_type=group.only_type,
        context_values=tuple(group.context_values.values()),
    )
