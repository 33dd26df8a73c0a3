"""The ways to take one field: at a stop that exists, at a subgraph entered for it, at several together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.operation import Field
from gateway.planning.moves import Answer
from gateway.planning.walk import DEPTH, FETCH, FIELD, Place, Taken, Walk, depths, measure
from gateway.supergraph import FieldView

if TYPE_CHECKING:
    from gateway.planning.board import Board


@dataclass(frozen=True, slots=True)
class Effort:
    """How far a placement may go: not into these subgraphs, not back to these requirements."""

    avoid: frozenset[str] = frozenset()
    busy: frozenset[tuple[str, str]] = frozenset()
    may_enter: bool = True


@dataclass(slots=True)
class Option:
    """One way to take a field: on the board as it is, or on a copy that went further."""

    cost: int
    taken: dict[int, Taken | None]
    board: Board | None = None

    @property
    def at(self) -> frozenset[int]:
        """The stops that then hold it."""
        return frozenset(self.taken)

    def apply(self, board: Board) -> None:
        """Take it."""
        if self.board is not None:
            board.adopt(self.board)
            return
        for index, item in self.taken.items():
            if item is not None:
                board.stops[index].taken.append(item)


def at_hand(board: Board, item: Field) -> Option | None:
    """The cheapest way to take the field at a stop that exists."""
    best: Option | None = None
    deep: list[int] | None = None
    for index, stop in enumerate(board.stops):
        view, provided = board.look(stop.place, item.name)
        if view is None or view.waits:
            continue
        if not item.selections:
            return Option(0, {index: Taken(item, view)})
        child = board.walker.walk((board.below(stop.place, view, provided),), item.selections)
        if child is None:
            continue
        deep = deep or depths(board.stops)
        cost = child.cost + child.fetches * 600 * deep[index] if child.fetches else 0
        if best is None or cost < best.cost:
            best = Option(cost, {index: Taken(item, view, child)})
        if cost == 0:
            break
    return best


def entered(board: Board, item: Field, effort: Effort, known: Option | None) -> Option | None:
    """The cheapest way to take the field at a subgraph that is entered for it."""
    if not effort.may_enter:
        return known
    before = measure(board.stops)[0]
    for may_go_on in (False, True):
        best, any_found = known, False
        for answer in board.moves.answers(board.type, item.name):
            limit = best.cost if best is not None else None
            option = _enter_for(board, item, answer, effort, may_go_on, before, limit)
            if option is not None:
                any_found = True
                best = _better(board, best, option)
        if any_found:
            return best
    return known


def _enter_for(
    board: Board,
    item: Field,
    answer: Answer,
    effort: Effort,
    may_go_on: bool,
    before: int,
    limit: int | None,
) -> Option | None:
    there = any(
        stop.place.graph == answer.graph and stop.place.type == answer.type for stop in board.stops
    )
    if there and not answer.field.waits:
        return None  # already considered at hand
    if answer.graph in effort.avoid and not there:
        return None
    place = Place(answer.graph, answer.type)
    view = board.moves.view(answer.graph, answer.type)
    if view is not None and view.kind == "INTERFACE" and not board.uniform(place, item.name):
        return None
    child: Walk | None = None
    if item.selections:
        child = board.walker.walk((board.below(place, answer.field, ()),), item.selections)
        if child is None:
            return None
    if limit is not None and not answer.field.waits:
        deep = 1 if board.stops_given() else 0
        least = FETCH + DEPTH * deep + FIELD
        if child is not None:
            least += child.cost + DEPTH * deep * child.fetches
        if least > limit:
            return None  # no need to look how it would be entered
    trial = board.copy()
    index = trial.visit(place, item.name, answer.field, effort, may_go_on)
    if index is None:
        return None
    trial.stops[index].taken.append(Taken(item, answer.field, child))
    return Option(measure(trial.stops)[0] - before, {index: None}, trial)


def split(board: Board, item: Field, effort: Effort) -> Option | None:
    """Let several subgraphs fill one object, when none can alone."""
    trial = board.copy()
    parts: list[tuple[int, FieldView, Place]] = []
    for index, stop in enumerate(trial.stops):
        view, provided = trial.look(stop.place, item.name)
        if view is not None and not view.waits:
            parts.append((index, view, trial.below(stop.place, view, provided)))
    if effort.may_enter:
        for answer in board.moves.answers(board.type, item.name):
            place = Place(answer.graph, answer.type)
            if answer.graph in effort.avoid or any(
                trial.stops[index].place.graph == answer.graph for index, _, _ in parts
            ):
                continue
            entered = trial.visit(place, item.name, answer.field, effort, True)
            if entered is not None:
                parts.append((entered, answer.field, trial.below(place, answer.field, ())))
    if len(parts) < 2:
        return None
    child = board.walker.walk(tuple(place for _, _, place in parts), item.selections)
    if child is None:
        return None
    for number, (index, view, _) in enumerate(parts):
        trial.stops[index].taken.append(Taken(item, view, child, number, len(parts)))
    return Option(0, {index: None for index, _, _ in parts}, trial)


def _better(board: Board, best: Option | None, option: Option) -> Option:
    if best is None or option.cost < best.cost:
        return option
    if option.cost == best.cost and _cover(board, option) > _cover(board, best):
        return option
    return best


def _cover(board: Board, option: Option) -> int:
    """Count the open fields that the option's subgraph could answer as well."""
    if option.board is None:
        return 0
    graphs = {option.board.stops[index].place.graph for index in option.taken}
    return sum(
        any(answer.graph in graphs for answer in board.moves.answers(board.type, name))
        for name in board.open
    )
