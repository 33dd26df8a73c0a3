"""What an operation is: one named operation with its fragments inlined, and a key for the plan cache."""

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
from graphql.language import (
    BooleanValueNode,
    ConstDirectiveNode,
    DirectiveNode,
    StringValueNode,
)

from gateway.errors import BadOperation, BadSyntax, TooComplex, UnknownOperation

OperationKind = Literal["query", "mutation", "subscription"]
Guard = tuple[tuple[tuple[str, bool], ...], ...]  # as in plan.py: any of all of (variable, wanted)

LOCAL = frozenset({"__schema", "__type"})  # what the gateway answers itself
MAX_DEFERRALS = 32  # further ones are answered with what is around them, as a server may
MAX_SELECTIONS = 20_000  # after inlining; a page of GraphiQL's introspection has about 120


@dataclass(frozen=True, slots=True)
class Field:
    """A selected field."""

    key: str  # response key
    name: str
    arguments: str = ""  # printed, in the order of the names: "(first: 3, id: $id)"
    variables: frozenset[str] = frozenset()  # that the arguments and directives mention
    guard: Guard = ()
    directives: str = ""  # printed, without @skip, @include and @defer
    selections: tuple[Selection, ...] = ()
    ours: bool = False  # asked by the planner for a representation, not by the client


@dataclass(frozen=True, slots=True)
class Fragment:
    """An inline fragment; without a type condition it only carries a guard."""

    type: str | None
    guard: Guard = ()
    selections: tuple[Selection, ...] = ()
    deferral: Deferral | None = None


