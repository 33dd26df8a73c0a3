"""Fetch groups: requests while they are written, with growing selections and recipes."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.operation import Field
from gateway.plan import ALWAYS, ContextValue, Guard, OperationKind, Path, Pick
from gateway.planning.guards import either
from gateway.planning.response_keys import JsonPath


@dataclass(slots=True)
class SelectedField:
    """One field of a request."""

    source: str
    name: str
    arguments: str
    directives: str
    variables: frozenset[str]
    guard: Guard
    below: SelectionSet | None
    client_guard: Guard | None  # when the client selects it; None: only a representation needs it


@dataclass(slots=True)
class SelectionSet:
    """A selection set of a request, on a type as the subgraph calls it."""

    type: str
    typename: bool = False
    fields: dict[str, SelectedField] = field(default_factory=dict)
    on: dict[str, SelectionSet] = field(default_factory=dict)  # by type condition

    def on_type(self, type_name: str) -> SelectionSet:
        """Return the selection set for one type condition."""
        if type_name == self.type:
            return self
        return self.on.setdefault(type_name, SelectionSet(type_name))

    def select(self, source: str, item: Field, below_type: str | None) -> SelectionSet | None:
        """Add a field under a response key; return the selection set below it."""
        selected = self.fields.get(source)
        if selected is None:
            below = SelectionSet(below_type) if below_type is not None else None
            self.fields[source] = SelectedField(
                source,
                item.name,
                item.arguments,
                item.directives,
                item.variables,
                item.guard,
                below,
                None if item.ours else item.guard,
            )
            return below
        selected.guard = either(selected.guard, item.guard)
        selected.client_guard = either_or_never(
            selected.client_guard, None if item.ours else item.guard
        )
        selected.variables |= item.variables
        return selected.below

    def merge(self, other: SelectionSet) -> None:
        """Add everything that another selection set on the same type selects."""
        self.typename |= other.typename
        for source, theirs in other.fields.items():
            ours = self.fields.get(source)
            if ours is None:
                self.fields[source] = theirs
                continue
            ours.guard = either(ours.guard, theirs.guard)
            ours.client_guard = either_or_never(ours.client_guard, theirs.client_guard)
            ours.variables |= theirs.variables
            if ours.below is not None and theirs.below is not None:
                ours.below.merge(theirs.below)
        for name, below in other.on.items():
            self.on_type(name).merge(below)

    @property
    def empty(self) -> bool:
        """Return whether nothing is selected."""
        return not self.fields and not self.typename and all(x.empty for x in self.on.values())

    @property
    def client_guard(self) -> Guard | None:
        """Return when the client selects anything of this; None if it never does."""
        if self.typename:
            return ALWAYS
        joint: Guard | None = None
        for item in self.fields.values():
            joint = either_or_never(joint, item.client_guard)
        for below in self.on.values():
            joint = either_or_never(joint, below.client_guard)
        return joint


@dataclass(slots=True)
class RecipeDraft:
    """How the representation of one runtime type is made."""

    typename: str
    picks: dict[str, Pick] = field(default_factory=dict)
    needed: dict[str, None] = field(default_factory=dict)

    def add(self, picks: tuple[Pick, ...]) -> bool:
        """Add picks; return False, and add none, when one contradicts a pick of the recipe."""
        merged = dict(self.picks)
        for pick in picks:
            present = merged.get(pick.name)
            joint = pick if present is None else merge_picks(present, pick)
            if joint is None:
                return False
            merged[pick.name] = joint
        self.picks = merged
        return True

    def fits(self, other: RecipeDraft) -> bool:
        """Return whether two recipes can be merged."""
        return self.typename == other.typename and all(
            (present := self.picks.get(name)) is None or merge_picks(present, pick) is not None
            for name, pick in other.picks.items()
        )


@dataclass(frozen=True, slots=True)
class Ancestor:
    """An object further up: its depth in the merged tree, and the types it can be."""

    depth: int
    json: JsonPath
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class ContextUse:
    """A contextual argument: the value it reads from a context, and where that may be set."""

    type: str
    context: str
    selection: str
    ancestors: tuple[Ancestor, ...]  # nearest first


@dataclass(eq=False, slots=True)
class FetchGroup:
    """One request to a subgraph: at the root, or for the entities at a path."""

    id: int
    graph: str
    kind: OperationKind
    selection: SelectionSet
    path: Path | None = None
    mounted: bool = False  # selects root fields, which belong to the objects at `path`
    recipes: dict[str, RecipeDraft] = field(default_factory=dict)
    only_type: str | None = None
    parents: set[FetchGroup] = field(default_factory=set)
    level: int = 0
    context_uses: dict[str, ContextUse] = field(default_factory=dict)  # by our variable …
    context_values: dict[str, ContextValue] = field(
        default_factory=dict
    )  # … and the sources of their values
    when: Guard = ALWAYS
    phase: Guard = ALWAYS  # the deferred fragments it is for; always: for the first answer

    @property
    def of_entities(self) -> bool:
        """Return whether the request sends representations."""
        return self.path is not None and not self.mounted


def either_or_never(left: Guard | None, right: Guard | None) -> Guard | None:
    """Return the guard that holds when one of both holds, where None never does."""
    if left is None or right is None:
        return right if left is None else left
    return either(left, right)


def merge_picks(left: Pick, right: Pick) -> Pick | None:
    """Merge two picks of the same name; None when they read different values."""
    if left.source != right.source:
        return None
    children = _merge_all(left.children, right.children)
    by_type: dict[str, tuple[Pick, ...]] = dict(left.by_type)
    for name, picks in right.by_type.items():
        joint = _merge_all(by_type.get(name, ()), picks)
        if joint is None:
            return None
        by_type[name] = joint
    if children is None:
        return None
    return Pick(left.name, left.source, children, by_type, left.typename or right.typename)


def _merge_all(left: tuple[Pick, ...], right: tuple[Pick, ...]) -> tuple[Pick, ...] | None:
    merged = {pick.name: pick for pick in left}
    for pick in right:
        present = merged.get(pick.name)
        joint = pick if present is None else merge_picks(present, pick)
        if joint is None:
            return None
        merged[pick.name] = joint
    return tuple(merged.values())
