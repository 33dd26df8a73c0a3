"""From objects of the tree to the representations that a subgraph is asked about, each only once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.execution.tree import Object, Place, Walk, places, walk
from gateway.plan import Entities, Pick, Recipe, Target

Build = Callable[[Object], bytes | None]
"""Makes the JSON of a representation, or None when a key is not there."""


@dataclass(slots=True)
class Asked:
    """What one `_entities` field asks: distinct representations, and who waits for each answer."""

    representations: list[bytes]
    waiting: list[list[tuple[int, Object]]]
    """By representation: (number of the target, object)."""


class Group:
    """One `_entities` field, compiled."""

    def __init__(self, entities: Entities) -> None:
        self.alias = entities.alias
        self.variable = entities.variable
        self.guard = entities.guard
        self.targets = entities.targets
        self.compiled: list[tuple[Walk, Build | None, Mapping[str, Build]]] = [
            (
                walk(target.path),
                _only(target),
                {name: _build(r) for name, r in target.recipes.items()},
            )
            for target in entities.targets
        ]

    def ask(self, root: Object) -> Asked:
        """Collect the objects of all targets and the distinct representations they need."""
        asked = Asked([], [])
        seen: dict[bytes, int] = {}
        for number, (objects, only, by_type) in enumerate(self.compiled):
            for item in objects(root):
                build = only or by_type.get(item.get("__typename"))  # type: ignore[arg-type]  # None is no key
                representation = build(item) if build else None
                if representation is None:
                    continue
                index = seen.setdefault(representation, len(seen))
                if index == len(asked.waiting):
                    asked.representations.append(representation)
                    asked.waiting.append([])
                asked.waiting[index].append((number, item))
        return asked

    def places(self, root: Object) -> dict[int, list[Place]]:
        """Where each object of the targets stands, by its identity; only errors need it."""
        found: dict[int, list[Place]] = {}
        for target in self.targets:
            for place, item in places(target.path, root):
                found.setdefault(id(item), []).append(place)
        return found


def _only(target: Target) -> Build | None:
    return _build(target.recipes[target.only_type]) if target.only_type else None


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
