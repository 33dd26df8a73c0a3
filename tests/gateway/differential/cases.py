"""One case of the differential test, and how it is made smaller while it still goes wrong."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    print_ast,
    validate,
)

from gateway.composition import compose
from gateway.errors import GatewayError
from gateway.execution.executable import execute
from gateway.operation import parse_operation
from gateway.plan import print_plan
from gateway.planning import plan
from gateway.supergraph import Subgraph, Supergraph
from tests.gateway.differential.queries import a_query
from tests.gateway.differential.servers import all_graphs, sender, whole
from tests.gateway.differential.worlds import World, a_world, subgraph

LABELS = ("one", "two")


@dataclass(frozen=True)
class Case:
    """A world, a question about it, and the labels of overrides that are on."""

    world: World
    query: str
    variables: dict[str, bool]
    labels: frozenset[str]

    def wrong(self) -> str | None:
        """What is wrong with the federated answer; None when it is right, or cannot be asked."""
        supergraph = composed(self.world)
        if supergraph is None or validate(supergraph.schema, parse(self.query)):
            return None
        try:
            found = plan(supergraph, parse_operation(self.query), labels=self.labels)
            got = asyncio.run(execute(found, self.variables, sender(self.world), supergraph.schema))
        except (GatewayError, AssertionError) as error:
            return f"{type(error).__name__}: {error}"
        expected = whole(self.world, self.query, self.variables)
        if got.data == expected:
            return None
        return f"got {got.data}\nnot {expected}\n{print_plan(found)}"

    def description(self) -> str:
        """Return everything that is needed to reproduce the case."""
        parts = [f"# {name}\n{subgraph(self.world, name)}" for name in all_graphs(self.world)]
        request = f"{self.query}\n{self.variables} labels {sorted(self.labels)}"
        return "\n".join([*parts, request, self.wrong() or "right"])


def composed(world: World) -> Supergraph | None:
    """The supergraph; None where some path leads nowhere,
    the only problem that a world may have."""
    found = compose(
        [Subgraph(name, f"http://{name}.test", subgraph(world, name)) for name in all_graphs(world)]
    )
    if isinstance(found, list):
        assert {problem.code for problem in found} <= {"SATISFIABILITY_ERROR"}, found
        return None
    return found


def cases(seed: int, queries: int) -> Iterator[Case]:
    """The cases of one world."""
    world, dice = a_world(seed), random.Random(seed)
    for _ in range(queries):
        query, variables = a_query(world, dice)
        on = frozenset(label for label in LABELS if dice.random() < 0.5)
        yield Case(world, query, variables, on)


def shrunk(case: Case) -> Case:
    """The smallest case found that is wrong too: first fewer selections, then a smaller world."""
    assert case.wrong() is not None
    smaller: Case | None = case
    while smaller is not None:
        case = smaller
        tries = (*_fewer_selections(case), *_smaller_worlds(case))
        smaller = next((each for each in tries if _still_wrong(each)), None)
    return case


def _still_wrong(case: Case) -> bool:
    try:
        return case.wrong() is not None
    except Exception:
        return False


def _fewer_selections(case: Case) -> Iterator[Case]:
    document = parse(case.query)
    for query in _without_one(document):
        yield replace(case, query=query)
    if case.labels:
        yield replace(case, labels=frozenset())


def _without_one(document: DocumentNode) -> Iterator[str]:
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    for selections in _cut(operation.selection_set):
        text = print_ast(_with(operation, selections))
        for name in ("x", "y"):  # a variable that nothing uses is not valid
            if text.count(f"${name}") == 1:
                text = text.replace(f"${name}: Boolean!, ", "").replace(f", ${name}: Boolean!", "")
                text = text.replace(f"(${name}: Boolean!)", "")
        yield text


def _cut(node: SelectionSetNode) -> Iterator[SelectionSetNode]:
    """Every way to leave one selection out, the largest first;
    what would be empty asks `__typename`."""
    items = node.selections
    for index in range(len(items)):
        rest = (*items[:index], *items[index + 1 :])
        if rest:
            yield SelectionSetNode(selections=rest)
    for index, item in enumerate(items):
        assert isinstance(item, FieldNode | InlineFragmentNode)
        if item.selection_set is None:
            continue
        for below in _cut(item.selection_set):
            changed = (*items[:index], _with(item, below), *items[index + 1 :])
            yield SelectionSetNode(selections=changed)


def _with(node: Any, selections: SelectionSetNode) -> Any:
    values = {key: getattr(node, key) for key in node.keys if key != "loc"}
    return type(node)(**{**values, "selection_set": selections})


def _smaller_worlds(case: Case) -> Iterator[Case]:
    world = case.world
    for name in list(world.roots):
        yield _changed(case, lambda w, n=name: w.roots.pop(n))
    for kind in list(world.kinds):
        if kind != "Query" and not any(kind in m for m in world.abstract.values()):
            yield _changed(case, lambda w, k=kind: w.kinds.pop(k))
        for name in list(world.kinds[kind].fields):
            if name not in world.kinds[kind].keys:
                yield _changed(case, lambda w, k=kind, n=name: w.kinds[k].fields.pop(n))
    for name, members in world.abstract.items():
        for member in members:
            rest = tuple(each for each in members if each != member)
            if rest:
                yield _changed(case, lambda w, n=name, r=rest: w.abstract.update({n: r}))
    for graph in world.graphs:
        yield _changed(case, lambda w, g=graph: _forget(w, g))


def _forget(world: World, graph: str) -> None:
    world.graphs = tuple(each for each in world.graphs if each != graph)
    for item in [
        *world.roots.values(),
        *(f for k in world.kinds.values() for f in k.fields.values()),
    ]:
        item.owners = tuple(each for each in item.owners if each != graph)


def _changed(case: Case, change: Any) -> Case:
    world = copy.deepcopy(case.world)
    change(world)
    return replace(case, world=world)
