"""Completes responses without faults by Python that is generated for one plan's shape.

Nearly every response is free of faults, and then completing it means copying known keys. So each
object of the shape becomes a function that is exactly this,

    def object1(value, held):
        v0 = value.get('id')
        if type(v0) is not str: v0 = an_id(v0)
        v1 = value.get('reviews')
        if v1 is not None: v1 = list2(v1, held)
        return {'id': v0, 'reviews': v1}

with no trail of where it is, no table of fields, no report of faults. Where one subgraph answers
alone, its objects often are what the client selected already: they are checked and used as they
are, not copied (`_reuse`), which spares a large response a tenth of its time. Anything unexpected
raises, and the response is completed again by `completion`, which reports faults and propagates
null. So one place decides what is wrong; the generated code only has to notice that something is.
"""

from collections.abc import Callable
from typing import Any

from gateway.execution.tree import Object
from gateway.plan import Guard, Nullability, Shape, Slot

CompiledCompletion = Callable[[Object, list[bool]], Object]
"""From the tree, and whether each guard holds, to the client's data."""


class UnexpectedValue(Exception):
    """Generated code met a value that only `completion` can judge."""


UNEXPECTED = (UnexpectedValue, AttributeError, KeyError, TypeError)
"""What generated code raises: `None.get`, an unknown type's name, a list where a name should be."""


def compile_completion(
    shape: Shape, number: Callable[[Guard], int], *, alone: bool = False
) -> CompiledCompletion:
    """Generate and compile the code for a shape.

    `number` returns the index of a guard in `held`, -1 for a guard that always holds. `alone` says
    that the tree is the response of one subgraph, which no other is merged into.
    """
    writer = _Writer(number, alone=alone)
    name = writer.object(shape)
    exec(compile(writer.text(), "<shape>", "exec"), writer.space)  # noqa: S102  names and literals only, written below
    complete: CompiledCompletion = writer.space[name]
    return complete


def print_completion(shape: Shape, *, alone: bool = False) -> str:
    """Return the generated code, for tests and for reading."""
    writer = _Writer(lambda guard: 0 if guard else -1, alone=alone)
    writer.object(shape)
    return writer.text()


