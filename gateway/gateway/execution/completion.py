"""Completes the client's response from the merged tree: fields, leaf types, propagation of null.

A shape is compiled once per plan. Completing then costs one pass over the response: a function per
field returns the finished value, or None after it reported why there is none; the caller decides by
its own nullability whether the null stays or propagates (GraphQL specification, 6.4.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gateway.execution.compiled_completion import UNEXPECTED, CompiledCompletion, compile_completion
from gateway.execution.faults import ClientPath, Faults, bad_value
from gateway.execution.tree import Object, Place
from gateway.plan import ALWAYS, Guard, Nullability, Shape, Slot


class Progress(NamedTuple):
    """What completing one response needs besides the data."""

    faults: Faults
    held: list[bool]
    """Whether each guard holds, by its number."""


Trail = tuple[Any, str | int] | None
"""The path of a value, last step outermost: cheap to extend, only written out for a fault."""

Complete = Callable[[Any, Trail, Progress], Any]


class _Rest(NamedTuple):
    """What completing a field needs when its value is not a finished leaf already."""

    coordinate: str
    required: bool
    complete: Complete
    guard: int
    """Number of the guard, or -1."""
    typename: str | None


class _NoType:
    """The type of no value."""


_Field = tuple[str, str, Any, _Rest]
"""Response key, key in the tree, type of leaves that are finished as they are, the rest."""


def _path(trail: Trail) -> ClientPath:
    steps: list[str | int] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))


class Completion:
    """A compiled shape."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.guards: list[Guard] = []
        self._completes: dict[int, Complete] = {}
        self._complete = self._object(shape)
        self._compiled: CompiledCompletion | None = None

    def compile(self, *, alone: bool = False) -> None:
        """Generate Python for responses without faults.

        `alone` says that one subgraph answers everything.
        """
        self._compiled = compile_completion(self.shape, self._guard, alone=alone)

    def complete(self, tree: Object, faults: Faults, variables: Mapping[str, Any]) -> Object | None:
        """Return the client's data; None when null propagated to the top."""
        held = [holds(guard, variables) for guard in self.guards]
        if self._compiled is not None:
            try:
                return self._compiled(tree, held)
            except UNEXPECTED:
                pass  # something is wrong: the pass below finds out what
        done: Object | None = self._complete(tree, None, Progress(faults, held))
        return done

    def _object(self, shape: Shape) -> Complete:
        # Shapes are shared by identity where parts of the answer look alike: compile each once.
        if id(shape) not in self._completes:
            self._completes[id(shape)] = (
                self._concrete(shape, shape.only_type) if shape.only_type else self._abstract(shape)
            )
        return self._completes[id(shape)]

    def _concrete(self, shape: Shape, typename: str) -> Complete:
        fields = self._fields(shape.slots, typename)
        name = shape.type

        def complete(value: Any, trail: Trail, progress: Progress) -> Object | None:
            if type(value) is not dict:
                progress.faults.fail(bad_value(name, name), _path(trail))
                return None
            return _complete_fields(fields, value, trail, progress)

        return complete

    def _abstract(self, shape: Shape) -> Complete:
        by_type = {
            typename: self._fields(slots, typename) for typename, slots in shape.by_type.items()
        }
        name = shape.type

        def complete(value: Any, trail: Trail, progress: Progress) -> Object | None:
            typename = value.get("__typename") if type(value) is dict else None
            fields = by_type.get(typename) if type(typename) is str else None
            if fields is None:
                progress.faults.fail(bad_value(name, name), _path(trail))
                return None
            return _complete_fields(fields, value, trail, progress)

        return complete

    def _fields(self, slots: tuple[Slot, ...], typename: str) -> tuple[_Field, ...]:
        return tuple(self._field(slot, typename) for slot in slots)

    def _field(self, slot: Slot, typename: str) -> _Field:
        inner = self._object(slot.child) if slot.child else _leaf(slot)
        listed = slot.nullability.item is not None
        complete = _list(slot.nullability.item, inner, slot.coordinate) if listed else inner
        guard = self._guard(slot.guard)
        plain = (
            None
            if listed or slot.values is not None or slot.typename or guard >= 0
            else _PLAIN.get(slot.leaf_type or "")
        )
        rest = _Rest(
            coordinate=slot.coordinate,
            required=slot.nullability.required,
            complete=complete,
            guard=guard,
            typename=typename if slot.typename else None,
        )
        return slot.key, slot.source, plain or _NoType, rest

    def _guard(self, guard: Guard) -> int:
        if guard == ALWAYS:
            return -1
        if guard not in self.guards:
            self.guards.append(guard)
        return self.guards.index(guard)


