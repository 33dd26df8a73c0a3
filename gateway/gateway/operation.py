"""An operation: selected from a document, with its fragments inlined and a key for caches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    print_ast,
)
from graphql.language import BooleanValueNode, ConstDirectiveNode, DirectiveNode, StringValueNode

from gateway.errors import BadOperation, BadSyntax, TooComplex, UnknownOperation

OperationKind = Literal["query", "mutation", "subscription"]
# As in plan/paths.py: any of all of (variable, value).
Guard = tuple[tuple[tuple[str, bool], ...], ...]

LOCAL = frozenset({"__schema", "__type"})  # answered by the gateway itself
MAX_DEFERRALS = 32  # further ones are answered with the fields around them, as a server may
MAX_SELECTIONS = 20_000  # after inlining; a page of GraphiQL's introspection has about 120


@dataclass(frozen=True, slots=True)
class Field:
    """A selected field."""

    key: str  # response key
    name: str
    arguments: str = ""  # printed, in the order of the names: "(first: 3, id: $id)"
    variables: frozenset[str] = frozenset()  # used by the arguments and directives
    guard: Guard = ()
    directives: str = ""  # printed, without @skip, @include and @defer
    selections: tuple[Selection, ...] = ()
    ours: bool = False  # selected by the planner for a representation, not by the client


@dataclass(frozen=True, slots=True)
class Fragment:
    """An inline fragment; without a type condition it only carries a guard."""

    type: str | None
    guard: Guard = ()
    selections: tuple[Selection, ...] = ()
    deferral: Deferral | None = None


@dataclass(frozen=True, slots=True)
class Deferral:
    """One use of @defer; guards test its turn like the variables of @skip and @include.

    Its name is not a valid name in GraphQL, so it cannot equal a variable of the client.
    """

    name: str  # "@0", "@1", …
    label: str | None
    inside: tuple[str, ...]  # the names of the deferrals around it


Selection = Field | Fragment


@dataclass(frozen=True)
class Operation:
    """One operation, ready to be planned."""

    kind: OperationKind
    name: str | None
    variables: Mapping[str, str]  # name → declaration without default, e.g. {"id": "ID!"}
    defaults: Mapping[str, str]  # name → printed default value
    selections: tuple[Selection, ...]
    node: OperationDefinitionNode
    document: DocumentNode

    @cached_property
    def text(self) -> str:
        """Return the operation, normalised and printed."""
        declared = ", ".join(
            f"${name}: {kind}" + (f" = {self.defaults[name]}" if name in self.defaults else "")
            for name, kind in self.variables.items()
        )
        head = f"{self.kind} {self.name or ''}" + (f"({declared})" if declared else "")
        return f"{head} {{{print_selections(self.selections)}}}"

    @cached_property
    def key(self) -> str:
        """Return a stable key that equal operations share."""
        return hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest()


def parse_operation(text: str, name: str | None = None) -> Operation:
    """Parse a document and select its operation; raise BadSyntax, UnknownOperation, TooComplex."""
    return select_operation(parse_document(text), name)


def parse_document(text: str, max_tokens: int | None = None) -> DocumentNode:
    """Parse a document of at most `max_tokens` tokens; raise BadSyntax or TooComplex."""
    try:
        document = parse(text, max_tokens=max_tokens, allow_empty_selection_sets=False)
    except GraphQLSyntaxError as error:
        locations = [(place.line, place.column) for place in error.locations or ()]
        raise BadSyntax(
            f"The document cannot be parsed: {error.message}",
            f"无法解析该 GraphQL 文档：{error.message}",
            locations=locations,
        ) from error
    except RecursionError as error:
        raise TooComplex(
            "The document is nested too deeply to be parsed.",
            "该 GraphQL 文档嵌套过深，无法解析。",
        ) from error
    _unlink_previous_tokens(document)
    return document


def _unlink_previous_tokens(document: DocumentNode) -> None:
    """Remove the links from tokens to previous ones.

    They are not used, and tokens that refer to each other are freed only by the cyclic collector.
    """
    token = document.loc.start_token if document.loc else None
    while token is not None:
        token.prev = None
        token = token.next


def select_operation(
    document: DocumentNode, name: str | None = None, *, deferring: frozenset[str] | None = None
) -> Operation:
    """Select one operation of a parsed document and inline its fragments.

    @defer is ignored unless `deferring` is set; it holds the variables that are true, for
    `@defer(if: $variable)`. Raises UnknownOperation, BadOperation or TooComplex.
    """
    node = _select(document, name)
    fragments = {
        item.name.value: item
        for item in document.definitions
        if isinstance(item, FragmentDefinitionNode)
    }
    try:
        selections = _Inliner(fragments, deferring).selections(node.selection_set, frozenset())
    except RecursionError as error:
        raise TooComplex("The operation is nested too deeply.", "该操作嵌套过深。") from error
    declared = node.variable_definitions or ()
    return Operation(
        kind=node.operation.value,
        name=node.name.value if node.name else None,
        variables={item.variable.name.value: print_ast(item.type) for item in declared},
        defaults={
            item.variable.name.value: print_ast(item.default_value)
            for item in declared
            if item.default_value is not None
        },
        selections=selections,
        node=node,
        document=document,
    )


@lru_cache(maxsize=4096)  # a large graph has `id` in thousands of keys
def parse_field_set(text: str) -> tuple[Selection, ...]:
    """Parse the `fields` of @key, @requires or @provides."""
    node = parse(text if text.lstrip().startswith("{") else f"{{{text}}}").definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    return _Inliner({}).selections(node.selection_set, frozenset())


def print_selections(selections: tuple[Selection, ...]) -> str:
    """Print selections on one line."""
    return " ".join(_print(selection) for selection in selections)


def _print(selection: Selection) -> str:
    inner = f" {{{print_selections(selection.selections)}}}" if selection.selections else ""
    guard = f" @guard({selection.guard})" if selection.guard else ""
    if isinstance(selection, Fragment):
        return f"...{f' on {selection.type}' if selection.type else ''}{guard}{inner}"
    alias = f"{selection.key}: " if selection.key != selection.name else ""
    directives = f" {selection.directives}" if selection.directives else ""
    return f"{alias}{selection.name}{selection.arguments}{directives}{guard}{inner}"


def _select(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [
        item for item in document.definitions if isinstance(item, OperationDefinitionNode)
    ]
    if not operations:
        raise UnknownOperation(
            "The document contains no operation; write at least one query, mutation or "
            "subscription.",
            "该文档中没有任何操作；请至少写一个 query、mutation 或 subscription。",
        )
    if name is None:
        if len(operations) > 1:
            raise UnknownOperation(
                "The document contains several operations; say which one with operationName.",
                "该文档包含多个操作；请用 operationName 指明要执行哪一个。",
            )
        return operations[0]
    for item in operations:
        if item.name and item.name.value == name:
            return item
    raise UnknownOperation(
        f'The document contains no operation named "{name}".',
        f"该文档中没有名为“{name}”的操作。",
    )


class _Inliner:
    """Convert selection sets, with their fragments inlined."""

    def __init__(
        self,
        fragments: Mapping[str, FragmentDefinitionNode],
        deferring: frozenset[str] | None = None,
    ) -> None:
        self.fragments = fragments
        self.deferring = deferring
        self.left = MAX_SELECTIONS
        self.made: dict[tuple[object, ...], Any] = {}
        """Earlier results by their parts: planning compares selections by identity."""
        self.deferrals = 0
        self.around: tuple[str, ...] = ()

    def selections(
        self, node: SelectionSetNode | None, inside: frozenset[str]
    ) -> tuple[Selection, ...]:
        """Return a selection set; `inside` are the names of the fragments around it."""
        if node is None:
            return ()
        items = tuple(item for child in node.selections for item in self.selection(child, inside))
        shared: tuple[Selection, ...] = self.made.setdefault(tuple(map(id, items)), items)
        return shared

    def selection(
        self,
        node: FieldNode | FragmentSpreadNode | InlineFragmentNode | object,
        inside: frozenset[str],
    ) -> Iterator[Selection]:
        """Yield the selection of a node; none if @skip or @include exclude it."""
        self.left -= 1
        if self.left < 0:
            raise TooComplex(
                f"The operation selects more than {MAX_SELECTIONS} fields once its fragments are "
                "expanded; ask for less at once.",
                f"展开片段后，该操作选择的字段超过 {MAX_SELECTIONS} 个；请减少单次查询的字段。",
                limit=MAX_SELECTIONS,
            )
        if isinstance(node, FieldNode):
            guard = _guard(node.directives)
            if guard is not None:
                yield self.field(node, guard, inside)
        elif isinstance(node, InlineFragmentNode):
            guard = _guard(node.directives)
            if guard is not None:
                condition = node.type_condition.name.value if node.type_condition else None
                yield self.fragment(condition, guard, node, node.selection_set, inside)
        elif isinstance(node, FragmentSpreadNode):
            guard = _guard(node.directives)
            if guard is not None:
                yield self.spread(node, guard, inside)

    def field(self, node: FieldNode, guard: Guard, inside: frozenset[str]) -> Field:
        """Return a field with its selections."""
        key, name = (node.alias or node.name).value, node.name.value
        guard, inner = self.with_deferrals(guard), self.selections(node.selection_set, inside)
        if (
            not node.arguments and not node.directives
        ):  # like most fields; equal ones become the same object
            parts = (key, name, guard, id(inner))
            plain: Field | None = self.made.get(parts)
            if plain is None:
                plain = self.made[parts] = Field(key, name, guard=guard, selections=inner)
            return plain
        arguments = sorted(node.arguments or (), key=lambda item: item.name.value)
        printed = ", ".join(print_ast(item) for item in arguments)
        others = [item for item in node.directives or () if item.name.value not in _CONDITIONAL]
        return Field(
            key=key,
            name=name,
            arguments=f"({printed})" if printed else "",
            variables=frozenset(
                name for item in (*arguments, *others) for name in variables_in(item)
            ),
            guard=guard,
            directives=" ".join(print_ast(item) for item in others),
            selections=inner,
        )

    def spread(self, node: FragmentSpreadNode, guard: Guard, inside: frozenset[str]) -> Fragment:
        """Return the fragment that a spread names."""
        name = node.name.value
        definition = self.fragments.get(name)
        if definition is None or name in inside:
            reason = "is not defined" if definition is None else "spreads itself"
            reason_zh = "没有定义" if definition is None else "引用了自身"
            raise BadOperation(f'The fragment "{name}" {reason}.', f"片段“{name}”{reason_zh}。")
        condition = definition.type_condition.name.value
        return self.fragment(condition, guard, node, definition.selection_set, inside | {name})

    def fragment(
        self,
        condition: str | None,
        guard: Guard,
        node: InlineFragmentNode | FragmentSpreadNode,
        selections: SelectionSetNode,
        inside: frozenset[str],
    ) -> Fragment:
        """Return an inline fragment with its selections."""
        deferral = self.deferral(node)
        if deferral is None:
            inner = self.selections(selections, inside)
            parts = (condition, guard, id(inner))
            fragment: Fragment | None = self.made.get(parts)
            if fragment is None:
                fragment = self.made[parts] = Fragment(condition, guard, inner)
            return fragment
        before, self.around = self.around, (*self.around, deferral.name)
        inner = self.selections(selections, inside)
        self.around = before
        return Fragment(condition, guard, inner, deferral)

    def with_deferrals(self, guard: Guard) -> Guard:
        """Add tests on all deferrals around a field, at any depth."""
        if not self.around:
            return guard
        (tests,) = guard or ((),)
        return (tuple(sorted((*tests, *((name, True) for name in self.around)))),)

    def deferral(self, node: InlineFragmentNode | FragmentSpreadNode) -> Deferral | None:
        """Return the active @defer of a fragment, None if there is none."""
        if self.deferring is None or self.deferrals >= MAX_DEFERRALS:
            return None
        for item in node.directives or ():
            if item.name.value == "defer":
                arguments = {each.name.value: each.value for each in item.arguments or ()}
                when, label = arguments.get("if"), arguments.get("label")
                if isinstance(when, BooleanValueNode) and not when.value:
                    return None
                if isinstance(when, VariableNode) and when.name.value not in self.deferring:
                    return None
                self.deferrals += 1
                text = label.value if isinstance(label, StringValueNode) else None
                return Deferral(f"@{self.deferrals - 1}", text, self.around)
        return None


_CONDITIONAL = frozenset({"skip", "include", "defer"})


def _guard(
    directives: tuple[DirectiveNode, ...] | tuple[ConstDirectiveNode, ...] | None,
) -> Guard | None:
    """Return the guard of @skip and @include; None if it never holds."""
    tests: list[tuple[str, bool]] = []
    for item in directives or ():
        if item.name.value not in ("skip", "include") or not item.arguments:
            continue
        expected = item.name.value == "include"
        value = item.arguments[0].value
        if isinstance(value, BooleanValueNode):
            if value.value is not expected:
                return None
        elif isinstance(value, VariableNode):
            test = (value.name.value, expected)
            if (value.name.value, not expected) in tests:
                return None
            if test not in tests:
                tests.append(test)
    return (tuple(sorted(tests)),) if tests else ()


def variables_in(node: object) -> Iterator[str]:
    """Yield the names of the variables that an AST node uses."""
    if isinstance(node, VariableNode):
        yield node.name.value
        return
    for key in getattr(node, "keys", ()):
        value = getattr(node, key, None)
        if isinstance(value, list | tuple):
            for item in value:
                yield from variables_in(item)
        elif value is not None and hasattr(value, "keys"):
            yield from variables_in(value)
