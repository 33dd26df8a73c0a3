"""Makes the shape of a query straight from a schema,
so that completing can be tested without a planner."""

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    parse,
)
from graphql.language import InlineFragmentNode

from gateway.plan import Nullability, Shape, Slot


def shape_of(schema: GraphQLSchema, query: str) -> Shape:
    """The shape of a query without fragments other than inline ones and without repeated keys."""
    (operation,) = parse(query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert schema.query_type is not None
    return _shape(schema, schema.query_type, operation.selection_set)


def _shape(schema: GraphQLSchema, kind: object, selections: SelectionSetNode) -> Shape:
    named = get_named_type(kind)  # type: ignore[call-overload]
    if isinstance(named, GraphQLObjectType):
        return Shape(named.name, named.name, _slots(schema, named, selections), {})
    assert is_abstract_type(named)
    by_type = {
        possible.name: _slots(schema, possible, selections)
        for possible in schema.get_possible_types(named)
    }
    return Shape(named.name, None, (), by_type)


def _slots(
    schema: GraphQLSchema, owner: GraphQLObjectType, selections: SelectionSetNode
) -> tuple[Slot, ...]:
    found: list[Slot] = []
    for item in selections.selections:
        if isinstance(item, InlineFragmentNode):
            condition = item.type_condition.name.value if item.type_condition else owner.name
            if condition == owner.name:
                found += _slots(schema, owner, item.selection_set)
            continue
        assert isinstance(item, FieldNode)
        found.append(_slot(schema, owner, item))
    return tuple(found)


def _slot(schema: GraphQLSchema, owner: GraphQLObjectType, node: FieldNode) -> Slot:
    key = (node.alias or node.name).value
    if node.name.value == "__typename":
        return Slot(key, "__typename", Nullability(True), f"{owner.name}.__typename", typename=True)
    kind = owner.fields[node.name.value].type
    named = get_named_type(kind)
    return Slot(
        key=key,
        source=key,
        nullability=_nullability(kind),
        coordinate=f"{owner.name}.{node.name.value}",
        child=_shape(schema, kind, node.selection_set)
        if is_composite_type(named) and node.selection_set
        else None,
        values=frozenset(named.values) if isinstance(named, GraphQLEnumType) else None,
        leaf_type=named.name if is_leaf_type(named) else None,
    )


def _nullability(kind: GraphQLOutputType) -> Nullability:
    required = is_non_null_type(kind)
    inner = kind.of_type if is_non_null_type(kind) else kind
    item = _nullability(inner.of_type) if is_list_type(inner) else None
    return Nullability(required, item)
