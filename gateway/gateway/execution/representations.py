"""Builds the representations of entities from objects of the tree, each only once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.execution.contextual_arguments import value_above
from gateway.execution.tree import Object, Place, places, walk
from gateway.plan import Entities, Pick, Recipe

Build = Callable[[Object], bytes | None]
"""Returns the JSON of a representation, or None when a key is missing."""

Alike = dict[Any, list[Object]]
"""Objects by the values that distinguish their representations."""

GroupObjects = Callable[[list[Object]], Alike]
"""Groups a target's objects of one recipe; leaves out those without a key."""


@dataclass(slots=True)
class EntityBatch:
    """What one `_entities` field is sent: distinct representations, and the objects of each."""

    representations: list[bytes]
    waiting: list[list[tuple[int, list[Object]]]]
    """By representation: the number of a target, and its objects."""


class EntityGroup:
    """One `_entities` field, compiled."""

    def __init__(self, entities: Entities, *, generated: bool = False) -> None:
        self.alias = entities.alias
        self.variable = entities.variable
        self.guard = entities.guard
        self.targets = entities.targets
        self.compiled = [
            (
                walk(target.path, generated=generated),
                target.only_type,
                {name: _Kind(recipe) for name, recipe in target.recipes.items()},
            )
            for target in entities.targets
        ]

    def collect(self, root: Object) -> EntityBatch:
        """Return the objects of all targets with their distinct representations."""
        batch = EntityBatch([], [])
        seen: dict[tuple[Any, Any], int] = {}
        for number, (objects, only, kinds) in enumerate(self.compiled):
            targets = objects(root)
            by_type = {only: targets} if only else _by_type(targets)
            for typename, items in by_type.items():
                if typename in kinds:
                    _add(kinds[typename], items, number, batch, seen)
        return batch

    @property
    def has_contextual_values(self) -> bool:
        """Tell whether its objects set variables from objects above them (@fromContext)."""
        return any(target.context_values for target in self.targets)

    def collect_by_values(self, root: Object) -> dict[bytes, EntityBatch]:
        """Return one batch for each set of contextual values, by the JSON of these values."""
        batches: dict[bytes, tuple[EntityBatch, dict[tuple[Any, Any], int]]] = {}
        for number, (target, (_, only, kinds)) in enumerate(
            zip(self.targets, self.compiled, strict=True)
        ):
            alike: dict[tuple[bytes, str], list[Object]] = {}
            for place, item in places(target.path, root):
                values = {
                    given.variable: value_above(given, root, place)
                    for given in target.context_values
                }
                typename = only or str(item.get("__typename"))
                alike.setdefault((orjson.dumps(values), typename), []).append(item)
            for (values_json, typename), items in alike.items():
                batch, seen = batches.setdefault(values_json, (EntityBatch([], []), {}))
                if typename in kinds:
                    _add(kinds[typename], items, number, batch, seen)
        return {values_json: batch for values_json, (batch, _) in batches.items()}

    def places(self, root: Object) -> dict[int, list[Place]]:
        """Return the places of the targets' objects, by their identity; only errors need it."""
        by_id: dict[int, list[Place]] = {}
        for target in self.targets:
            for place, item in places(target.path, root):
                by_id.setdefault(id(item), []).append(place)
        return by_id


class _Kind:
    """Representations made by one recipe."""

    __slots__ = ("build", "name", "sort")

    def __init__(self, recipe: Recipe) -> None:
        self.name = (recipe.typename, *(pick.name for pick in recipe.picks))
        self.build = _build(recipe)
        self.sort = _sort(recipe, self.build)


def _by_type(items: list[Object]) -> dict[str, list[Object]]:
    by_type: dict[str, list[Object]] = {}
    for item in items:
        typename = item.get("__typename")
        if type(typename) is str:
            by_type.setdefault(typename, []).append(item)
    return by_type


def _add(
    kind: _Kind,
    items: list[Object],
    number: int,
    batch: EntityBatch,
    seen: dict[tuple[Any, Any], int],
) -> None:
    for value, alike in kind.sort(items).items():
        key = (kind.name, value)
        index = seen.get(key)
        if index is None:
            representation = kind.build(alike[0])
            if representation is None:
                continue
            index = seen[key] = len(batch.waiting)
            batch.representations.append(representation)
            batch.waiting.append([])
        batch.waiting[index].append((number, alike))


def _sort(recipe: Recipe, build: Build) -> GroupObjects:
    """Group by values where equal values mean equal JSON, which is cheaper, otherwise by JSON."""
    if not recipe.picks or any(pick.children or pick.by_type for pick in recipe.picks):
        return lambda items: _sorted_by_json(items, build)
    sources = tuple(pick.source for pick in recipe.picks)
    if len(sources) == 1:
        return _by_value(sources[0], build, needed=sources == recipe.needed)
    return _by_values(sources, build)


def _sorted_by_json(items: list[Object], build: Build) -> Alike:
    alike: Alike = {}
    for item in items:
        representation = build(item)
        if representation is not None:
            alike.setdefault(representation, []).append(item)
    return alike


def _by_value(source: str, build: Build, *, needed: bool) -> GroupObjects:
    def sort(items: list[Object]) -> Alike:
        alike: Alike = {}
        for item in items:
            value = item.get(source)
            if type(value) is not str:
                if value is None and needed:
                    continue
                return _sorted_by_json(items, build)
            group = alike.get(value)
            if group is None:
                alike[value] = [item]
            else:
                group.append(item)
        return alike

    return sort


def _by_values(sources: tuple[str, ...], build: Build) -> GroupObjects:
    def sort(items: list[Object]) -> Alike:
        alike: Alike = {}
        for item in items:
            values = tuple([item.get(source) for source in sources])
            if not _EXACT.issuperset(map(type, values)):
                return _sorted_by_json(items, build)
            group = alike.get(values)
            if group is None:
                alike[values] = [item]
            else:
                group.append(item)
        return alike

    return sort


_EXACT = frozenset({str, int, type(None)})
"""Types whose equal values have equal JSON; not bool and float, for True and 1.0 equal 1."""


def _build(recipe: Recipe) -> Build:
    typename, needed = recipe.typename, recipe.needed
    flat = all(not pick.children and not pick.by_type for pick in recipe.picks)
    names = tuple((pick.name, pick.source) for pick in recipe.picks)

    def build_flat(item: Object) -> bytes | None:
        for source in needed:
            if item.get(source) is None:
                return None
        out = {"__typename": typename}
        for name, source in names:
            out[name] = item.get(source)  # type: ignore[assignment]  # JSON of any type
        return orjson.dumps(out)

    def build_deep(item: Object) -> bytes | None:
        for source in needed:
            if item.get(source) is None:
                return None
        return orjson.dumps({"__typename": typename, **_picked(recipe.picks, item)})

    return build_flat if flat else build_deep


def _picked(picks: tuple[Pick, ...], item: Object) -> Object:
    return {
        pick.name: _inner(pick, item.get(pick.source))
        if pick.children or pick.by_type
        else item.get(pick.source)
        for pick in picks
    }


def _inner(pick: Pick, value: Any) -> Any:
    if type(value) is list:
        return [_inner(pick, item) for item in value]
    if type(value) is not dict:
        return None
    typename = value.get("__typename")
    more = pick.by_type.get(typename, ()) if typename is not None else ()
    out = {"__typename": typename} if pick.typename or pick.by_type else {}
    return {**out, **_picked((*pick.children, *more), value)}
