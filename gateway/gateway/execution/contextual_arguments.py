"""Reads the values of contextual arguments (@fromContext) from the objects above an entity."""

from typing import Any

from gateway.execution.tree import Object, Place
from gateway.plan import ContextValue, Source


def value_above(given: ContextValue, root: Object, place: Place) -> Any:
    """Return the value from the nearest object that sets the context; None when none does."""
    for source in given.sources:
        above: Any = root
        for step in place[: source.depth]:
            above = above[step]
        keys = _keys(source, above)
        if keys is not None:
            return _follow(above, keys)
    return None


def _keys(source: Source, above: Object) -> tuple[str, ...] | None:
    if source.certain:
        return next(iter(source.by_type.values()))
    return source.by_type.get(above.get("__typename", ""))


def _follow(value: Any, keys: tuple[str, ...]) -> Any:
    if not keys or value is None:
        return value
    if type(value) is list:
        return [_follow(item, keys) for item in value]
    return _follow(value.get(keys[0]), keys[1:]) if type(value) is dict else None
