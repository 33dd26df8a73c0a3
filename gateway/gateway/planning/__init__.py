"""Planning: from an operation to the requests that answer it.

A search over the query graph chooses for every position of the operation which subgraphs to visit
(`path_search`). The chosen path tree is written as fetch groups (`group_writing`). Passes order the
groups, merge those that can share a request, and print them as the nodes of a plan.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.errors import TooComplex, Unplannable
from gateway.operation import Field, Operation
from gateway.plan import Plan
from gateway.planning.budget import Budget
from gateway.planning.contexts import ContextSelections, assign_context_values
from gateway.planning.fetch_group import FetchGroup
from gateway.planning.field_collection import FieldCollector
from gateway.planning.group_writing import GroupWriter
from gateway.planning.passes.answer_shape import ShapeCompiler
from gateway.planning.passes.conditions import set_conditions
from gateway.planning.passes.deferral import deferred_shape
from gateway.planning.passes.introspection import introspection, nested_introspection
from gateway.planning.passes.levels import assign_levels
from gateway.planning.passes.merge import merge
from gateway.planning.passes.plan_nodes import build_nodes
from gateway.planning.passes.postpone import postpone
from gateway.planning.path_search import PathSearch
from gateway.planning.path_tree import ObjectTree
from gateway.planning.query_graph import query_graph_of
from gateway.planning.response_keys import ResponseKeys
from gateway.supergraph import Supergraph

__all__ = ["Budget", "plan"]


def plan(
    supergraph: Supergraph,
    operation: Operation,
    *,
    labels: frozenset[str] = frozenset(),
    budget: Budget | None = None,
) -> Plan:
    """Plan a valid operation.

    `labels` are the progressive overrides that are switched on. Raises Unplannable when no path
    through the subgraphs answers a field, TooComplex when the budget is spent.
    """
    try:
        return _plan(supergraph, operation, labels, budget or Budget())
    except RecursionError as error:
        raise TooComplex(
            "The operation is nested too deeply to be planned.", "该操作嵌套过深，无法规划。"
        ) from error


def _plan(
    supergraph: Supergraph, operation: Operation, labels: frozenset[str], budget: Budget
) -> Plan:
    query_graph = query_graph_of(supergraph, labels)
    collector = FieldCollector(query_graph, budget)
    response_keys = ResponseKeys()
    root_type = query_graph.roots[operation.kind]
    selections = ContextSelections(query_graph).add_to(root_type, operation.selections)
    fields = collector.collect(root_type, selections)
    search = PathSearch(query_graph, collector)
    writer = GroupWriter(query_graph, collector, response_keys)
    for tree in _root_trees(search, root_type, operation, fields.values()):
        earlier = writer.groups if operation.kind == "mutation" else ()
        writer.write_root(tree, operation.kind, earlier)
    assign_context_values(writer)
    requests = merge(_ordered(writer.groups))
    document, variables = introspection(operation)
    compiler = ShapeCompiler(supergraph.schema, query_graph, collector, response_keys)
    shape = compiler.shape(root_type, operation.selections)
    return Plan(
        kind=operation.kind,
        root=build_nodes(requests, operation, query_graph),
        shape=shape,
        pieces=deferred_shape(compiler, root_type, operation.selections),
        introspection=document,
        introspection_variables=variables,
        nested_introspection=nested_introspection(operation, compiler.nested_introspection),
        aliases=response_keys.aliases,
        operation_name=operation.name,
    )


def _ordered(groups: list[FetchGroup]) -> list[FetchGroup]:
    ordered = assign_levels(groups)
    set_conditions(ordered)
    postpone(ordered)
    return ordered


def _root_trees(
    search: PathSearch, root_type: str, operation: Operation, fields: Iterable[Field]
) -> Iterable[ObjectTree]:
    """Yield one tree for a query; for a mutation one for each run of fields of one subgraph."""
    run: list[Field] = []
    ready: ObjectTree | None = None
    for item in (item for item in fields if not item.name.startswith("__")):
        tree = search.find_root(root_type, [*run, item])
        if operation.kind == "mutation" and tree is not None and run and _entered(tree) > 1:
            assert ready is not None
            yield ready
            run, tree = [], search.find_root(root_type, [item])
        run.append(item)
        ready = tree
        if tree is None:
            raise _unplannable(root_type, item)
    if ready is not None:
        yield ready


def _entered(tree: ObjectTree) -> int:
    return sum(visit.entered for visit in tree.visits)


def _unplannable(root_type: str, item: Field) -> Unplannable:
    return Unplannable(
        f"No path through the subgraphs answers {root_type}.{item.name} with this selection.",
        f"没有任何子图路径可以回答 {root_type}.{item.name} 的这组选择。",
    )
