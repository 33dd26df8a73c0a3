"""Finds the cheapest stops for the fields of one object.

Fields are placed one by one: those that need no further request first, then those that only one
subgraph can answer, so that the choices left fall on subgraphs that are visited anyway. Every way to
place a field is tried on a copy of the board, and the cheapest copy is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gateway.operation import LOCAL, Field
from gateway.planning.moves import Moves, Selections
from gateway.planning.placing import Effort, at_hand, entered, split
from gateway.planning.selecting import Selecting
from gateway.planning.walk import (
    ObjectWalk,
    Place,
    Stop,
    Walk,
    measure,
)
from gateway.supergraph import FieldView

GIVEN = LOCAL | {"__typename"}
"""Fields that need no subgraph of their own."""

# What placing one field and copying one stop cost, in steps of the budget.
_PLACE = 8
_COPY = 3

_Supplied = tuple[str, str, str, int, object]


class Walker(Protocol):
    """What a board asks of the planner for the positions below it."""

    moves: Moves
    selecting: Selecting

    def walk(self, places: tuple[Place, ...], selections: Selections) -> Walk | None:
        """Return the cheapest walk of a position, None if there is none."""


class Board:
    """The stops of one object while they are being chosen."""

    def __init__(self, walker: Walker, type_name: str, stops: list[Stop]) -> None:
        self.walker = walker
        self.moves = walker.moves
        self.type = type_name
        self.stops = stops
        self.supplied: dict[_Supplied, frozenset[int]] = {}
        self.open: list[str] = []  # names of the fields still to be placed, for ties

    def settle(self, fields: Iterable[Field]) -> ObjectWalk | None:
        """Place all fields; None when one of them cannot be reached."""
        wanted = sorted((item for item in fields if item.name not in GIVEN), key=self._urgency)
        self.open = [item.name for item in wanted]
        for item in wanted:
            self.open.pop(0)
            if self.place(item, Effort()) is None:
                return None
        return self.result()

    def result(self) -> ObjectWalk:
        """Return the board as it stands."""
        return ObjectWalk(self.type, tuple(self.stops), *measure(self.stops))

    def place(self, item: Field, effort: Effort) -> frozenset[int] | None:
        """Place one field; return the stops that then hold it, None when it cannot be had."""
        if item.name in GIVEN:
            return frozenset()
        key = (item.key, item.name, item.arguments, id(item.selections), item.guard)
        if (known := self.supplied.get(key)) is not None:
            return known
        self.walker.selecting.budget.search(_PLACE)
        found = at_hand(self, item)
        if found is None or found.cost > 0:
            found = entered(self, item, effort, found)
        if found is None and item.selections:
            found = split(self, item, effort)
        if found is None:
            return None
        found.apply(self)
        self.supplied[key] = found.at
        return found.at

    def lag(self, items: Iterable[Field]) -> int:
        """Return how many requests lie below the stops that supply these fields."""
        wanted = {(item.key, item.name, id(item.selections)) for item in items}
        return max(
            (
                taken.child.depth
                for stop in self.stops
                for taken in stop.taken
                if taken.child is not None
                and (taken.field.key, taken.field.name, id(taken.field.selections)) in wanted
            ),
            default=0,
        )

    # ------------------------------------------------------------------------------- one subgraph

    def look(self, place: Place, name: str) -> tuple[FieldView | None, Selections]:
        """Return the field if this place answers it, and what is provided below it."""
        seen = self.moves.view(place.graph, place.type)
        view = seen.fields.get(name) if seen else None
        if view is None:
            return None, ()
        given: Selections = ()
        known = self.moves.counts(view)
        if place.provided:
            for item in self.walker.selecting.fields(self.type, place.provided).values():
                if item.name == name:
                    known, given = True, item.selections
        if known and seen is not None and seen.kind == "INTERFACE":
            known = self.uniform(place, name)
        return (view, given) if known else (None, ())

    def uniform(self, place: Place, name: str) -> bool:
        """Tell whether a subgraph answers an interface's field for every object it can mean."""
        graph = self.moves.graphs[place.graph]
        for member in graph.types[place.type].members:
            view = graph.types[member].fields.get(name)
            if view is None or not self.moves.counts(view) or view.waits:
                return False
        return True

    def below(self, place: Place, view: FieldView, provided: Selections) -> Place:
        """Return where a field of this object leads, in the same subgraph."""
        parts = [provided]
        if view.provides:
            parts.append(self.moves.field_set(view.provides))
        return Place(
            place.graph,
            view.named,
            self.walker.selecting.joined(parts),
            self._peers(place, view.name),
        )

    def _peers(self, place: Place, name: str) -> frozenset[tuple[str, str]]:
        """Return who else could have answered a shared field for this very object."""
        answers = self.moves.answers(self.type, name)
        if len(answers) < 2:
            return frozenset()
        holders = {graph for graph, _ in place.peers}
        return frozenset(
            (answer.graph, answer.field.named)
            for answer in answers
            if answer.graph != place.graph
            and (answer.graph in holders or self.moves.can_enter(answer.graph, answer.type))
        )

    # ---------------------------------------------------------------------------- another subgraph

    def visit(
        self, place: Place, name: str, view: FieldView | None, effort: Effort, may_go_on: bool
    ) -> int | None:
        """Add a stop (or use a fitting one) that can answer the field; return its index."""
        needs: tuple[Selections, ...] = ()
        suppliers: frozenset[int] = frozenset()
        lag = 0
        if view is not None and view.waits:
            if (place.graph, name) in effort.busy:
                return None
            needs = (self.moves.field_set(view.requires),) if view.requires else ()
            busy = effort.busy | {(place.graph, name)}
            got = self._supply(needs[0] if needs else (), Effort(effort.avoid, busy))
            if got is None:
                return None
            suppliers, lag = got
            if (fitting := self._fitting(place, needs, suppliers)) is not None:
                stop = self.stops[fitting]
                stop.inputs += tuple(item for item in needs if item not in stop.inputs)
                stop.after |= suppliers
                stop.lag = max(stop.lag, lag)
                return fitting
        if place.type in self.moves.roots.values():  # below another field, once that is there
            given = frozenset(n for n, stop in enumerate(self.stops) if not stop.entered)
            self.stops.append(Stop(place, entered=True, after=given))
            return len(self.stops) - 1
        return self._enter_by_key(place, needs, suppliers, lag, effort, may_go_on)

    def stops_given(self) -> bool:
        """Tell whether this position lies below another one."""
        return any(not stop.entered for stop in self.stops)

    def _enter_by_key(
        self,
        place: Place,
        needs: tuple[Selections, ...],
        suppliers: frozenset[int],
        lag: int,
        effort: Effort,
        may_go_on: bool,
    ) -> int | None:
        best: tuple[int, Board] | None = None
        inner = Effort(effort.avoid | {place.graph}, effort.busy, may_go_on)
        keys = self.moves.keys(place.graph, place.type)
        for key in keys:
            board = self.copy()
            got = board._supply(key.selections, inner)
            if got is None:
                continue
            board.stops.append(
                Stop(place, True, (key.selections, *needs), suppliers | got[0], max(lag, got[1]))
            )
            cost = measure(board.stops)[0]
            if best is None or cost < best[0]:
                best = (cost, board)
        if best is None:
            return None
        self.adopt(best[1])
        return len(self.stops) - 1

    def _supply(self, selections: Selections, effort: Effort) -> tuple[frozenset[int], int] | None:
        """Place the fields of a field set; return the stops that hold them, and the wait below."""
        at: frozenset[int] = frozenset()
        fields = self.walker.selecting.fields(self.type, selections).values()
        for item in fields:
            got = self.place(item, effort)
            if got is None:
                return None
            at |= got
        return at, self.lag(fields)

    def _fitting(
        self, place: Place, needs: tuple[Selections, ...], suppliers: frozenset[int]
    ) -> int | None:
        """An entered stop in the same subgraph that can wait for the requirement too."""
        before = self._all_before(suppliers)
        for index, stop in enumerate(self.stops):
            waits = stop.entered and stop.inputs and stop.place == place and index not in before
            if waits and not any(self._clash(n, o) for n in needs for o in stop.inputs):
                return index
        return None

    def _clash(self, one: Selections, other: Selections) -> bool:
        """Tell whether two field sets want one field with different arguments."""
        mine = self.walker.selecting.fields(self.type, one).values()
        theirs = self.walker.selecting.fields(self.type, other).values()
        return any(
            a.name == b.name
            and (a.arguments != b.arguments or _clashing(a.selections, b.selections))
            for a in mine
            for b in theirs
        )

    def _all_before(self, indexes: frozenset[int]) -> frozenset[int]:
        seen: set[int] = set()
        todo = list(indexes)
        while todo:
            index = todo.pop()
            if index not in seen:
                seen.add(index)
                todo += self.stops[index].after
        return frozenset(seen)

    # -------------------------------------------------------------------------------------- small

    def copy(self) -> Board:
        """Return a board that may be changed without changing this one."""
        self.walker.selecting.budget.search(_COPY * (1 + len(self.stops)))
        board = Board(self.walker, self.type, [stop.copy() for stop in self.stops])
        board.supplied = dict(self.supplied)
        board.open = self.open
        return board

    def adopt(self, other: Board) -> None:
        """Become the other board."""
        self.stops, self.supplied = other.stops, other.supplied

    def _urgency(self, item: Field) -> tuple[int, int]:
        for stop in self.stops:
            view, _ = self.look(stop.place, item.name)
            if view is not None and not view.waits:
                return (0, 0 if not item.selections else 1)
        answers = self.moves.answers(self.type, item.name)
        return (2 if any(answer.field.waits for answer in answers) else 1, len(answers))


def _clashing(one: Selections, other: Selections) -> bool:
    for a in one:
        for b in other:
            if isinstance(a, Field) and isinstance(b, Field):
                if a.name == b.name and (
                    a.arguments != b.arguments or _clashing(a.selections, b.selections)
                ):
                    return True
            elif _clashing(a.selections, b.selections):
                return True
    return False
