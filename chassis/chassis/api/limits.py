"""Bounds on a document, told before it is validated, in time linear in its text.

Fragments are measured once each and remembered, so a fragment bomb that would expand to 2²⁸ fields
costs as much as its text is long. Strawberry's own limiters expand it.
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
    """The most that one operation may ask."""

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
    """Raises `LimitExceeded` (or `BadInput` for a fragment circle)."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    known: dict[str, _Size | None] = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            size = _measure(node.selection_set, fragments, known, 0)
            size.directives += len(node.directives or ())
            _compare(size, limits)


def _compare(size: _Size, limits: Limits) -> None:
    for name in ("depth", "fields", "aliases", "directives"):
        asked, most = getattr(size, name), getattr(limits, name)
        if asked > most:
            raise LimitExceeded(
                f"The operation asks for {name} {asked}; at most {most} are allowed. Split it.",
                f"查询的 {name} 为 {asked}，上限为 {most}，请拆分后再试。",
                limit=name,
                asked=asked,
                allowed=most,
            )


# A text cannot nest deeper than this: every level costs tokens, and the parser recurses too.
_NESTED = 200


def _measure(
    selections: SelectionSetNode,
    fragments: dict[str, FragmentDefinitionNode],
    known: dict[str, _Size | None],
    nesting: int,
) -> _Size:
    if nesting > _NESTED:
        raise LimitExceeded(
            f"The operation nests deeper than {_NESTED} levels.",
            f"查询嵌套超过 {_NESTED} 层。",
            limit="depth",
        )
    total = _Size()
    for node in selections.selections:
        total.directives += len(node.directives or ())
        if isinstance(node, FieldNode):
            total.fields += 1
            total.aliases += node.alias is not None
            below = (
                _measure(node.selection_set, fragments, known, nesting + 1)
                if node.selection_set
                else None
            )
            _add(total, below, deeper=1)
        elif isinstance(node, InlineFragmentNode):
            _add(total, _measure(node.selection_set, fragments, known, nesting + 1))
        elif isinstance(node, FragmentSpreadNode):
            _add(total, _fragment(node, fragments, known, nesting))
    return total


def _fragment(
    node: FragmentSpreadNode,
    fragments: dict[str, FragmentDefinitionNode],
    known: dict[str, _Size | None],
    nesting: int,
) -> _Size | None:
    name = node.name.value
    if name in known:
        if known[name] is None:
            raise BadInput(
                f"Fragment {name} contains itself; a fragment must end somewhere.",
                f"片段 {name} 循环引用了自身。",
                field=name,
            )
        return known[name]
    definition = fragments.get(name)
    if definition is None:
        return None  # validation names it better
    known[name] = None
    known[name] = _measure(definition.selection_set, fragments, known, nesting + 1)
    return known[name]


def _add(total: _Size, below: _Size | None, deeper: int = 0) -> None:
    total.depth = max(total.depth, (below.depth if below else 0) + deeper)
    if below:
        total.fields += below.fields
        total.aliases += below.aliases
        total.directives += below.directives
