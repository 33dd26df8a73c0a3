"""Turns requests into the nodes of a plan: documents written, order made explicit."""

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
from gateway.planning.draft import Draft
from gateway.planning.guards import either
from gateway.planning.moves import Moves
from gateway.planning.passes.merge import Request
from gateway.planning.passes.text import (
    Printer,
    guard_variables,
    guarded,
    variables,
)


def nodes(requests: Sequence[Request], operation: Operation, moves: Moves) -> Node | None:
    """Return the plan's root node."""
    numbers = {request: number for number, request in enumerate(requests)}
    fetches: dict[Request, Node] = {
        request: _Writing(request, numbers, operation, moves).node() for request in requests
    }
    if operation.kind == "subscription" and requests:
        first, *rest = requests
        source = fetches[first]
        assert isinstance(source, Fetch)
        return Subscribe(source, _order(rest, fetches))
    return _order(list(requests), fetches)


def _order(requests: list[Request], fetches: dict[Request, Node]) -> Node | None:
    """Write independent parts in parallel, and what waits behind what it waits for."""
    if not requests:
        return None
    parts = [_component(part, fetches) for part in _components(requests)]
    return parts[0] if len(parts) == 1 else Parallel(tuple(parts))


def _component(requests: list[Request], fetches: dict[Request, Node]) -> Node:
    inside = set(requests)
    first = [item for item in requests if not inside.intersection(item.parents)]
    rest = [item for item in requests if item not in first]
    now = [fetches[item] for item in first]
    head = now[0] if len(now) == 1 else Parallel(tuple(now))
    tail = _order(rest, fetches)
    if tail is None:
        return head
    return InSequence((head, *(tail.nodes if isinstance(tail, InSequence) else (tail,))))


def _components(requests: list[Request]) -> list[list[Request]]:
    """Split into groups that share no dependency, in a stable order."""
    group: dict[Request, int] = {item: number for number, item in enumerate(requests)}
    for item in requests:
        for parent in item.parents:
            if parent in group and group[parent] != group[item]:
                old, new = max(group[parent], group[item]), min(group[parent], group[item])
                for other, number in group.items():
                    if number == old:
                        group[other] = new
    found: dict[int, list[Request]] = {}
    for item in requests:
        found.setdefault(group[item], []).append(item)
    return list(found.values())


class _Writing:
    """Writes one fetch."""

    def __init__(
        self,
        request: Request,
        numbers: dict[Request, int],
        operation: Operation,
        moves: Moves,
    ) -> None:
        self.request = request
        self.numbers = numbers
        self.operation = operation
        self.apart = any(draft.given for each in numbers for draft in each.drafts)
        self.printer = Printer(moves, request.graph)

    def node(self) -> Node:
        groups = self.groups()
        fetch = self.fetch(groups)
        guard, phase = self.guard(), self.request.drafts[0].phase
        node = Condition(guard, fetch) if guard else fetch
        return Condition(phase, node) if phase else node

    def groups(self) -> list[list[Draft]]:
        """Put entities that are asked the same things together: one list of representations."""
        found: dict[tuple[object, ...], list[Draft]] = {}
        for draft in self.request.drafts:
            text = self.printer.selection(draft.asking)
            found.setdefault((draft.of_entities, text), []).append(draft)
        return list(found.values())

    def guard(self) -> Guard:
        if self.operation.kind == "subscription" and self.request.kind == "subscription":
            return ()
        return _when(self.request.drafts)

    def fetch(self, groups: list[list[Draft]]) -> Fetch:
        used = dict.fromkeys(
            name for draft in self.request.drafts for name in variables(draft.asking)
        )
        entities: tuple[Entities, ...] = ()
        first = groups[0][0]
        if not first.of_entities:
            body = self.printer.selection(groups[0][0].asking)
            human = body
        else:
            entities = tuple(self.entities(groups))
            parts = [
                self.entity_field(item, group[0])
                for item, group in zip(entities, groups, strict=True)
            ]
            if len(entities) > 1:  # one alone is skipped with its request
                for item in entities:
                    used.update(dict.fromkeys(guard_variables(item.guard)))
            body = "{" + " ".join(parts) + "}"
            human = body if len(parts) > 1 else self.printer.selection(groups[0][0].asking)
        number = self.numbers[self.request]
        name = self.name(number)
        declared = [f"${item.variable}: [_Any!]!" for item in entities]
        declared += [self.declaration(item) for item in used]
        given = {
            name: use.type for draft in self.request.drafts for name, use in draft.uses.items()
        }
        declared += [f"${name}: {kind}" for name, kind in given.items()]
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
            selection=human,
            apart=self.apart,
            mount=(first.path or ()) if first.mounted else (),
        )

    def name(self, number: int) -> str:
        graph = re.sub(r"\W", "_", self.request.graph)
        return f"{self.operation.name or 'operation'}__{graph}__{number}"

    def declaration(self, name: str) -> str:
        default = self.operation.defaults.get(name)
        kind = self.operation.variables[name]
        return f"${name}: {kind}" + (f" = {default}" if default is not None else "")

    def entities(self, groups: list[list[Draft]]) -> list[Entities]:
        taken = set(self.operation.variables)
        found = []
        for number, group in enumerate(groups):
            variable = "representations" if len(groups) == 1 else f"representations{number}"
            while variable in taken:
                variable = f"_{variable}"
            found.append(
                Entities(
                    alias="_entities" if len(groups) == 1 else f"e{number}",
                    variable=variable,
                    targets=tuple(_target(draft) for draft in group),
                    guard=_when(group),
                )
            )
        return found

    def entity_field(self, item: Entities, draft: Draft) -> str:
        alias = "" if item.alias == "_entities" else f"{item.alias}: "
        selection = self.printer.selection(draft.asking)
        field = f"{alias}_entities(representations: ${item.variable})"
        alone = item.alias == "_entities"  # then the whole request is skipped instead
        return " ".join(guarded(field, f" {selection}", ALWAYS if alone else item.guard))


def _when(group: list[Draft]) -> Guard:
    guard = group[0].when
    for draft in group[1:]:
        guard = either(guard, draft.when)
    return guard


def _target(draft: Draft) -> Target:
    assert draft.path is not None
    return Target(
        path=draft.path,
        recipes={
            runtime: Recipe(recipe.typename, tuple(recipe.picks.values()), tuple(recipe.needed))
            for runtime, recipe in draft.recipes.items()
        },
        only_type=draft.only_type,
        given=tuple(draft.given.values()),
    )
