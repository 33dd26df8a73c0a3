"""From the merged tree to the client's answer: selects, checks leaves, and lets null rise as the specification says.

A shape is compiled once per plan. Completing then costs one pass over the answer: a function per field
returns the finished value, or None after it reported why there is none; who asked decides by its own
nullability whether the null stays or rises.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gateway.execution.faults import ClientPath, Faults, unfit
from gateway.execution.tree import Object, Place
from gateway.plan import ALWAYS, Guard, Nullability, Shape, Slot


class Progress(NamedTuple):
    """What completing one answer needs besides the data."""

    faults: Faults
    wanted: list[bool]
    """By number of the guard: does it hold?"""


Complete = Callable[[Any, ClientPath, Progress], Any]


class _Field(NamedTuple):
    key: str
    source: str
    coordinate: str
    required: bool
    plain: type | None
    """A leaf of exactly this type is finished as it is."""
    complete: Complete
    guard: int
    """Number of the guard, or -1."""
    typename: str | None


class Completion:
    """A compiled shape."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.guards: list[Guard] = []
        self._known: dict[int, Complete] = {}
        self._complete = self._object(shape)

    def complete(self, tree: Object, faults: Faults, variables: Mapping[str, Any]) -> Object | None:
        """Return the client's data; None when null rose to the top."""
        wanted = [holds(guard, variables) for guard in self.guards]
        done: Object | None = self._complete(tree, (), Progress(faults, wanted))
        return done

    def _object(self, shape: Shape) -> Complete:
        # Shapes are shared by identity where parts of the answer look alike: compile each once.
        if id(shape) not in self._known:
            self._known[id(shape)] = (
                self._concrete(shape, shape.only_type) if shape.only_type else self._abstract(shape)
            )
        return self._known[id(shape)]

    def _concrete(self, shape: Shape, typename: str) -> Complete:
        fields = self._fields(shape.slots, typename)
        name = shape.type

        def complete(value: Any, path: ClientPath, progress: Progress) -> Object | None:
            if type(value) is not dict:
                progress.faults.fail(unfit(name, name), path)
                return None
            return _complete_fields(fields, value, path, progress)

        return complete

    def _abstract(self, shape: Shape) -> Complete:
        by_type = {
            typename: self._fields(slots, typename) for typename, slots in shape.by_type.items()
        }
        name = shape.type

        def complete(value: Any, path: ClientPath, progress: Progress) -> Object | None:
            typename = value.get("__typename") if type(value) is dict else None
            fields = by_type.get(typename) if type(typename) is str else None
            if fields is None:
                progress.faults.fail(unfit(name, name), path)
                return None
            return _complete_fields(fields, value, path, progress)

        return complete

    def _fields(self, slots: tuple[Slot, ...], typename: str) -> tuple[_Field, ...]:
        return tuple(self._field(slot, typename) for slot in slots)

    def _field(self, slot: Slot, typename: str) -> _Field:
        inner = self._object(slot.child) if slot.child else _leaf(slot)
        listed = slot.nullability.item is not None
        return _Field(
            key=slot.key,
            source=slot.source,
            coordinate=slot.coordinate,
            required=slot.nullability.required,
            plain=None if listed or slot.values is not None else _PLAIN.get(slot.leaf_type or ""),
            complete=_list(slot.nullability.item, inner, slot.coordinate) if listed else inner,
            guard=self._guard(slot.guard),
            typename=typename if slot.typename else None,
        )

    def _guard(self, guard: Guard) -> int:
        if guard == ALWAYS:
            return -1
        if guard not in self.guards:
            self.guards.append(guard)
        return self.guards.index(guard)


def _complete_fields(
    fields: tuple[_Field, ...], value: Object, path: ClientPath, progress: Progress
) -> Object | None:
    done: Object = {}
    for key, source, coordinate, required, plain, complete, guard, typename in fields:
        if guard >= 0 and not progress.wanted[guard]:
            continue
        if typename is not None:
            done[key] = typename
            continue
        inner = value.get(source)
        if inner is None:
            if required:
                progress.faults.missing((*path, key), coordinate)
                return None
            done[key] = None
        elif plain is not None and type(inner) is plain:
            done[key] = inner
        else:
            finished = complete(inner, (*path, key), progress)
            if finished is None and required:
                return None
            done[key] = finished
    return done


def _list(item: Nullability | None, inner: Complete, coordinate: str) -> Complete:
    assert item is not None
    required = item.required
    complete = inner if item.item is None else _list(item.item, inner, coordinate)

    def complete_list(value: Any, path: ClientPath, progress: Progress) -> list[Any] | None:
        if type(value) is not list:
            progress.faults.fail(unfit(coordinate, "list"), path)
            return None
        done = []
        for index, entry in enumerate(value):
            finished = None if entry is None else complete(entry, (*path, index), progress)
            if finished is None and required:
                if entry is None:
                    progress.faults.missing((*path, index), coordinate)
                return None
            done.append(finished)
        return done

    return complete_list


def _leaf(slot: Slot) -> Complete:
    coordinate, values, kind = slot.coordinate, slot.values, slot.leaf_type or ""
    coerce = _COERCE.get(kind)

    def complete_enum(value: Any, path: ClientPath, progress: Progress) -> Any:
        if type(value) is str and values is not None and value in values:
            return value
        progress.faults.fail(unfit(coordinate, kind or "enum value"), path)
        return None

    def complete_scalar(value: Any, path: ClientPath, progress: Progress) -> Any:
        finished = coerce(value) if coerce else value
        if finished is None:
            progress.faults.fail(unfit(coordinate, kind), path)
        return finished

    return complete_enum if values is not None else complete_scalar


def _int(value: Any) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and -(2**31) <= value < 2**31 else None


def _float(value: Any) -> float | int | None:
    return value if type(value) in (float, int) else None


def _string(value: Any) -> str | None:
    return value if type(value) is str else None


def _boolean(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _id(value: Any) -> str | None:
    return str(value) if type(value) in (str, int) else None


_PLAIN: Mapping[str, type] = {"Float": float, "String": str, "Boolean": bool, "ID": str}
_COERCE: Mapping[str, Callable[[Any], Any]] = {
    "Int": _int,
    "Float": _float,
    "String": _string,
    "Boolean": _boolean,
    "ID": _id,
}


def holds(guard: Guard, variables: Mapping[str, Any]) -> bool:
    """Whether any of the alternatives holds; an absent variable counts as false."""
    return not guard or any(
        all(bool(variables.get(name)) is wanted for name, wanted in tests) for tests in guard
    )


class ClientPaths:
    """Translates places of the tree into paths of the client's answer."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._by_source: dict[int, dict[str, Slot]] = {}

    def path(self, place: Place) -> ClientPath:
        """Follow the place as far as the client can see it."""
        out: list[str | int] = []
        shape: Shape | None = self.shape
        for step in place:
            if isinstance(step, int):
                out.append(step)
                continue
            slot = self._slots(shape).get(step) if shape else None
            if slot is None:
                break
            out.append(slot.key)
            shape = slot.child
        return tuple(out)

    def _slots(self, shape: Shape) -> dict[str, Slot]:
        if id(shape) not in self._by_source:
            every = (shape.slots, *shape.by_type.values())
            self._by_source[id(shape)] = {
                slot.source: slot for slots in reversed(every) for slot in reversed(slots)
            }
        return self._by_source[id(shape)]
