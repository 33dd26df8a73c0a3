"""Requests while they are being written: selections that grow, and recipes for representations."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.operation import Field
from gateway.plan import ALWAYS, Given, Guard, OperationKind, Path, Pick
from gateway.planning.guards import either
from gateway.planning.names import JsonPath


@dataclass(slots=True)
class Asked:
    """One field of a request."""

    source: str
    name: str
    arguments: str
    directives: str
    variables: frozenset[str]
    guard: Guard
    below: Asking | None
    wanted: Guard | None  # when the client wants it; None: only a representation does


@dataclass(slots=True)
class Asking:
    """A selection set of a request, on a type as the subgraph calls it."""

    type: str
    typename: bool = False
    fields: dict[str, Asked] = field(default_factory=dict)
    on: dict[str, Asking] = field(default_factory=dict)

    def narrowed(self, type_name: str) -> Asking:
        """Return the selection for one type condition."""
        if type_name == self.type:
            return self
        return self.on.setdefault(type_name, Asking(type_name))

    def ask(self, source: str, item: Field, below_type: str | None) -> Asking | None:
        """Add a field under a response key; return the selection below it."""
        known = self.fields.get(source)
        if known is None:
            below = Asking(below_type) if below_type is not None else None
            self.fields[source] = Asked(
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
        known.guard = either(known.guard, item.guard)
        known.wanted = when_either(known.wanted, None if item.ours else item.guard)
        known.variables |= item.variables
        return known.below

    def absorb(self, other: Asking) -> None:
        """Take over everything another selection on the same type asks."""
        self.typename |= other.typename
        for source, asked in other.fields.items():
            known = self.fields.get(source)
            if known is None:
                self.fields[source] = asked
                continue
            known.guard = either(known.guard, asked.guard)
            known.wanted = when_either(known.wanted, asked.wanted)
            known.variables |= asked.variables
            if known.below is not None and asked.below is not None:
                known.below.absorb(asked.below)
        for name, below in other.on.items():
            self.narrowed(name).absorb(below)

    @property
    def empty(self) -> bool:
        """Tell whether nothing is asked."""
        return not self.fields and not self.typename and all(x.empty for x in self.on.values())

    @property
    def wanted(self) -> Guard | None:
        """When the client wants anything of this; None if it never does."""
        if self.typename:
            return ALWAYS
        joint: Guard | None = None
        for item in self.fields.values():
            joint = when_either(joint, item.wanted)
        for below in self.on.values():
            joint = when_either(joint, below.wanted)
        return joint


@dataclass(slots=True)
class RecipeDraft:
    """How the representation of one runtime type is made."""

    typename: str
    picks: dict[str, Pick] = field(default_factory=dict)
    needed: dict[str, None] = field(default_factory=dict)

    def add(self, picks: tuple[Pick, ...]) -> bool:
        """Add picks; False when one of them contradicts what is there."""
        merged = dict(self.picks)
        for pick in picks:
            known = merged.get(pick.name)
            joint = pick if known is None else merge_picks(known, pick)
            if joint is None:
                return False
            merged[pick.name] = joint
        self.picks = merged
        return True

    def fits(self, other: RecipeDraft) -> bool:
        """Tell whether two recipes can be one."""
        return self.typename == other.typename and all(
            (known := self.picks.get(name)) is None or merge_picks(known, pick) is not None
            for name, pick in other.picks.items()
        )


@dataclass(frozen=True, slots=True)
class Above:
    """An object further up: how deep it stands, and what it can be."""

    depth: int
    json: JsonPath
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Use:
    """A contextual argument: what it takes out of which context, and where that may be set."""

    type: str
    context: str
    selection: str
    above: tuple[Above, ...]


@dataclass(eq=False, slots=True)
class Draft:
    """One request: at the root, or for the entities at a path."""

    id: int
    graph: str
    kind: OperationKind
    asking: Asking
    path: Path | None = None
    mounted: bool = False  # asks root fields; they belong to the objects at `path`
    recipes: dict[str, RecipeDraft] = field(default_factory=dict)
    only_type: str | None = None
    parents: set[Draft] = field(default_factory=set)
    level: int = 0
    uses: dict[str, Use] = field(default_factory=dict)  # contextual arguments, by our variable …
    given: dict[str, Given] = field(default_factory=dict)  # … and where their values come from
    when: Guard = ALWAYS
    phase: Guard = ALWAYS  # for which deferred fragments it is asked; always: with the first answer

    @property
    def of_entities(self) -> bool:
        """Tell whether representations are sent."""
        return self.path is not None and not self.mounted


def when_either(one: Guard | None, other: Guard | None) -> Guard | None:
    """Hold when one of both holds, where None never does."""
    if one is None or other is None:
        return other if one is None else one
    return either(one, other)


def merge_picks(one: Pick, other: Pick) -> Pick | None:
    """Join two picks of the same name; None when they read different values."""
    if one.source != other.source:
        return None
    children = _merge_all(one.children, other.children)
    by_type: dict[str, tuple[Pick, ...]] = dict(one.by_type)
    for name, picks in other.by_type.items():
        joint = _merge_all(by_type.get(name, ()), picks)
        if joint is None:
            return None
        by_type[name] = joint
    if children is None:
        return None
    return Pick(one.name, one.source, children, by_type, one.typename or other.typename)


def _merge_all(one: tuple[Pick, ...], other: tuple[Pick, ...]) -> tuple[Pick, ...] | None:
    merged = {pick.name: pick for pick in one}
    for pick in other:
        known = merged.get(pick.name)
        joint = pick if known is None else merge_picks(known, pick)
        if joint is None:
            return None
        merged[pick.name] = joint
    return tuple(merged.values())