def _complete_fields(
    fields: tuple[_Field, ...], value: Object, trail: Trail, progress: Progress
) -> Object | None:
    done: Object = {}
    for key, source, plain, rest in fields:
        inner: Any = value.get(source)
        if type(inner) is plain and (plain is not int or _SMALLEST <= inner <= _LARGEST):
            done[key] = inner
            continue
        coordinate, required, complete, guard, typename = rest
        if guard >= 0 and not progress.held[guard]:
            continue
        if typename is not None:
            done[key] = typename
        elif inner is None:
            if required:
                progress.faults.missing((*_path(trail), key), coordinate)
                return None
            done[key] = None
        else:
            finished = complete(inner, (trail, key), progress)
            if finished is None and required:
                return None
            done[key] = finished
    return done


def _list(item: Nullability | None, inner: Complete, coordinate: str) -> Complete:
    assert item is not None
    required = item.required
    complete = inner if item.item is None else _list(item.item, inner, coordinate)

    def complete_list(value: Any, trail: Trail, progress: Progress) -> list[Any] | None:
        if type(value) is not list:
            progress.faults.fail(bad_value(coordinate, "list"), _path(trail))
            return None
        done = []
        for index, entry in enumerate(value):
            finished = None if entry is None else complete(entry, (trail, index), progress)
            if finished is None and required:
                if entry is None:
                    progress.faults.missing((*_path(trail), index), coordinate)
                return None
            done.append(finished)
        return done

    return complete_list


def _leaf(slot: Slot) -> Complete:
    coordinate, values, kind = slot.coordinate, slot.values, slot.leaf_type or ""
    coerce = _COERCE.get(kind)

    def complete_enum(value: Any, trail: Trail, progress: Progress) -> Any:
        if type(value) is str and values is not None and value in values:
            return value
        progress.faults.fail(bad_value(coordinate, kind or "enum value"), _path(trail))
        return None

    def complete_scalar(value: Any, trail: Trail, progress: Progress) -> Any:
        finished = coerce(value) if coerce else value
        if finished is None:
            progress.faults.fail(bad_value(coordinate, kind), _path(trail))
        return finished

    return complete_enum if values is not None else complete_scalar


_SMALLEST, _LARGEST = -(2**31), 2**31 - 1


def _int(value: Any) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and _SMALLEST <= value <= _LARGEST else None


def _float(value: Any) -> float | int | None:
    return value if type(value) in (float, int) else None


def _string(value: Any) -> str | None:
    return value if type(value) is str else None


def _boolean(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _id(value: Any) -> str | None:
    return str(value) if type(value) in (str, int) else None


_PLAIN: Mapping[str, type] = {"Int": int, "Float": float, "String": str, "Boolean": bool, "ID": str}
_COERCE: Mapping[str, Callable[[Any], Any]] = {
    "Int": _int,
    "Float": _float,
    "String": _string,
    "Boolean": _boolean,
    "ID": _id,
}


def holds(guard: Guard, variables: Mapping[str, Any]) -> bool:
    """Tell whether any of the alternatives holds; an absent variable counts as false."""
    return not guard or any(
        all(bool(variables.get(name)) is expected for name, expected in tests) for tests in guard
    )


class ClientPaths:
    """Translates places of the tree into paths of the client's response."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._by_source: dict[int, dict[str, Slot]] = {}

    def path(self, place: Place) -> ClientPath:
        """Return the path, cut off where the client selected nothing further."""
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
            groups = (shape.slots, *shape.by_type.values())
            self._by_source[id(shape)] = {
                slot.source: slot for slots in reversed(groups) for slot in reversed(slots)
            }
        return self._by_source[id(shape)]
