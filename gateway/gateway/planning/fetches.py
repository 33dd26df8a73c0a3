"""Turns walks into drafts of requests: every stop that is entered becomes one draft."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.operation import Field
from gateway.plan import Each, Key, Only, OperationKind, Path, Pick
from gateway.planning.draft import Above, Asking, Draft, RecipeDraft, Use
from gateway.planning.moves import Moves, Selections
from gateway.planning.names import JsonPath, Names
from gateway.planning.selecting import Selecting
from gateway.planning.walk import AbstractWalk, ObjectWalk, Stop, Taken, Walk, depths
from gateway.supergraph import FieldView

_WRITE = 4  # what writing down one taken field costs, in steps of the budget


@dataclass(frozen=True, slots=True)
class Spot:
    """A position of the merged tree."""

    path: Path = ()
    json: JsonPath = ()
    types: frozenset[str] = frozenset()  # the runtime types that the walk speaks of
    only_type: str | None = None
    above: tuple[Above, ...] = ()  # the objects on the way here, nearest first


@dataclass(slots=True)
class Held:
    """Where a stop's fields are asked: a draft, and the selection inside it."""

    draft: Draft
    asking: Asking


class Writer:
    """Writes drafts while it follows a walk."""

    def __init__(self, moves: Moves, selecting: Selecting, names: Names) -> None:
        self.moves = moves
        self.selecting = selecting
        self.names = names
        self.drafts: list[Draft] = []
        self.brought: dict[
            tuple[JsonPath, str], set[Draft]
        ] = {}  # who brings what only we asked for

    def root(self, walk: ObjectWalk, kind: OperationKind, after: Iterable[Draft]) -> None:
        """Write the requests of a root walk; none starts before the drafts given."""
        spot = Spot(types=frozenset((walk.type,)), only_type=walk.type)
        self._object(walk, spot, [], frozenset(after), kind)

    def _draft(self, graph: str, kind: OperationKind, asking: Asking) -> Draft:
        draft = Draft(len(self.drafts), graph, kind, asking)
        self.drafts.append(draft)
        return draft

    # ------------------------------------------------------------------------------------- walks

    def _walk(
        self, walk: Walk, spot: Spot, held: list[Held], after: frozenset[Draft], abstract: bool
    ) -> None:
        if isinstance(walk, ObjectWalk):
            inner = replace(spot, types=frozenset((walk.type,)), only_type=walk.type)
            self._object(walk, inner, held, after)
            if abstract:
                for item in held:
                    item.asking.typename = True
            return
        self._abstract(walk, spot, held, after)

    def _abstract(
        self, walk: AbstractWalk, spot: Spot, held: list[Held], after: frozenset[Draft]
    ) -> None:
        types = self.moves.possible(walk.type) | {walk.type}
        base = replace(spot, types=types)
        stops = self._object(walk.base, base, held, after)
        for item in stops:
            item.asking.typename = True
        typed = after | {item.draft for item in stops[len(held) :]}
        for name, below in walk.by_type.items():
            inner = replace(spot, types=frozenset((name,)))
            narrowed = [
                Held(item.draft, self._narrow(stop, item.asking, name))
                for stop, item in zip(walk.base.stops, stops, strict=True)
            ]
            self._object(below, inner, narrowed, typed)

    def _narrow(self, stop: Stop, asking: Asking, name: str) -> Asking:
        view = self.moves.view(stop.place.graph, stop.place.type)
        return asking if view is None or view.interface_object else asking.narrowed(name)

    def _object(
        self,
        walk: ObjectWalk,
        spot: Spot,
        held: list[Held],
        after: frozenset[Draft],
        kind: OperationKind = "query",
    ) -> list[Held]:
        """Write the stops of one object; return where each of them stands."""
        return _ObjectWriter(self, walk, spot, held, after, kind).write()

    # ------------------------------------------------------------------------------------ recipes

    def picks(self, selections: Selections, type_name: str, json: JsonPath) -> tuple[Pick, ...]:
        """Return how to read a field set out of the merged tree."""
        return tuple(
            self._pick(item, type_name, json)
            for item in self.selecting.fields(type_name, selections).values()
            if item.name != "__typename"
        )

    def _pick(self, item: Field, type_name: str, json: JsonPath) -> Pick:
        source = self.names.source(json, type_name, item)
        if not item.selections:
            return Pick(item.name, source)
        below = self.named_type(type_name, item.name)
        inner = (*json, source)
        common = self.selecting.fields(below, item.selections)
        possible = self.moves.possible(below)
        by_type = {}
        if possible != {below}:
            for name in sorted(possible):
                mine = self.selecting.fields(name, item.selections)
                rest = [field for key, field in mine.items() if key not in common]
                if rest:
                    by_type[name] = tuple(self._pick(field, name, inner) for field in rest)
        children = tuple(
            self._pick(field, below, inner)
            for field in common.values()
            if field.name != "__typename"
        )
        typename = bool(by_type) or any(x.name == "__typename" for x in common.values())
        return Pick(item.name, source, children, by_type, typename)

    def named_type(self, type_name: str, field: str) -> str:
        """Return the named type of a field in the supergraph."""
        return self.moves.named(type_name, field) or type_name