class _Writer:
    """Generates one function for each object and list of a shape."""

    def __init__(self, number: Callable[[Guard], int], *, alone: bool) -> None:
        self.number = number
        self.alone = alone
        self.functions: list[str] = []
        self.space: dict[str, Any] = {"UnexpectedValue": UnexpectedValue, **_COERCE_NAMED}
        self._functions_by_shape: dict[int, str] = {}
        self._count = 0

    def text(self) -> str:
        """Return the code generated so far."""
        return "\n".join(self.functions)

    def object(self, shape: Shape) -> str:
        """Return the name of the function for this shape; shapes shared by identity share it."""
        if id(shape) not in self._functions_by_shape:
            self._functions_by_shape[id(shape)] = (
                self._concrete(shape.slots, shape.only_type)
                if shape.only_type
                else self._abstract(shape)
            )
        return self._functions_by_shape[id(shape)]

    def _abstract(self, shape: Shape) -> str:
        shared: dict[tuple[int, str], str] = {}
        table: dict[str, str] = {}
        for typename, slots in shape.by_type.items():
            own = typename if any(slot.typename for slot in slots) else ""
            key = (id(slots), own)
            if key not in shared:
                shared[key] = self._concrete(slots, typename)
            table[typename] = shared[key]
        types = self._name("types")
        pairs = ", ".join(f"{typename!r}: {function}" for typename, function in table.items())
        self.functions.append(f"{types} = {{{pairs}}}")
        return self._function("object", [f"return {types}[value['__typename']](value, held)"])

    def _concrete(self, slots: tuple[Slot, ...], typename: str) -> str:
        lines: list[str] = self._reuse(slots) if self.alone else []
        pairs: list[str] = []
        for index, slot in enumerate(slots):
            guard = self.number(slot.guard)
            value = repr(typename) if slot.typename else f"v{index}"
            code = [] if slot.typename else self._field(slot, value)
            if guard < 0:
                lines += code
                pairs.append(f"{slot.key!r}: {value}")
                continue
            # A field that may be left out: the fields before it are collected first.
            if pairs != ["**done"]:
                lines.append(f"done = {{{', '.join(pairs)}}}")
            lines.append(f"if held[{guard}]:")
            lines += [f"    {line}" for line in [*code, f"done[{slot.key!r}] = {value}"]]
            pairs = ["**done"]
        if all(slot.typename for slot in slots):
            lines.insert(0, "value.get")  # nothing is read, but it has to be an object
        lines.append(f"return {{{', '.join(pairs)}}}")
        return self._function("object", lines)

    def _reuse(self, slots: tuple[Slot, ...]) -> list[str]:
        """Return code that reuses an object which holds just the selected leaves, in order."""
        if not slots or not all(
            slot.key == slot.source
            and not slot.typename
            and slot.child is None
            and slot.nullability.item is None
            and self.number(slot.guard) < 0
            for slot in slots
        ):
            return []
        names = [f"v{index}" for index in range(len(slots))]
        checks = [
            f"    if {unfinished}: break"
            for slot, name in zip(slots, names, strict=True)
            if (unfinished := self._unfinished(slot, name))
        ]
        return [
            f"while tuple(value) == {tuple(slot.key for slot in slots)!r}:",
            f"    {', '.join(names)}, = value.values()",
            *checks,
            "    return value",
        ]

    def _field(self, slot: Slot, name: str) -> list[str]:
        lines = [f"{name} = value.get({slot.source!r})"]
        listed, required = slot.nullability.item, slot.nullability.required
        if slot.child is None and listed is None:
            return lines + self._leaf(slot, name, required)
        inner = self._item(slot) if listed is None else self._list(listed, slot)
        call = f"{name} = {inner}({name}, held)"
        return [*lines, call if required else f"if {name} is not None: {call}"]

    def _item(self, slot: Slot) -> str:
        """Return the function for an entry of a slot's innermost list, or for the slot itself."""
        if slot.child is not None:
            return self.object(slot.child)
        return self._function("leaf", [*self._leaf(slot, "value", True), "return value"])

    def _list(self, item: Nullability, slot: Slot) -> str:
        inner = self._item(slot) if item.item is None else self._list(item.item, slot)
        call = f"{inner}(item, held)"
        entry = call if item.required else f"None if item is None else {call}"
        return self._function(
            "list",
            [
                "if type(value) is not list: raise UnexpectedValue",
                f"return [{entry} for item in value]",
            ],
        )

    def _leaf(self, slot: Slot, name: str, required: bool) -> list[str]:
        unfinished = self._unfinished(slot, name, required)
        if not unfinished:
            return []
        _, remedy = _LEAVES.get(slot.leaf_type or "", ("", "")) if slot.values is None else ("", "")
        return [
            f"if {unfinished}: {name} = {remedy}({name})"
            if remedy
            else f"if {unfinished}: raise UnexpectedValue"
        ]

    def _unfinished(self, slot: Slot, name: str, required: bool | None = None) -> str:
        """Return the condition under which a leaf is unfinished; empty if it never is."""
        required = slot.nullability.required if required is None else required
        null = "" if required else f" and {name} is not None"
        if slot.values is not None:
            values = self._name("values")
            self.space[values] = slot.values
            return f"{name} not in {values}{null}"
        if slot.leaf_type in _LEAVES:
            kind, _ = _LEAVES[slot.leaf_type]
            unfinished = f"type({name}) is not {kind}"
            if kind == "int":
                unfinished = f"({unfinished} or not {_SMALLEST} <= {name} <= {_LARGEST})"
            return f"{unfinished}{null}"
        return f"{name} is None" if required else ""

    def _function(self, kind: str, lines: list[str]) -> str:
        name = self._name(kind)
        body = "\n".join(f"    {line}" for line in lines)
        self.functions.append(f"def {name}(value, held):\n{body}")
        return name

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"


_SMALLEST, _LARGEST = -(2**31), 2**31 - 1


def _an_id(value: Any) -> str:
    if type(value) is int:
        return str(value)
    raise UnexpectedValue


def _a_float(value: Any) -> int:
    if type(value) is int:
        return value
    raise UnexpectedValue


_COERCE_NAMED: dict[str, Any] = {"an_id": _an_id, "a_float": _a_float}
_LEAVES: dict[str, tuple[str, str]] = {
    "String": ("str", ""),
    "Boolean": ("bool", ""),
    "Int": ("int", ""),
    "ID": ("str", "an_id"),
    "Float": ("float", "a_float"),
}
"""By built-in scalar: the type of a finished value, and the function that coerces another."""
