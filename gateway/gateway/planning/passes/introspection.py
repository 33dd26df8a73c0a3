"""Takes `__schema` and `__type` out of an operation: the gateway answers them itself."""

from __future__ import annotations

from graphql import (
    ConstDirectiveNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    print_ast,
)

from gateway.operation import Operation, variables_in

LOCAL = frozenset({"__schema", "__type"})


def introspection(operation: Operation) -> tuple[str | None, tuple[str, ...]]:
    """Return a document with nothing but introspection, and its variables; None if there is none."""
    if operation.kind != "query":
        return None, ()
    fragments = {
        item.name.value: item
        for item in operation.document.definitions
        if isinstance(item, FragmentDefinitionNode)
    }
    kept = _only_local(operation.node.selection_set, fragments)
    if kept is None:
        return None, ()
    used_fragments: dict[str, FragmentDefinitionNode] = {}
    _spreads(kept, fragments, used_fragments)
    parts = [kept, *used_fragments.values()]
    used = dict.fromkeys(name for part in parts for name in variables_in(part))
    node = OperationDefinitionNode(
        operation=operation.node.operation,
        name=operation.node.name,
        variable_definitions=tuple(
            item
            for item in operation.node.variable_definitions or ()
            if item.variable.name.value in used
        ),
        directives=(),
        selection_set=kept,
    )
    document = DocumentNode(definitions=(node, *used_fragments.values()))
    return print_ast(document), tuple(used)


def _only_local(
    node: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]
) -> SelectionSetNode | None:
    kept: list[FieldNode | InlineFragmentNode] = []
    for item in node.selections:
        if isinstance(item, FieldNode):
            if item.name.value in LOCAL:
                kept.append(item)
            continue
        if isinstance(item, FragmentSpreadNode):
            inner = fragments[item.name.value].selection_set
        else:
            assert isinstance(item, InlineFragmentNode)
            inner = item.selection_set
        below = _only_local(inner, fragments)
        if below is not None:
            kept.append(
                InlineFragmentNode(
                    type_condition=None, directives=_at_once(item), selection_set=below
                )
            )
    return SelectionSetNode(selections=tuple(kept)) if kept else None


def _at_once(
    item: FragmentSpreadNode | InlineFragmentNode,
) -> tuple[DirectiveNode | ConstDirectiveNode, ...]:
    """Return the directives without @defer: what is answered here is there at once."""
    return tuple(each for each in item.directives or () if each.name.value != "defer")


def _spreads(
    node: SelectionSetNode,
    fragments: dict[str, FragmentDefinitionNode],
    found: dict[str, FragmentDefinitionNode],
) -> None:
    for item in node.selections:
        if isinstance(item, FragmentSpreadNode):
            name = item.name.value
            if name not in found:
                found[name] = fragments[name]
                _spreads(fragments[name].selection_set, fragments, found)
            continue
        inner = getattr(item, "selection_set", None)
        if inner is not None:
            _spreads(inner, fragments, found)
