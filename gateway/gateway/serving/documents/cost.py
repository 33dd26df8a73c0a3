"""Estimates the highest cost of an operation, once from its text.

Only list sizes that variables choose are left open until the variables are there.

Objects cost 1 and leaves nothing unless `@cost` says otherwise; a list costs its entries times its
size; of several types that may stand at one place the most expensive counts. `cost_inputs` adds
arguments.
"""

from collections.abc import Mapping

from graphql import (
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from gateway.errors import TooCostly
from gateway.operation import Field, Operation, Selection
from gateway.serving.documents.cost_inputs import ArgumentCosts
from gateway.serving.documents.cost_terms import Cost, cost_of, most_expensive, product, total
from gateway.supergraph import Supergraph
from gateway.supergraph.costs import Costs

__all__ = ["Cost", "CostEstimator", "check_cost", "cost_of"]

MUTATION = 10
"""The base cost of a mutation."""


def check_cost(cost: int, limit: int) -> None:
    """Raise TooCostly when the cost is above the limit."""
    if cost > limit:
        raise TooCostly(
            f"The operation may cost {cost}, at most {limit} is allowed; "
            "ask for shorter lists or fewer fields.",
            f"该操作的预估成本为 {cost}，上限为 {limit}；请缩短列表或减少字段。",
            cost=cost,
            limit=limit,
        )


class CostEstimator:
    """Estimates the cost of operations on one supergraph."""

    def __init__(self, supergraph: Supergraph, costs: Costs, list_size: int) -> None:
        self.schema = supergraph.schema
        self.costs = costs
        self.list_size = list_size

    def cost(self, operation: Operation) -> Cost:
        """Return the cost of a valid operation, open where variables decide."""
        kinds = {
            "query": self.schema.query_type,
            "mutation": self.schema.mutation_type,
            "subscription": self.schema.subscription_type,
        }
        root = kinds[operation.kind]
        assert root is not None  # the operation is valid
        base = MUTATION if operation.kind == "mutation" else 0
        return total((base, self._inside(root, operation.selections, {}, {})))

    def _inside(
        self,
        kind: GraphQLNamedType,
        selections: tuple[Selection, ...],
        sized: Mapping[str, Cost],
        cache: dict[tuple[str, int], Cost],
    ) -> Cost:
        """Return the cost of the most expensive type that may stand here.

        `cache` holds the costs of fragments, once for each type.
        """
        if is_abstract_type(kind):
            return most_expensive(
                self._object(member, selections, sized, cache)
                for member in self.schema.get_possible_types(kind)
            )
        assert isinstance(kind, GraphQLObjectType)
        return self._object(kind, selections, sized, cache)

    def _object(
        self,
        kind: GraphQLObjectType,
        selections: tuple[Selection, ...],
        sized: Mapping[str, Cost],
        cache: dict[tuple[str, int], Cost],
    ) -> Cost:
        key = (kind.name, id(selections))
        if not sized and key in cache:
            return cache[key]
        parts: dict[str, Cost] = {}
        rest: list[Cost] = []
        for item in selections:
            if isinstance(item, Field):
                if item.name.startswith("__"):
                    continue
                cost = self._field(kind, item, sized, cache)
                earlier = parts.get(item.key)
                parts[item.key] = cost if earlier is None else most_expensive((earlier, cost))
            elif item.type is None or self._is_a(kind, item.type):
                rest.append(self._object(kind, item.selections, sized, cache))
        cost = total((*parts.values(), *rest))
        if not sized:
            cache[key] = cost
        return cost

    def _is_a(self, kind: GraphQLObjectType, condition: str) -> bool:
        other = self.schema.type_map[condition]
        return kind is other or (is_abstract_type(other) and self.schema.is_sub_type(other, kind))

    def _field(
        self,
        parent: GraphQLObjectType,
        item: Field,
        sized: Mapping[str, Cost],
        cache: dict[tuple[str, int], Cost],
    ) -> Cost:
        place = f"{parent.name}.{item.name}"
        definition = parent.fields[item.name]
        kind = definition.type
        named = get_named_type(kind)
        weights, rule = self.costs.weights, self.costs.sizes.get(place)
        inputs = ArgumentCosts(place, definition, item)
        size = inputs.size(rule, self.list_size) if rule else None
        below = dict.fromkeys(rule.sized, size) if rule and size is not None else {}
        start = f"{item.name}."
        below |= {
            path.removeprefix(start): cost for path, cost in sized.items() if path.startswith(start)
        }
        own = weights.get(place, weights.get(named.name, 0 if is_leaf_type(named) else 1))
        inner = 0 if is_leaf_type(named) else self._inside(named, item.selections, below, cache)
        extra = inputs.weight(weights)
        if not _is_list(kind):
            return total((own, inner, extra))
        times = sized.get(item.name)
        if times is None:
            times = self.list_size if size is None or (rule and rule.sized) else size
        return total((product(times, total((own, inner))), extra))


def _is_list(kind: object) -> bool:
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)
