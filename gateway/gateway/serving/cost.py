"""What an operation costs at most, estimated once from its text; only sizes that variables choose wait for them.

Objects cost 1 and leaves nothing unless `@cost` says otherwise; a list costs its entries times its size; of
several types that may stand at one place the dearest counts.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    parse,
    value_from_ast_untyped,
)

from gateway.errors import TooCostly
from gateway.operation import Field, Operation, Selection
from gateway.supergraph import Supergraph
from gateway.supergraph.costs import Costs, ListSize

Variables = Mapping[str, Any]
Cost = int | Callable[[Variables], int]
"""Known, or known with the variables."""

MUTATION = 10
MOST = 10**15


def cost_of(cost: Cost, variables: Variables) -> int:
    """The number."""
    return cost if isinstance(cost, int) else cost(variables)


def check_cost(cost: int, limit: int) -> None:
    """Raise TooCostly above the limit."""
    if cost > limit:
        raise TooCostly(
            f"The operation may cost {cost}, at most {limit} is allowed; "
            "ask for shorter lists or fewer fields.",
            f"该操作的预估成本为 {cost}，上限为 {limit}；请缩短列表或减少字段。",
            cost=cost,
            limit=limit,
        )


class Prices:
    """Estimates operations on one supergraph."""

    def __init__(self, supergraph: Supergraph, costs: Costs, list_size: int) -> None:
        self.schema = supergraph.schema
        self.costs = costs
        self.list_size = list_size

    def cost(self, operation: Operation) -> Cost:
        """Estimate."""
        kinds = {
            "query": self.schema.query_type,
            "mutation": self.schema.mutation_type,
            "subscription": self.schema.subscription_type,
        }
        root = kinds[operation.kind]
        assert root is not None  # the operation is valid
        base = MUTATION if operation.kind == "mutation" else 0
        return _sum((base, self._inside(root, operation.selections, {}, {})))

    def _inside(
        self,
        kind: GraphQLNamedType,
        selections: tuple[Selection, ...],
        sized: Mapping[str, Cost],
        known: dict[tuple[str, int], Cost],
    ) -> Cost:
        """The dearest type that may stand here; each fragment is looked at once for each type."""
        if is_abstract_type(kind):
            return _most(
                self._object(member, selections, sized, known)
                for member in self.schema.get_possible_types(kind)
            )
        assert isinstance(kind, GraphQLObjectType)
        return self._object(kind, selections, sized, known)

    def _object(
        self,
        kind: GraphQLObjectType,
        selections: tuple[Selection, ...],
        sized: Mapping[str, Cost],
        known: dict[tuple[str, int], Cost],
    ) -> Cost:
        key = (kind.name, id(selections))
        if not sized and key in known:
            return known[key]
        parts: dict[str, Cost] = {}
        rest: list[Cost] = []
        for item in selections:
            if isinstance(item, Field):
                if item.name.startswith("__"):
                    continue
                cost = self._field(kind, item, sized, known)
                before = parts.get(item.key)
                parts[item.key] = cost if before is None else _most((before, cost))
            elif item.type is None or self._is_a(kind, item.type):
                rest.append(self._object(kind, item.selections, sized, known))
        total = _sum((*parts.values(), *rest))
        if not sized:
            known[key] = total
        return total

    def _is_a(self, kind: GraphQLObjectType, condition: str) -> bool:
        other = self.schema.type_map[condition]
        return kind is other or (is_abstract_type(other) and self.schema.is_sub_type(other, kind))

    def _field(
        self,
        parent: GraphQLObjectType,
        item: Field,
        sized: Mapping[str, Cost],
        known: dict[tuple[str, int], Cost],
    ) -> Cost:
        place = f"{parent.name}.{item.name}"
        kind = parent.fields[item.name].type
        named = get_named_type(kind)
        weights, rule = self.costs.weights, self.costs.sizes.get(place)
        given = _arguments(item) if item.arguments else {}
        size = self._size(rule, given) if rule else None
        below = dict.fromkeys(rule.sized, size) if rule and size is not None else {}
        own = weights.get(place, weights.get(named.name, 0 if is_leaf_type(named) else 1))
        inner = 0 if is_leaf_type(named) else self._inside(named, item.selections, below, known)
        extra = sum(weights.get(f"{place}({name}:)", 0) for name in given)
        if not _is_list(kind):
            return _sum((own, inner, extra))
        times = sized.get(item.name)
        if times is None:
            times = self.list_size if size is None or (rule and rule.sized) else size
        return _sum((_product(times, _sum((own, inner))), extra))

    def _size(self, rule: ListSize, given: Mapping[str, ValueNode]) -> Cost | None:
        found: list[Cost] = []
        for name in rule.slicing:
            value = given.get(name)
            if isinstance(value, VariableNode):
                found.append(_chosen(value.name.value, rule.assumed or self.list_size))
            elif value is not None and isinstance(plain := value_from_ast_untyped(value), int):
                found.append(max(plain, 0))
        return _most(found) if found else rule.assumed


def _arguments(item: Field) -> Mapping[str, ValueNode]:
    (operation,) = parse(f"{{f{item.arguments}}}", no_location=True).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    return {argument.name.value: argument.value for argument in node.arguments or ()}


def _is_list(kind: object) -> bool:
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)


def _chosen(variable: str, otherwise: int) -> Cost:
    def chosen(variables: Variables) -> int:
        value = variables.get(variable)
        return max(value, 0) if type(value) is int else otherwise

    return chosen


def _sum(parts: Iterable[Cost]) -> Cost:
    fixed, open_ = 0, []
    for part in parts:
        if isinstance(part, int):
            fixed += part
        else:
            open_.append(part)
    if not open_:
        return min(fixed, MOST)
    return lambda variables: min(fixed + sum(part(variables) for part in open_), MOST)


def _most(parts: Iterable[Cost]) -> Cost:
    listed = list(parts)
    fixed = max((part for part in listed if isinstance(part, int)), default=0)
    open_ = [part for part in listed if not isinstance(part, int)]
    if not open_:
        return fixed
    return lambda variables: max(fixed, *(part(variables) for part in open_))


def _product(one: Cost, other: Cost) -> Cost:
    if isinstance(one, int) and isinstance(other, int):
        return min(max(one, 0) * other, MOST)
    return lambda variables: min(cost_of(one, variables) * cost_of(other, variables), MOST)
