"""Takes `__schema` and `__type` out of an operation: the gateway answers them itself."""

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

from gateway.operation import LOCAL, Field, Guard, Operation, Selection, variables_in
from gateway.plan import Aside
from gateway.planning.names import JsonPath


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


def asides(operation: Operation, found: Mapping[tuple[JsonPath, str], Field]) -> tuple[Aside, ...]:
    """Return the questions about the schema that are asked below the root."""
    return tuple(_aside(operation, path, source, item) for (path, source), item in found.items())


def _aside(operation: Operation, path: JsonPath, source: str, item: Field) -> Aside:
    names = tuple(name for name in operation.variables if name in set(_variables(item)))
    declared = ", ".join(
        f"${name}: {operation.variables[name]}"
        + (f" = {operation.defaults[name]}" if name in operation.defaults else "")
        for name in names
    )
    head = f"query({declared}) " if declared else ""
    asked = " ".join(_written(replace(item, key="answer", guard=())))
    return Aside(path, source, f"{head}{{ {asked} }}", names)


def _written(item: Selection) -> Iterator[str]:
    """Write a selection, once for each way in which its guard holds."""
    inner = " ".join(text for below in item.selections for text in _written(below))
    below = f" {{ {inner} }}" if inner else ""
    for way in item.guard or ((),):
        tests = "".join(f" @{'include' if wanted else 'skip'}(if: ${name})" for name, wanted in way)
        if isinstance(item, Field):
            yield f"{item.key}: {item.name}{item.arguments}{tests}{below}"
        else:
            yield f"...{f' on {item.type}' if item.type else ''}{tests}{below}"


def _variables(item: Selection) -> Iterator[str]:
    if isinstance(item, Field):
        yield from item.variables
    yield from _tested(item.guard)
    for below in item.selections:
        yield from _variables(below)


def _tested(guard: Guard) -> Iterator[str]:
    return (name for way in guard for name, _ in way)


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
