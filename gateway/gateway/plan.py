"""What a query plan is: data that an executor can follow without a look at any schema.

Two halves. The *nodes* say what to fetch, in which order, and how to build the representations of
entities. The *shape* says what the client's answer looks like. Between them lies one tree of JSON:
every fetch merges its answer into that tree, the shape is read from it at the end.

Merging is deep: an object takes the new keys, and where both sides hold an object (or lists of the
same length) they are merged in turn; where both hold a leaf, or one side is null, the value that is
not null wins, and of two the newer. Every object whose type matters carries `__typename`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

OperationKind = Literal["query", "mutation", "subscription"]

# When something is wanted: any of the inner tuples holds, each being tests (variable, wanted value)
# that must all hold. The empty guard is "always". An absent variable counts as false.
Guard = tuple[tuple[tuple[str, bool], ...], ...]
ALWAYS: Guard = ()


# ---------------------------------------------------------------------------------------- paths


@dataclass(frozen=True, slots=True)
class Key:
    """Walk into the value under this key of the merged tree (a response key or one of ours)."""

    name: str


@dataclass(frozen=True, slots=True)
class Each:
    """Walk into every item of the list (lists of lists: one Each per level)."""


@dataclass(frozen=True, slots=True)
class Only:
    """Go on only with objects whose `__typename` is one of these."""

    types: frozenset[str]


Step = Key | Each | Only
Path = tuple[Step, ...]


# ------------------------------------------------------------------------------------- entities


@dataclass(frozen=True, slots=True)
class Pick:
    """One field of a representation: `name` is what the subgraph calls it, `source` our key.

    A value that is not there (missing key, or null where `children` expects an object) stays null.
    `children` empty: copy the JSON value as it is. Otherwise the value is an object, or lists of
    objects, and each object is built anew; an item of `by_type` adds picks for that `__typename`
    (then the child's `__typename` is also sent).
    """

    name: str
    source: str
    children: tuple[Pick, ...] = ()
    by_type: Mapping[str, tuple[Pick, ...]] = field(default_factory=dict)
    typename: bool = False  # send the child's __typename too


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a representation from an object of one runtime type.

    An object is skipped (asked from nobody) when one of the `needed` sources is missing or null.
    """

    typename: (
        str  # what `__typename` the representation carries (an interface for @interfaceObject)
    )
    picks: tuple[Pick, ...]
    needed: tuple[str, ...]  # sources of the key fields


@dataclass(frozen=True, slots=True)
class Target:
    """Objects of the merged tree that one `_entities` field completes."""

    path: Path
    recipes: Mapping[str, Recipe]  # by the object's `__typename`; other objects are left alone
    only_type: str | None = None  # set when every object at `path` has this type: no look needed


@dataclass(frozen=True, slots=True)
class Entities:
    """One aliased `_entities` field: its answers are merged into the objects of its targets."""

    alias: str  # response key of the `_entities` field
    variable: str  # the variable that takes the list of representations
    targets: tuple[Target, ...]
    guard: Guard = ALWAYS  # not wanted: send an empty list


# ---------------------------------------------------------------------------------------- nodes


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request to one subgraph. Without `entities` its data is merged at the root of the tree."""

    id: int
    subgraph: str
    kind: OperationKind
    operation_name: str
    document: str
    variables: tuple[str, ...] = ()  # the client's variables that the document uses
    entities: tuple[Entities, ...] = ()
    after: tuple[int, ...] = ()  # ids of the fetches whose data this one needs
    pretty: str = ""  # the document for human eyes, without boilerplate


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """All at once."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """Only when the guard holds."""

    guard: Guard
    node: Node


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Each event of `source` starts a new tree, which `then` completes."""

    source: Fetch
    then: Node | None


Node = Fetch | Sequence | Parallel | Condition | Subscribe


# ---------------------------------------------------------------------------------------- shape


@dataclass(frozen=True, slots=True)
class Nullability:
    """Where null may stand: for the value itself and, in a list, for its items."""

    required: bool
    item: Nullability | None = None

    def __str__(self) -> str:
        return (f"[{self.item}]" if self.item else "") + ("!" if self.required else "")


@dataclass(frozen=True, slots=True)
class Slot:
    """One response key of the client's answer."""

    key: str  # what the client calls it
    source: str  # what the merged tree calls it
    nullability: Nullability
    coordinate: str  # Type.field, for messages
    child: Shape | None = None  # None: a leaf, copied as it is
    values: frozenset[str] | None = None  # an enum's public values; anything else is an error
    typename: bool = False  # `__typename`: the object's own type, nothing to read from `source`
    guard: Guard = ALWAYS
    leaf_type: str | None = None  # the named type of a leaf, e.g. "Int"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the client gets of one object: `slots` if its type is known, else by its `__typename`.

    An object whose `__typename` is not in `by_type` is a type that the client must not see: it is
    an error, and null.
    """

    type: str  # the type that the schema names here
    only_type: str | None  # the one runtime type possible, or None
    slots: tuple[Slot, ...]  # for `only_type`
    by_type: Mapping[str, tuple[Slot, ...]]  # for abstract types; shared tuples where equal


# ----------------------------------------------------------------------------------------- plan


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything execution needs; nothing is computed per request."""

    kind: OperationKind
    root: Node | None  # None: nothing to fetch
    shape: Shape
    introspection: str | None = (
        None  # a document with only `__schema`/`__type`, run on the API schema
    )
    introspection_variables: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)  # our keys → client's, for error paths
    operation_name: str | None = None

    def fetches(self) -> Iterator[Fetch]:
        """Yield every fetch, in the order in which the plan is printed."""
        return _fetches(self.root)


