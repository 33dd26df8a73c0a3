"""The tree of JSON that all fetches of a request build: finding objects in it, merging into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gateway.plan import Each, Key, Only, Path, Step

Object = dict[str, Any]
Place = tuple[str | int, ...]
Walk = Callable[[Object], list[Object]]


def walk(path: Path, *, generated: bool = False) -> Walk:
    """Compile a path into a function that lists the objects it leads to, in the tree's order.

    `generated` makes it one list comprehension, worth its compilation when it is used often.
    """
    steps = tuple(path)
    listed = (_generated(steps) if generated else None) or _interpreted(steps)

    def objects(root: Object) -> list[Object]:
        try:
            return listed(root)
        except (AttributeError, TypeError):  # a subgraph sent a leaf where the schema has an object
            return [value for _, value in places(steps, root)]

    return objects


def _generated(steps: Path) -> Walk | None:
    """Return one list comprehension for the path, or None where Python cannot nest it.

    For users: `[v2 for v0 in (root,) if (v1 := v0.get('users')) is not None for v2 in v1 …]`.
    """
    clauses, types, last = ["for v0 in (root,)"], dict[str, Any](), "v0"
    for number, step in enumerate(steps, 1):
        value = f"v{number}"
        match step:
            case Key(name):
                clauses.append(f"if ({value} := {last}.get({name!r})) is not None")
            case Each():
                clauses.append(f"for {value} in {last} if {value} is not None")
            case Only(names):
                types[f"types{number}"] = names
                clauses.append(f"if {last}.get('__typename') in types{number}")
                continue
        last = value
    text = f"def listed(root):\n    return [{last} {' '.join(clauses)} if type({last}) is dict]"
    try:
        exec(compile(text, "<path>", "exec"), types)  # noqa: S102  literals only
    except SyntaxError:  # Python nests twenty loops and no more
        return None
    listed: Walk = types["listed"]
    return listed


def _interpreted(steps: Path) -> Walk:
    def listed(root: Object) -> list[Object]:
        values: list[Any] = [root]
        for step in steps:
            values = _follow(step, values)
        return [value for value in values if type(value) is dict]

    return listed


def _follow(step: Step, values: list[Any]) -> list[Any]:
    match step:
        case Key(name):
            return [inner for value in values if (inner := value.get(name)) is not None]
        case Each():
            return [inner for value in values for inner in value if inner is not None]
        case Only(types):
            return [value for value in values if value.get("__typename") in types]


def places(path: Path, root: Object) -> list[tuple[Place, Object]]:
    """List the objects of `walk`, each with its place; slower, and skips values of wrong types."""
    pairs: Iterable[tuple[Place, Any]] = [((), root)]
    for step in path:
        pairs = [pair for place, value in pairs for pair in _step(step, place, value)]
    return [(place, value) for place, value in pairs if type(value) is dict]


def _step(step: Step, place: Place, value: Any) -> list[tuple[Place, Any]]:
    match step:
        case Key(name):
            return [((*place, name), value.get(name))] if type(value) is dict else []
        case Each():
            items = enumerate(value) if type(value) is list else ()
            return [((*place, index), item) for index, item in items]
        case Only(types):
            return (
                [(place, value)] if type(value) is dict and value.get("__typename") in types else []
            )


def merge(into: Object, new: Object) -> None:
    """Merge objects, and lists of equal length, in place; null never replaces a value."""
    for key, value in new.items():
        old = into.get(key)
        if old is None:
            into[key] = value
        elif value is not None and old is not value:
            into[key] = _merged(old, value)


def _merged(old: Any, new: Any) -> Any:
    if type(old) is dict and type(new) is dict:
        merge(old, new)
        return old
    if type(old) is list and type(new) is list and len(old) == len(new):
        return [_either(before, after) for before, after in zip(old, new, strict=True)]
    return new


def _either(old: Any, new: Any) -> Any:
    return new if old is None else old if new is None else _merged(old, new)


def deep_copy(value: Any) -> Any:
    """Return a copy that shares no object or list, for an entity that stands at several places."""
    if type(value) is dict:
        return {
            key: deep_copy(inner) if type(inner) in _CONTAINERS else inner
            for key, inner in value.items()
        }
    if type(value) is list:
        return [deep_copy(inner) if type(inner) in _CONTAINERS else inner for inner in value]
    return value


_CONTAINERS = (dict, list)
