"""Validates documents: first quickly whether every rule of GraphQL holds, then which one is broken.

Nearly every new document is valid. graphql-core's own walk asks each of some thirty rules at each
node, though a rule knows three kinds of nodes at most, and looks their methods up anew for every
document. The walk here remembers, for each kind of node, the rules that look at it, and asks those
about variables only where there is a `$`: they walk through every fragment once more. The rules are
graphql-core's, in its order, with its rule of skipping. A document that is not plainly valid is
left to `graphql.validate`, which then writes the errors.
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
    validate,
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

from gateway.errors import BadOperation
from gateway.serving.documents.refusal import Refused

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


MOST_ERRORS, MOST_ERRORS_IN_PRODUCTION = 50, 3


class Doubt(Exception):
    """The quick walk cannot tell; `graphql.validate` has to."""


def check_valid(document: DocumentNode, schema: GraphQLSchema, *, production: bool) -> None:
    """Raise Refused with the rules of GraphQL that the document breaks."""
    if is_certainly_valid(schema, document):
        return
    errors = validate(
        schema,
        document,
        max_errors=MOST_ERRORS_IN_PRODUCTION if production else MOST_ERRORS,
        hide_suggestions=production,
        allow_empty_selection_sets=False,
    )
    if errors:
        raise Refused(*(_invalid(error) for error in errors))


def _invalid(error: GraphQLError) -> BadOperation:
    locations = [(place.line, place.column) for place in error.locations or ()]
    return BadOperation(error.message, f"操作无效：{error.message}", locations=locations)


def is_certainly_valid(schema: GraphQLSchema, document: DocumentNode) -> bool:
    """Tell whether the document is valid; False also where only `graphql.validate` can tell."""
    try:
        _Walk(schema, document).visit(document, None, None)
    except (Doubt, RecursionError):
        return False
    return True


def _rules_for(document: DocumentNode) -> Rules:
    """Leave out the rules about variables where no `$` is written; one in a string costs time."""
    source = document.loc.source.body if document.loc else "$"
    return ALL if "$" in source else WITHOUT_VARIABLES


@cache
def _methods(rules: Rules, kind: str) -> list[tuple[int, str | None, str | None]]:
    """List the rules that look at this kind of node: number, enter method, leave method."""
    methods = []
    for number, rule in enumerate(rules):
        enter, leave = (
            next((name for name in (f"{way}_{kind}", way) if hasattr(rule, name)), None)
            for way in ("enter", "leave")
        )
        if enter or leave:
            methods.append((number, enter, leave))
    return methods


_KEYS = {
    kind: tuple(name for name in names if name != "description")
    for kind, names in QUERY_DOCUMENT_KEYS.items()
}


class _Walk:
    """One pass of all rules over one document."""

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
        self.rule_types = _rules_for(document)
        self.rules = [rule(context) for rule in self.rule_types]
        self.skipping: list[object] = [None] * len(self.rules)
        self.ancestors: list[Any] = []
        self.bound: dict[str, list[tuple[int, Method | None, Method | None]]] = {}

    def visit(self, node: Node, key: str | int | None, parent: Any) -> None:
        """Enter a node, visit all its children, leave it."""
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
            for number, enter, leave in _methods(self.rule_types, kind)
        ]
        return bound


def _refuse(_: GraphQLError) -> Never:
    raise Doubt


def _skip(result: object, node: Node) -> object:
    if result is SKIP or result is False:
        return node
    if result is BREAK or result is True:
        return BREAK
    raise Doubt
