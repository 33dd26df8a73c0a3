"""Limits on the size of operations; each fragment is measured once, so a bomb costs nothing."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.errors import BadVariables, TooComplex
from gateway.settings import Limits


class Weight(NamedTuple):
    """What a selection holds with its fragments expanded."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    repeats: int = 0


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Raise TooComplex with the first limit that an operation of the document exceeds."""
    scale = _Scale(
        {
            item.name.value: item
            for item in document.definitions
            if isinstance(item, FragmentDefinitionNode)
        }
    )
    for item in document.definitions:
        if isinstance(item, OperationDefinitionNode):
            _compare(scale.weigh(item.selection_set), limits)


def check_variables(variables: dict[str, Any], limits: Limits) -> None:
    """Raise BadVariables when a value is nested deeper than the limit."""
    if not variables:
        return
    level: list[Any] = list(variables.values())
    for _ in range(limits.variables_depth):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise BadVariables(
        f"The variables are nested deeper than {limits.variables_depth} levels; send flatter ones.",
        f"变量嵌套超过 {limits.variables_depth} 层；请减少嵌套。",
        limit=limits.variables_depth,
    )


def _compare(weight: Weight, limits: Limits) -> None:
    measures = (
        (weight.depth, limits.depth, "levels deep", "层嵌套"),
        (weight.fields, limits.fields, "fields", "个字段"),
        (weight.aliases, limits.aliases, "aliases", "个别名"),
        (weight.directives, limits.directives, "directives", "个指令"),
        (weight.repeats, limits.repeats, "repetitions of one field", "次重复同一字段"),
    )
    for count, limit, unit, unit_zh in measures:
        if count > limit:
            raise TooComplex(
                f"The operation is too large: {count} {unit} with its fragments, "
                f"at most {limit} are allowed.",
                f"操作过大：展开片段后有 {count} {unit_zh}，最多允许 {limit}。",
                limit=limit,
            )


class _Scale:
    """Measures selection sets, each fragment once."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self.fragments = fragments
        self.weights: dict[str, Weight] = {}

    def weigh(self, selections: SelectionSetNode | None) -> Weight:
        """Return what the selections hold."""
        depth = fields = aliases = directives = 0
        repeats = _repeats(selections)
        for weight in self._parts(selections):
            depth = max(depth, weight.depth)
            fields += weight.fields
            aliases += weight.aliases
            directives += weight.directives
            repeats = max(repeats, weight.repeats)
        return Weight(depth, fields, aliases, directives, repeats)

    def _parts(self, selections: SelectionSetNode | None) -> Iterator[Weight]:
        for item in selections.selections if selections else ():
            yield Weight(directives=len(item.directives or ()))
            if isinstance(item, FieldNode):
                inner = self.weigh(item.selection_set)
                yield inner._replace(depth=inner.depth + 1, fields=inner.fields + 1)
                if item.alias is not None:
                    yield Weight(aliases=1)
            elif isinstance(item, FragmentSpreadNode):
                yield self._fragment(item.name.value)
            else:
                yield self.weigh(getattr(item, "selection_set", None))

    def _fragment(self, name: str) -> Weight:
        if name not in self.weights:
            self.weights[name] = (
                Weight()
            )  # a circle of fragments counts nothing here; validation refuses it
            definition = self.fragments.get(name)
            self.weights[name] = self.weigh(definition.selection_set if definition else None)
        return self.weights[name]


def _repeats(selections: SelectionSetNode | None) -> int:
    keys = Counter(
        (item.alias or item.name).value
        for item in (selections.selections if selections else ())
        if isinstance(item, FieldNode)
    )
    return max(keys.values(), default=0)


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
