"""Extracts `__schema` and `__type` from an operation: the gateway answers them itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

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

from gateway.operation import LOCAL, Field, Operation, Selection, variables_in
from gateway.plan import NestedIntrospection
from gateway.planning.response_keys import JsonPath


def introspection(operation: Operation) -> tuple[str | None, tuple[str, ...]]:
    """Return a document with only the introspection fields, and its variables; None if none."""
    if operation.kind != "query":
        return None, ()
    fragments = {
        item.name.value: item
        for item in operation.document.definitions
        if isinstance(item, FragmentDefinitionNode)
    }
    local = _only_local(operation.node.selection_set, fragments)
    if local is None:
        return None, ()
    used_fragments: dict[str, FragmentDefinitionNode] = {}
    _collect_spreads(local, fragments, used_fragments)
    parts = [local, *used_fragments.values()]
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
        selection_set=local,
    )
    document = DocumentNode(definitions=(node, *used_fragments.values()))
    return print_ast(document), tuple(used)


def nested_introspection(
    operation: Operation, fields: Mapping[tuple[JsonPath, str], Field]
) -> tuple[NestedIntrospection, ...]:
    """Return the introspection queries for fields below the root."""
    return tuple(_nested(operation, path, source, item) for (path, source), item in fields.items())


def _nested(operation: Operation, path: JsonPath, source: str, item: Field) -> NestedIntrospection:
    names = tuple(name for name in operation.variables if name in set(_variables(item)))
    declared = ", ".join(
        f"${name}: {operation.variables[name]}"
        + (f" = {operation.defaults[name]}" if name in operation.defaults else "")
        for name in names
    )
    head = f"query({declared}) " if declared else ""
    selection = " ".join(_printed(replace(item, key="answer", guard=())))
    return NestedIntrospection(path, source, f"{head}{{ {selection} }}", names)


def _printed(item: Selection) -> Iterator[str]:
    """Print a selection, once for each way in which its guard holds."""
    inner = " ".join(text for below in item.selections for text in _printed(below))
    below = f" {{ {inner} }}" if inner else ""
    for way in item.guard or ((),):
        tests = "".join(f" @{'include' if value else 'skip'}(if: ${name})" for name, value in way)
        if isinstance(item, Field):
            yield f"{item.key}: {item.name}{item.arguments}{tests}{below}"
        else:
            yield f"...{f' on {item.type}' if item.type else ''}{tests}{below}"


def _variables(item: Selection) -> Iterator[str]:
    if isinstance(item, Field):
        yield from item.variables
    yield from (name for way in item.guard for name, _ in way)
    for below in item.selections:
        yield from _variables(below)


def _only_local(
    node: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]
) -> SelectionSetNode | None:
    """Return a selection set with only its introspection fields; None if it has none."""
    local: list[FieldNode | InlineFragmentNode] = []
    for item in node.selections:
        if isinstance(item, FieldNode):
            if item.name.value in LOCAL:
                local.append(item)
            continue
        if isinstance(item, FragmentSpreadNode):
            inner = fragments[item.name.value].selection_set
        else:
            assert isinstance(item, InlineFragmentNode)
            inner = item.selection_set
        below = _only_local(inner, fragments)
        if below is not None:
            local.append(
                InlineFragmentNode(
                    type_condition=None, directives=_without_defer(item), selection_set=below
                )
            )
    return SelectionSetNode(selections=tuple(local)) if local else None


def _without_defer(
    item: FragmentSpreadNode | InlineFragmentNode,
) -> tuple[DirectiveNode | ConstDirectiveNode, ...]:
    """Return the directives without @defer: introspection is answered at once."""
    return tuple(each for each in item.directives or () if each.name.value != "defer")


def _collect_spreads(
    node: SelectionSetNode,
    fragments: dict[str, FragmentDefinitionNode],
    used: dict[str, FragmentDefinitionNode],
) -> None:
    """Add the fragments that a selection set spreads, at any depth."""
    for item in node.selections:
        if isinstance(item, FragmentSpreadNode):
            name = item.name.value
            if name not in used:
                used[name] = fragments[name]
                _collect_spreads(fragments[name].selection_set, fragments, used)
            continue
        inner = getattr(item, "selection_set", None)
        if inner is not None:
            _collect_spreads(inner, fragments, used)