def _fetches(node: Node | None) -> Iterator[Fetch]:
    match node:
        case None:
            return
        case Fetch():
            yield node
        case Condition():
            yield from _fetches(node.node)
        case Subscribe():
            yield node.source
            yield from _fetches(node.then)
        case Sequence() | Parallel():
            for child in node.nodes:
                yield from _fetches(child)


# ------------------------------------------------------------------------------------- printing


def print_plan(plan: Plan) -> str:
    """Return the plan as stable, readable text."""
    body = "nothing to fetch" if plan.root is None else "\n".join(_print(plan.root))
    local = "\n+ introspection, answered here" if plan.introspection else ""
    return f"{body}{local}\n"


def print_guard(guard: Guard) -> str:
    """Return the guard as `$a and not $b or $c`."""
    return " or ".join(
        " and ".join(f"${name}" if wanted else f"not ${name}" for name, wanted in tests)
        for tests in guard
    )


def print_path(path: Path) -> str:
    """Return the path as `a.@.b<Book|Film>.c`."""
    out = ""
    for step in path:
        match step:
            case Key():
                out += f".{step.name}"
            case Each():
                out += ".@"
            case Only():
                out += f"<{'|'.join(sorted(step.types))}>"
    return out.removeprefix(".") or "."


def _print(node: Node) -> list[str]:
    match node:
        case Fetch():
            return _print_fetch(node)
        case Condition():
            return [f"When {print_guard(node.guard)}", *_indent(_print(node.node))]
        case Subscribe():
            then = _indent(_print(node.then)) if node.then else []
            return ["Subscribe", *_indent(_print(node.source)), *then]
        case Sequence() | Parallel():
            inner = [line for child in node.nodes for line in _indent(_print(child))]
            return [type(node).__name__, *inner]


def _print_fetch(fetch: Fetch) -> list[str]:
    kind = "" if fetch.kind == "query" else f" {fetch.kind}"
    lines = [f"Fetch {fetch.subgraph}{kind}"]
    for group in fetch.entities:
        when = f" when {print_guard(group.guard)}" if group.guard else ""
        name = f" {group.alias}" if len(fetch.entities) > 1 else ""
        for target in group.targets:
            lines.append(f"  entities{name} at {print_path(target.path)}{when}")
            lines += [f"    {line}" for line in _print_recipes(target)]
    return lines + _indent(fetch.pretty.splitlines())


def _print_recipes(target: Target) -> list[str]:
    by_recipe: dict[str, list[str]] = {}
    for runtime, recipe in target.recipes.items():
        text = f"{recipe.typename} {{ {_print_picks(recipe.picks)} }}"
        if runtime != recipe.typename:
            by_recipe.setdefault(text, []).append(runtime)
        else:
            by_recipe.setdefault(text, [])
    return [
        f"{text} for {', '.join(sorted(names))}" if names else text
        for text, names in by_recipe.items()
    ]


def _print_picks(picks: tuple[Pick, ...]) -> str:
    return " ".join(_print_pick(pick) for pick in picks)


def _print_pick(pick: Pick) -> str:
    name = pick.name if pick.name == pick.source else f"{pick.name}<-{pick.source}"
    if not pick.children and not pick.by_type:
        return name
    inner = [_print_picks(pick.children)] if pick.children else []
    inner += [f"... on {name} {{ {_print_picks(more)} }}" for name, more in pick.by_type.items()]
    return f"{name} {{ {' '.join(inner)} }}"


def _indent(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]
