"""Whether a document breaks no rule of GraphQL, told faster than which one it breaks.

Nearly every new document is valid. graphql-core's own walk asks each of some thirty rules at each node,
though a rule knows three kinds of nodes at most, and looks their methods up anew for every document. This
walk remembers, for each kind of node, the rules that have something to say about it, and asks those about
variables only where there is a `$`: they walk through every fragment once more. The rules are graphql-core's,
in its order, with its rule of skipping. Whatever is not plainly sound is left to `graphql.validate`, which then
writes the errors.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Never

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    TypeInfo,
    ValidationContext,
    specified_rules,
)
from graphql.language.ast import QUERY_DOCUMENT_KEYS
from graphql.language.visitor import BREAK, SKIP
from graphql.validation import (
    ASTValidationRule,
    NoUndefinedVariablesRule,
    NoUnusedVariablesRule,
    UniqueVariableNamesRule,
    VariablesAreInputTypesRule,
    VariablesInAllowedPositionRule,
)

Method = Callable[..., Any]
Rules = tuple[type[ASTValidationRule], ...]

ABOUT_VARIABLES = frozenset(
    {
        NoUndefinedVariablesRule,
        NoUnusedVariablesRule,
        UniqueVariableNamesRule,
        VariablesAreInputTypesRule,
        VariablesInAllowedPositionRule,
    }
)
ALL: Rules = tuple(specified_rules)
WITHOUT_VARIABLES: Rules = tuple(rule for rule in ALL if rule not in ABOUT_VARIABLES)


class Unsound(Exception):
    """Something has to be looked at properly."""


def is_sound(schema: GraphQLSchema, document: DocumentNode) -> bool:
    """Whether the document is certainly valid."""
    try:
        _Walk(schema, document).visit(document, None, None)
    except (Unsound, RecursionError):
        return False
    return True


def _asked_of(document: DocumentNode) -> Rules:
    """Every variable is written with a `$`; one within a text only makes the walk longer."""
    source = document.loc.source.body if document.loc else "$"
    return ALL if "$" in source else WITHOUT_VARIABLES


@cache
def _methods(rules: Rules, kind: str) -> list[tuple[int, str | None, str | None]]:
    """The rules that look at this kind of node: their number, and what they call it."""
    found = []
    for number, rule in enumerate(rules):
        enter, leave = (
            next((name for name in (f"{way}_{kind}", way) if hasattr(rule, name)), None)
            for way in ("enter", "leave")
        )
        if enter or leave:
            found.append((number, enter, leave))
    return found


_KEYS = {
    kind: tuple(name for name in names if name != "description")
    for kind, names in QUERY_DOCUMENT_KEYS.items()
}


class _Walk:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.types = TypeInfo(schema)
        context = ValidationContext(
            schema,
            document,
            self.types,
            _refuse,
            hide_suggestions=True,
            allow_empty_selection_sets=False,
        )
        self.asked = _asked_of(document)
        self.rules = [rule(context) for rule in self.asked]
        self.skipping: list[object] = [None] * len(self.rules)
        self.ancestors: list[Any] = []
        self.bound: dict[str, list[tuple[int, Method | None, Method | None]]] = {}

    def visit(self, node: Node, key: str | int | None, parent: Any) -> None:
        """Enter, go through all children, leave."""
        kind, skipping, ancestors = node.kind, self.skipping, self.ancestors
        methods = self.bound.get(kind) or self._bind(kind)
        self.types.enter(node)
        for number, enter, _ in methods:
            if enter is not None and skipping[number] is None:
                result = enter(node, key, parent, (), ancestors)
                if result is not None:
                    skipping[number] = _skip(result, node)
        if parent is not None:
            ancestors.append(parent)
        for name in _KEYS.get(kind, ()):
            child = getattr(node, name, None)
            if child is None:
                continue
            if isinstance(child, Node):
                self.visit(child, name, node)
                continue
            ancestors.append(node)
            for index, item in enumerate(child):
                self.visit(item, index, child)
            ancestors.pop()
        if parent is not None:
            ancestors.pop()
        for number, _, leave in methods:
            if skipping[number] is node:
                skipping[number] = None
            elif leave is not None and skipping[number] is None:
                result = leave(node, key, parent, (), ancestors)
                if result is BREAK or result is True:
                    skipping[number] = BREAK
        self.types.leave(node)

    def _bind(self, kind: str) -> list[tuple[int, Method | None, Method | None]]:
        self.bound[kind] = bound = [
            (
                number,
                getattr(self.rules[number], enter) if enter else None,
                getattr(self.rules[number], leave) if leave else None,
            )
            for number, enter, leave in _methods(self.asked, kind)
        ]
        return bound


def _refuse(_: GraphQLError) -> Never:
    raise Unsound


def _skip(result: object, node: Node) -> object:
    if result is SKIP or result is False:
        return node
    if result is BREAK or result is True:
        return BREAK
    raise Unsound