class _ObjectWriter:
    def __init__(
        self,
        writer: Writer,
        walk: ObjectWalk,
        spot: Spot,
        held: list[Held],
        after: frozenset[Draft],
        kind: OperationKind,
    ) -> None:
        self.writer = writer
        self.walk = walk
        self.spot = spot
        self.after = after
        self.kind = kind
        self.held: dict[int, Held] = dict(enumerate(held))
        self.below: dict[tuple[str, str, int], set[Draft]] = {}
        self.waiting: dict[tuple[int, str], dict[int, Held]] = {}

    def write(self) -> list[Held]:
        order = depths(self.walk.stops)
        for index in sorted(range(len(order)), key=lambda i: (order[i], i)):
            stop = self.walk.stops[index]
            if index not in self.held:
                self.held[index] = self.enter(stop)
            for taken in stop.taken:
                self.take(taken, stop, self.held[index])
        return [self.held[index] for index in range(len(order))]

    def enter(self, stop: Stop) -> Held:
        place = stop.place
        if not stop.inputs:
            return self.enter_root(stop)
        draft = self.writer._draft(place.graph, "query", Asking("_Entity"))
        draft.path = self.spot.path
        draft.only_type = self.spot.only_type
        draft.parents = {self.held[index].draft for index in stop.after} | self.after
        for selections in stop.inputs:
            for item in self.writer.selecting.fields(self.walk.type, selections).values():
                draft.parents |= self.below.get((item.key, item.name, id(item.selections)), set())
        if not draft.parents:
            draft.parents = {held.draft for held in self.held.values()}
        for runtime in sorted(self.spot.types):
            draft.recipes[runtime] = self.recipe(stop, runtime)
        return Held(draft, draft.asking.narrowed(place.type))

    def enter_root(self, stop: Stop) -> Held:
        """Ask root fields, for the answer's root or for a field that returns the root type."""
        writer, graph = self.writer, stop.place.graph
        if not self.spot.json:
            draft = writer._draft(graph, self.kind, Asking(stop.place.type))
            draft.parents = set(self.after)
            return Held(draft, draft.asking)
        kinds = {name: kind for kind, name in writer.moves.roots.items()}
        draft = writer._draft(graph, kinds[stop.place.type], Asking(stop.place.type))
        draft.path, draft.mounted = self.path(), True
        draft.parents = {self.held[index].draft for index in stop.after} | self.after
        return Held(draft, draft.asking)

    def recipe(self, stop: Stop, runtime: str) -> RecipeDraft:
        view = self.writer.moves.view(stop.place.graph, stop.place.type)
        is_object = view is not None and view.kind == "OBJECT" and not view.interface_object
        recipe = RecipeDraft(runtime if is_object else stop.place.type)
        for number, selections in enumerate(stop.inputs):
            picks = self.writer.picks(selections, self.walk.type, self.spot.json)
            recipe.add(picks)
            if number == 0:
                recipe.needed.update((pick.source, None) for pick in picks)
        return recipe

    def take(self, taken: Taken, stop: Stop, held: Held) -> None:
        self.writer.selecting.budget.expand(_WRITE)
        graph = stop.place.graph
        item = taken.field
        signature = _signature(taken)
        source = self.writer.names.claim(self.spot.json, self.spot.types, item, graph, signature)
        if item.ours:
            self.writer.brought.setdefault((self.spot.json, source), set()).add(held.draft)
        if taken.view.context:
            item = self.contextual(item, taken.view, stop, held.draft)
        if taken.parts > 1 and not _uses(taken.child, taken.part):
            self.gather(taken, source, None)
            return
        below = held.asking.ask(source, item, taken.view.named if taken.child else None)
        if taken.child is not None and below is not None:
            self.gather(taken, source, Held(held.draft, below))

    def contextual(self, item: Field, view: FieldView, stop: Stop, draft: Draft) -> Field:
        """Add the arguments that the subgraph takes from above, as variables of our own."""
        parts = [item.arguments[1:-1]] if item.arguments else []
        for context, argument, kind, selection in view.context:
            variable = f"context__{stop.place.type}__{view.name}__{argument}"
            draft.uses[variable] = Use(kind, context, selection, self.spot.above)
            parts.append(f"{argument}: ${variable}")
        return replace(item, arguments=f"({', '.join(parts)})")

    def gather(self, taken: Taken, source: str, held: Held | None) -> None:
        """Follow the walk below a field once all the subgraphs that fill it are there."""
        assert taken.child is not None
        if held is None:
            # this subgraph turned out not to be needed; its place stays, and stays empty
            held = Held(Draft(-1, "", "query", Asking("")), Asking(""))
        parts = self.waiting.setdefault((id(taken.child), source), {})
        parts[taken.part] = held
        if len(parts) < taken.parts:
            return
        del self.waiting[id(taken.child), source]
        before = len(self.writer.drafts)
        spot = self.spot_below(taken, source)
        abstract = self.is_abstract(taken)
        places = [parts[number] for number in range(taken.parts)]
        self.writer._walk(taken.child, spot, places, self.after, abstract)
        key = (taken.field.key, taken.field.name, id(taken.field.selections))
        made = self.below.setdefault(key, set())
        made.update(self.writer.drafts[before:])
        made.update(place.draft for place in places if place.draft.id >= 0)

    def spot_below(self, taken: Taken, source: str) -> Spot:
        lists = taken.view.type.count("[")
        path = (*self.path(), Key(source), *(Each() for _ in range(lists)))
        depth = sum(not isinstance(step, Only) for step in self.spot.path)
        here = Above(depth, self.spot.json, self.spot.types)
        return Spot(path, (*self.spot.json, source), above=(here, *self.spot.above))

    def path(self) -> Path:
        """Return where the objects of this walk stand, those of other runtime types left out."""
        if self.spot.only_type is None and len(self.spot.types) == 1:
            return (*self.spot.path, Only(self.spot.types))
        return self.spot.path

    def is_abstract(self, taken: Taken) -> bool:
        """Tell whether the client, or a recipe, must be told the runtime type."""
        named = self.writer.named_type(self.walk.type, taken.field.name)
        return self.writer.moves.possible(named) != {named}


def _signature(taken: Taken) -> str:
    if taken.child is None:
        return taken.view.type
    return taken.view.type.replace(taken.view.named, "{}")


def _uses(walk: Walk | None, part: int) -> bool:
    """Tell whether a walk asks anything of its given stop."""
    if walk is None:
        return True
    if isinstance(walk, ObjectWalk):
        return bool(walk.stops[part].taken)
    return bool(walk.base.stops[part].taken) or any(
        below.stops[part].taken for below in walk.by_type.values()
    )
