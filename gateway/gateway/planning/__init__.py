"""Planning: from an operation to the requests that answer it.

The operation is walked position by position (`cheapest`), the chosen walks are written down as
requests (`fetches`), and passes put the requests in order, let those travel together that can, and
print them.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.errors import TooComplex, Unplannable
from gateway.operation import Field, Operation
from gateway.plan import Plan
from gateway.planning.budget import Budget
from gateway.planning.cheapest import Cheapest
from gateway.planning.contexts import Contexts, settle
from gateway.planning.draft import Draft
from gateway.planning.fetches import Writer
from gateway.planning.moves import moves_of
from gateway.planning.names import Names
from gateway.planning.passes.introspection import asides, introspection
from gateway.planning.passes.levels import levels
from gateway.planning.passes.merge import merge
from gateway.planning.passes.needs import needs
from gateway.planning.passes.nodes import nodes
from gateway.planning.passes.pieces import pieces
from gateway.planning.passes.postpone import postpone
from gateway.planning.passes.shape import Shaper
from gateway.planning.selecting import Selecting
from gateway.planning.walk import ObjectWalk
from gateway.supergraph import Supergraph

__all__ = ["Budget", "plan"]


def plan(
    supergraph: Supergraph,
    operation: Operation,
    *,
    labels: frozenset[str] = frozenset(),
    budget: Budget | None = None,
) -> Plan:
    """Plan a valid operation; `labels` are the progressive overrides that are switched on."""
    try:
        return _plan(supergraph, operation, labels, budget or Budget())
    except RecursionError as error:
        raise TooComplex(
            "The operation is nested too deeply to be planned.", "该操作嵌套过深，无法规划。"
        ) from error


def _plan(
    supergraph: Supergraph, operation: Operation, labels: frozenset[str], budget: Budget
) -> Plan:
    moves = moves_of(supergraph, labels)
    selecting = Selecting(moves, budget)
    names = Names()
    root_type = moves.roots[operation.kind]
    fields = selecting.fields(root_type, Contexts(moves).filled(root_type, operation.selections))
    search = Cheapest(moves, selecting)
    writer = Writer(moves, selecting, names)
    for walk in _walks(search, root_type, operation, fields.values()):
        earlier = writer.drafts if operation.kind == "mutation" else ()
        writer.root(walk, operation.kind, earlier)
    settle(writer)
    requests = merge(_ordered(writer.drafts))
    document, variables = introspection(operation)
    shaper = Shaper(supergraph.schema, moves, selecting, names)
    shape = shaper.shape(root_type, operation.selections)
    return Plan(
        kind=operation.kind,
        root=nodes(requests, operation, moves),
        shape=shape,
        pieces=pieces(shaper, root_type, operation.selections),
        introspection=document,
        introspection_variables=variables,
        asides=asides(operation, shaper.asides),
        aliases=names.aliases,
        operation_name=operation.name,
    )


def _ordered(drafts: list[Draft]) -> list[Draft]:
    ordered = levels(drafts)
    needs(ordered)
    postpone(ordered)
    return ordered


def _walks(
    search: Cheapest, root_type: str, operation: Operation, fields: Iterable[Field]
) -> Iterable[ObjectWalk]:
    """Yield one walk for a query; for a mutation one for each run of fields that one subgraph takes."""
    portion: list[Field] = []
    ready: ObjectWalk | None = None
    for item in (item for item in fields if not item.name.startswith("__")):
        walk = search.root(root_type, [*portion, item])
        if operation.kind == "mutation" and walk is not None and portion and _roots(walk) > 1:
            assert ready is not None
            yield ready
            portion, walk = [], search.root(root_type, [item])
        portion.append(item)
        ready = walk
        if walk is None:
            raise _unplannable(root_type, item)
    if ready is not None:
        yield ready


def _roots(walk: ObjectWalk) -> int:
    return sum(stop.entered for stop in walk.stops)


def _unplannable(root_type: str, item: Field) -> Unplannable:
    return Unplannable(
        f"No walk through the subgraphs answers {root_type}.{item.name} as it is selected.",
        f"没有任何子图路径可以回答所选的 {root_type}.{item.name}。",
    )
