"""Limits on a document, checked before it is validated, in time linear in its text.

Each fragment is measured once and cached, so a fragment bomb that would expand to 2²⁸ fields costs
as much as its text is long. Strawberry's own limiters expand it.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from chassis.errors import BadInput, LimitExceeded


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest operation that is executed."""

    depth: int = 20
    fields: int = 5_000
    aliases: int = 500
    directives: int = 500
    tokens: int = 20_000


@dataclass(slots=True)
class _Size:
    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0


def check(document: DocumentNode, limits: Limits) -> None:
    """Raise `LimitExceeded` for an operation over a limit, `BadInput` for a fragment circle."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    sizes: dict[str, _Size | None] = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            size = _measure(node.selection_set, fragments, sizes, 0)
            size.directives += len(node.directives or ())
            _compare(size, limits)


def _compare(size: _Size, limits: Limits) -> None:
    for name in ("depth", "fields", "aliases", "directives"):
        actual, most = getattr(size, name), getattr(limits, name)
        if actual > most:
            raise LimitExceeded(
                f"The operation has {name} {actual}; at most {most} are allowed. Split it.",
                f"查询的 {name} 为 {actual}，上限为 {most}，请拆分后再试。",
                limit=name,
                asked=actual,
                allowed=most,
            )


# No accepted text nests deeper: every level costs tokens, and the parser recurses too.
_NESTED = 200


def _measure(
    selections: SelectionSetNode,
    fragments: dict[str, FragmentDefinitionNode],
    sizes: dict[str, _Size | None],
    nesting: int,
) -> _Size:
    if nesting > _NESTED:
        raise LimitExceeded(
            f"The operation nests deeper than {_NESTED} levels; split it.",
            f"查询嵌套超过 {_NESTED} 层，请拆分后再试。",
            limit="depth",
        )
    total = _Size()
    for node in selections.selections:
        total.directives += len(node.directives or ())
        if isinstance(node, FieldNode):
            total.fields += 1
            total.aliases += node.alias is not None
            nested = (
                _measure(node.selection_set, fragments, sizes, nesting + 1)
                if node.selection_set
                else None
            )
            _add(total, nested, deeper=1)
        elif isinstance(node, InlineFragmentNode):
            _add(total, _measure(node.selection_set, fragments, sizes, nesting + 1))
        elif isinstance(node, FragmentSpreadNode):
            _add(total, _fragment(node, fragments, sizes, nesting))
    return total


def _fragment(
    node: FragmentSpreadNode,
    fragments: dict[str, FragmentDefinitionNode],
    sizes: dict[str, _Size | None],
    nesting: int,
) -> _Size | None:
    name = node.name.value
    if name in sizes:
        if sizes[name] is None:
            raise BadInput(
                f"Fragment {name} contains itself; remove the circle.",
                f"片段 {name} 循环引用了自身，请消除循环。",
                field=name,
            )
        return sizes[name]
    definition = fragments.get(name)
    if definition is None:
        return None  # validation reports it
    sizes[name] = None
    sizes[name] = _measure(definition.selection_set, fragments, sizes, nesting + 1)
    return sizes[name]


def _add(total: _Size, nested: _Size | None, deeper: int = 0) -> None:
    total.depth = max(total.depth, (nested.depth if nested else 0) + deeper)
    if nested:
        total.fields += nested.fields
        total.aliases += nested.aliases
        total.directives += nested.directives
