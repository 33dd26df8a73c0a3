"""Decides, position by position, which subgraphs to visit: the search of the planner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.operation import Field
from gateway.planning.board import GIVEN, Board
from gateway.planning.moves import Moves, Selections
from gateway.planning.placing import Effort
from gateway.planning.selecting import Selecting, has_typename
from gateway.planning.walk import (
    SHARE,
    AbstractWalk,
    ObjectWalk,
    Place,
    PlaceKey,
    Stop,
    Taken,
    Walk,
    measure,
)

_TYPE = 10  # what the walk of one more runtime type costs, in steps of the budget

_Memo = tuple[tuple[PlaceKey, ...], int]


class Cheapest:
    """The cheapest walks, each question answered once."""

    def __init__(self, moves: Moves, selecting: Selecting) -> None:
        self.moves = moves
        self.selecting = selecting
        self._known: dict[_Memo, Walk | None] = {}
        self._active: set[_Memo] = set()
        self._kept: list[object] = []

    def root(self, type_name: str, fields: Iterable[Field]) -> ObjectWalk | None:
        """Return the walk of root fields, where every subgraph can be entered freely."""
        return Board(self, type_name, []).settle(fields)

    def walk(self, places: tuple[Place, ...], selections: Selections) -> Walk | None:
        """Return the cheapest walk of a position that these places hold; None if there is none."""
        key = (tuple(place.key for place in places), id(selections))
        if key in self._known:
            return self._known[key]
        if key in self._active:
            return None
        self._active.add(key)
        self._kept.append((places, selections))
        try:
            found = self._find(places, selections)
        finally:
            self._active.discard(key)
        self._known[key] = found
        return found

    def _find(self, places: tuple[Place, ...], selections: Selections) -> Walk | None:
        real = [place for place in places if not self._is_interface_object(place)]
        if not real:
            return self._lifted(places, selections)
        candidates = self._candidates(real)
        view = self.moves.view(real[0].graph, real[0].type)
        if len(candidates) == 1 and view is not None and view.kind == "OBJECT":
            (only,) = candidates
            return self._object(only, places, self.selecting.fields(only, selections).values())
        return self._abstract(places, selections, candidates)

    def _object(
        self, type_name: str, places: Iterable[Place], fields: Iterable[Field]
    ) -> ObjectWalk | None:
        return Board(self, type_name, [Stop(place) for place in places]).settle(fields)

    # ----------------------------------------------------------------------- interfaces and unions

    def _abstract(
        self, places: tuple[Place, ...], selections: Selections, candidates: frozenset[str]
    ) -> Walk | None:
        name = next(place.type for place in places if not self._is_interface_object(place))
        base = Board(self, name, [Stop(place) for place in places])
        if not candidates:  # nobody implements it here: only what all types share can be asked
            walk = base.settle(self.selecting.fields(name, selections).values())
            return walk and AbstractWalk(
                name, walk, {}, walk.cost, walk.fetches, walk.depth, walk.size
            )
        if len(places) > 1 and not self._each_alone(places, selections):
            return None
        shared = self._take_shared(base, selections) if len(places) == 1 else frozenset()
        return self._by_type(base, selections, candidates, shared)

    def _each_alone(self, places: tuple[Place, ...], selections: Selections) -> bool:
        """Tell whether each selection has one subgraph that can answer it for all runtime types.

        Subgraphs that share a field may look up different objects; mixing them by runtime type
        would make one answer out of two.
        """
        singles = [self.selecting.single(item) for item in selections]
        return all(any(self.walk((place,), one) for place in places) for one in singles)

    def _take_shared(self, base: Board, selections: Selections) -> frozenset[str]:
        """Take at once what an interface's subgraph answers for all types; return the keys."""
        special = frozenset(
            key
            for fragment in self.selecting.narrower(base.type, selections)
            for key in _keys(fragment.selections)
        )
        taken = set()
        stop = base.stops[0]
        for key, item in self.selecting.fields(base.type, selections).items():
            view, provided = base.look(stop.place, item.name)
            if key in special or view is None or view.waits:
                continue
            child: Walk | None = None
            if item.selections:
                below = base.below(stop.place, view, provided)
                child = self.walk((below,), item.selections)
                if child is None:
                    continue
            stop.taken.append(Taken(item, view, child))
            taken.add(key)
        return frozenset(taken)

    def _by_type(
        self,
        base: Board,
        selections: Selections,
        candidates: frozenset[str],
        shared: frozenset[str],
    ) -> AbstractWalk | None:
        walks: dict[str, ObjectWalk] = {}
        for name in sorted(candidates):
            fields = self.selecting.fields(name, selections)
            rest = [
                item for key, item in fields.items() if key not in shared and item.name not in GIVEN
            ]
            if not rest:
                continue
            self.selecting.budget.expand(_TYPE)
            walk = self._object(name, [self._as(stop.place, name) for stop in base.stops], rest)
            if walk is None:
                return None
            walks[name] = walk
        cost, fetches, depth, size = measure(base.stops)
        # types travel together, so the dearest one counts; the others only break ties
        cost += SHARE * sum(stop.entered for walk in walks.values() for stop in walk.stops)
        return AbstractWalk(
            base.type,
            base.result(),
            walks,
            cost + max((walk.cost for walk in walks.values()), default=0),
            fetches + max((walk.fetches for walk in walks.values()), default=0),
            depth + max((walk.depth for walk in walks.values()), default=0),
            size + max((walk.size for walk in walks.values()), default=0),
        )

    def _as(self, place: Place, name: str) -> Place:
        return place if self._is_interface_object(place) else replace(place, type=name)

    def _candidates(self, real: list[Place]) -> frozenset[str]:
        first = self.moves.possible_in(real[0].graph, real[0].type)
        common = first
        for place in real[1:]:
            common &= self.moves.possible_in(place.graph, place.type)
        view = self.moves.view(real[0].graph, real[0].type)
        if view is not None and view.kind == "UNION":
            for graph, name in real[0].peers:
                common &= self.moves.possible_in(graph, name)
        return common or first

    # --------------------------------------------------------------------------- @interfaceObject

    def _is_interface_object(self, place: Place) -> bool:
        view = self.moves.view(place.graph, place.type)
        return view is not None and view.interface_object

    def _lifted(self, places: tuple[Place, ...], selections: Selections) -> Walk | None:
        """Walk from subgraphs that know an interface only as an object, not its runtime types."""
        name = places[0].type
        if not (has_typename(selections) or self.selecting.narrower(name, selections)):
            board = Board(self, name, [Stop(place) for place in places])
            walk = board.settle(self.selecting.fields(name, selections).values())
            if walk is not None:
                return AbstractWalk(name, walk, {}, walk.cost, walk.fetches, walk.depth, walk.size)
        found: list[AbstractWalk] = []
        for graph, view in self.moves.graphs.items():
            kind = view.types.get(name)
            if kind is None or kind.kind != "INTERFACE" or not self.moves.keys(graph, name):
                continue
            board = Board(self, name, [Stop(place) for place in places])
            if board.visit(Place(graph, name), "", None, Effort(), True) is None:
                continue
            typed = self._by_type(board, selections, kind.members, frozenset())
            if typed is not None:
                found.append(typed)
        return min(found, key=lambda walk: walk.cost, default=None)


def _keys(selections: Selections) -> Iterable[str]:
    for item in selections:
        if isinstance(item, Field):
            yield item.key
        else:
            yield from _keys(item.selections)