@dataclass(frozen=True, slots=True)
class Deferral:
    """One use of @defer. Whether its turn has come is a test like those of @skip and @include.

    Its name is no name of GraphQL, so it is never mistaken for a variable of the client.
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
        """The operation, normalised and printed."""
        declared = ", ".join(
            f"${name}: {kind}" + (f" = {self.defaults[name]}" if name in self.defaults else "")
            for name, kind in self.variables.items()
        )
        head = f"{self.kind} {self.name or ''}" + (f"({declared})" if declared else "")
        return f"{head} {{{print_selections(self.selections)}}}"

    @cached_property
    def key(self) -> str:
        """A stable name for equal operations."""
        return hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest()


def read(text: str, name: str | None = None) -> Operation:
    """Parse a document and pick the operation; raise BadSyntax, UnknownOperation, TooComplex."""
    return choose(parse_document(text), name)


def parse_document(text: str, max_tokens: int | None = None) -> DocumentNode:
    """Parse a document of at most so many tokens; raise BadSyntax."""
    try:
        document = parse(text, max_tokens=max_tokens, allow_empty_selection_sets=False)
    except GraphQLSyntaxError as error:
        where = [(place.line, place.column) for place in error.locations or ()]
        raise BadSyntax(
            f"The document cannot be parsed: {error.message}",
            f"无法解析该 GraphQL 文档：{error.message}",
            locations=where,
        ) from error
    except RecursionError as error:
        raise TooComplex(
            "The document is nested too deeply to be parsed.",
            "该 GraphQL 文档嵌套过深，无法解析。",
        ) from error
    _one_way(document)
    return document


def _one_way(document: DocumentNode) -> None:
    """Forget which token came before which: nobody asks, and tokens that hold each other are garbage
    that only the collector finds."""
    token = document.loc.start_token if document.loc else None
    while token is not None:
        token.prev = None
        token = token.next


def choose(
    document: DocumentNode, name: str | None = None, *, deferring: frozenset[str] | None = None
) -> Operation:
    """Pick one operation of a parsed document and inline its fragments.

    @defer is left out unless `deferring` says which variables are true, for `@defer(if: $variable)`.
    """
    node = _pick(document, name)
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


@lru_cache(maxsize=4096)  # a large graph says `id` thousands of times
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


def _pick(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [
        item for item in document.definitions if isinstance(item, OperationDefinitionNode)
    ]
    if not operations:
        raise UnknownOperation(
            "The document holds no operation; write at least one query, mutation or subscription.",
            "该文档中没有任何操作；请至少写一个 query、mutation 或 subscription。",
        )
    if name is None:
        if len(operations) > 1:
            raise UnknownOperation(
                "The document holds several operations; say which one with operationName.",
                "该文档包含多个操作；请用 operationName 指明要执行哪一个。",
            )
        return operations[0]
    for item in operations:
        if item.name and item.name.value == name:
            return item
    raise UnknownOperation(
        f'The document holds no operation named "{name}".',
        f"该文档中没有名为“{name}”的操作。",
    )


class _Inliner:
    def __init__(
        self,
        fragments: Mapping[str, FragmentDefinitionNode],
        deferring: frozenset[str] | None = None,
    ) -> None:
        self.fragments = fragments
        self.deferring = deferring
        self.left = MAX_SELECTIONS
        self.known: dict[tuple[object, ...], Any] = {}
        """What was made already, by what is in it: planning compares selections by identity."""
        self.deferrals = 0
        self.around: tuple[str, ...] = ()

    def selections(
        self, node: SelectionSetNode | None, inside: frozenset[str]
    ) -> tuple[Selection, ...]:
        if node is None:
            return ()
        found = tuple(found for item in node.selections for found in self.selection(item, inside))
        kept: tuple[Selection, ...] = self.known.setdefault(tuple(map(id, found)), found)
        return kept

    def selection(
        self,
        node: FieldNode | FragmentSpreadNode | InlineFragmentNode | object,
        inside: frozenset[str],
    ) -> Iterator[Selection]:
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
                kind = node.type_condition.name.value if node.type_condition else None
                yield self.fragment(kind, guard, node, node.selection_set, inside)
        elif isinstance(node, FragmentSpreadNode):
            guard = _guard(node.directives)
            if guard is not None:
                yield self.spread(node, guard, inside)

    def field(self, node: FieldNode, guard: Guard, inside: frozenset[str]) -> Field:
        key, name = (node.alias or node.name).value, node.name.value
        guard, inner = self.when_due(guard), self.selections(node.selection_set, inside)
        if not node.arguments and not node.directives:  # as most; equal ones are the same object
            alike = (key, name, guard, id(inner))
            plain: Field | None = self.known.get(alike)
            if plain is None:
                plain = self.known[alike] = Field(key, name, guard=guard, selections=inner)
            return plain
        arguments = sorted(node.arguments or (), key=lambda item: item.name.value)
        printed = ", ".join(print_ast(item) for item in arguments)
        others = [item for item in node.directives or () if item.name.value not in _OURS]
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
        name = node.name.value
        definition = self.fragments.get(name)
        if definition is None or name in inside:
            why = "is not defined" if definition is None else "spreads itself"
            warum = "没有定义" if definition is None else "引用了自身"
            raise BadOperation(f'The fragment "{name}" {why}.', f"片段“{name}”{warum}。")
        kind = definition.type_condition.name.value
        return self.fragment(kind, guard, node, definition.selection_set, inside | {name})

    def fragment(
        self,
        kind: str | None,
        guard: Guard,
        node: InlineFragmentNode | FragmentSpreadNode,
        selections: SelectionSetNode,
        inside: frozenset[str],
    ) -> Fragment:
        deferral = self.deferral(node)
        if deferral is None:
            inner = self.selections(selections, inside)
            alike = (kind, guard, id(inner))
            same: Fragment | None = self.known.get(alike)
            if same is None:
                same = self.known[alike] = Fragment(kind, guard, inner)
            return same
        before, self.around = self.around, (*self.around, deferral.name)
        inner = self.selections(selections, inside)
        self.around = before
        return Fragment(kind, guard, inner, deferral)

    def when_due(self, guard: Guard) -> Guard:
        """Add the turns that a field waits for: at any depth, so that what is below asks for them too."""
        if not self.around:
            return guard
        (tests,) = guard or ((),)
        return (tuple(sorted((*tests, *((name, True) for name in self.around)))),)

    def deferral(self, node: InlineFragmentNode | FragmentSpreadNode) -> Deferral | None:
        if self.deferring is None or self.deferrals >= MAX_DEFERRALS:
            return None
        for item in node.directives or ():
            if item.name.value == "defer":
                given = {each.name.value: each.value for each in item.arguments or ()}
                when, label = given.get("if"), given.get("label")
                if isinstance(when, BooleanValueNode) and not when.value:
                    return None
                if isinstance(when, VariableNode) and when.name.value not in self.deferring:
                    return None
                self.deferrals += 1
                text = label.value if isinstance(label, StringValueNode) else None
                return Deferral(f"@{self.deferrals - 1}", text, self.around)
        return None


_OURS = frozenset({"skip", "include", "defer"})


def _guard(
    directives: tuple[DirectiveNode, ...] | tuple[ConstDirectiveNode, ...] | None,
) -> Guard | None:
    """Return what @skip and @include ask for; None means never."""
    tests: list[tuple[str, bool]] = []
    for item in directives or ():
        if item.name.value not in ("skip", "include") or not item.arguments:
            continue
        wanted = item.name.value == "include"
        value = item.arguments[0].value
        if isinstance(value, BooleanValueNode):
            if value.value is not wanted:
                return None
        elif isinstance(value, VariableNode):
            test = (value.name.value, wanted)
            if (value.name.value, not wanted) in tests:
                return None
            if test not in tests:
                tests.append(test)
    return (tuple(sorted(tests)),) if tests else ()


def variables_in(node: object) -> Iterator[str]:
    """Yield the names of the variables that an AST node mentions."""
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
