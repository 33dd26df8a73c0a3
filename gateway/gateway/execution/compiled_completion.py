"""The short way to the client's answer: Python written for one plan's shape, for answers with nothing wrong in them.

The idea: nearly every answer is sound, and then completing it means copying known keys. So each object of
the shape becomes a function that is exactly this,

    def object1(value, wanted):
        v0 = value.get('id')
        if type(v0) is not str: v0 = an_id(v0)
        v1 = value.get('reviews')
        if v1 is not None: v1 = list2(v1, wanted)
        return {'id': v0, 'reviews': v1}

with no trail of where it is, no table of fields, no report of faults. Where one subgraph answers alone, its
objects often are what the client asked for already: they are looked at and handed on, not copied (`_handed_on`),
which spares a large answer a tenth of its time. Whatever it did not expect raises
something, and the answer is completed again the long way (`completion`), which knows what to say and where
null goes. So there is one place that decides what is wrong; this one only has to notice that something is.
"""

from collections.abc import Callable
from typing import Any

from gateway.execution.tree import Object
from gateway.plan import Guard, Nullability, Shape, Slot

Short = Callable[[Object, list[bool]], Object]


class Surprise(Exception):
    """The long way has to look at this."""


SURPRISES = (Surprise, AttributeError, KeyError, TypeError)
"""What generated code raises: `None.get`, an unknown type's name, a list where a name should be."""


def shortcut(shape: Shape, number: Callable[[Guard], int], *, alone: bool = False) -> Short:
    """Compile a shape; `number` says where `wanted` holds a guard's verdict, -1 for always.

    `alone` says that the tree is the answer of one subgraph, which nobody else merges into.
    """
    writer = _Writer(number, alone=alone)
    name = writer.object(shape)
    exec(compile(writer.text(), "<shape>", "exec"), writer.space)  # noqa: S102  names and literals only, written below
    complete: Short = writer.space[name]
    return complete


def print_shortcut(shape: Shape, *, alone: bool = False) -> str:
    """The generated text, for tests and curious people."""
    writer = _Writer(lambda guard: 0 if guard else -1, alone=alone)
    writer.object(shape)
    return writer.text()


class _Writer:
    """Writes one function for each object and list of a shape."""

    def __init__(self, number: Callable[[Guard], int], *, alone: bool) -> None:
        self.number = number
        self.alone = alone
        self.functions: list[str] = []
        self.space: dict[str, Any] = {"Surprise": Surprise, **_COERCE_NAMED}
        self._known: dict[int, str] = {}
        self._count = 0

    def text(self) -> str:
        return "\n".join(self.functions)

    def object(self, shape: Shape) -> str:
        """The name of the function for this shape; shapes shared by identity share it."""
        if id(shape) not in self._known:
            self._known[id(shape)] = (
                self._concrete(shape.slots, shape.only_type)
                if shape.only_type
                else self._abstract(shape)
            )
        return self._known[id(shape)]

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
        return self._function("object", [f"return {types}[value['__typename']](value, wanted)"])

    def _concrete(self, slots: tuple[Slot, ...], typename: str) -> str:
        lines: list[str] = self._handed_on(slots) if self.alone else []
        pairs: list[str] = []
        for index, slot in enumerate(slots):
            guard = self.number(slot.guard)
            value = repr(typename) if slot.typename else f"v{index}"
            code = [] if slot.typename else self._field(slot, value)
            if guard < 0:
                lines += code
                pairs.append(f"{slot.key!r}: {value}")
                continue
            # A field that may be left out: what stands before it is written down first.
            if pairs != ["**done"]:
                lines.append(f"done = {{{', '.join(pairs)}}}")
            lines.append(f"if wanted[{guard}]:")
            lines += [f"    {line}" for line in [*code, f"done[{slot.key!r}] = {value}"]]
            pairs = ["**done"]
        if all(slot.typename for slot in slots):
            lines.insert(0, "value.get")  # nothing is read, but it has to be an object
        lines.append(f"return {{{', '.join(pairs)}}}")
        return self._function("object", lines)

    def _handed_on(self, slots: tuple[Slot, ...]) -> list[str]:
        """An object of sound leaves, just those that are asked for, in the order of the question."""
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
            f"    if {odd}: break"
            for slot, name in zip(slots, names, strict=True)
            if (odd := self._odd(slot, name))
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
        call = f"{name} = {inner}({name}, wanted)"
        return [*lines, call if required else f"if {name} is not None: {call}"]

    def _item(self, slot: Slot) -> str:
        """The function for what stands in a slot's innermost list, or in the slot itself."""
        if slot.child is not None:
            return self.object(slot.child)
        return self._function("leaf", [*self._leaf(slot, "value", True), "return value"])

    def _list(self, item: Nullability, slot: Slot) -> str:
        inner = self._item(slot) if item.item is None else self._list(item.item, slot)
        each = f"{inner}(item, wanted)"
        kept = each if item.required else f"None if item is None else {each}"
        return self._function(
            "list",
            ["if type(value) is not list: raise Surprise", f"return [{kept} for item in value]"],
        )

    def _leaf(self, slot: Slot, name: str, required: bool) -> list[str]:
        odd = self._odd(slot, name, required)
        if not odd:
            return []
        _, remedy = _LEAVES.get(slot.leaf_type or "", ("", "")) if slot.values is None else ("", "")
        return [f"if {odd}: {name} = {remedy}({name})" if remedy else f"if {odd}: raise Surprise"]

    def _odd(self, slot: Slot, name: str, required: bool | None = None) -> str:
        """The condition under which a leaf is not finished as it is; nothing if it always is."""
        required = slot.nullability.required if required is None else required
        null = "" if required else f" and {name} is not None"
        if slot.values is not None:
            values = self._name("values")
            self.space[values] = slot.values
            return f"{name} not in {values}{null}"
        if slot.leaf_type in _LEAVES:
            kind, _ = _LEAVES[slot.leaf_type]
            odd = f"type({name}) is not {kind}"
            if kind == "int":
                odd = f"({odd} or not {_SMALLEST} <= {name} <= {_LARGEST})"
            return f"{odd}{null}"
        return f"{name} is None" if required else ""

    def _function(self, kind: str, lines: list[str]) -> str:
        name = self._name(kind)
        body = "\n".join(f"    {line}" for line in lines)
        self.functions.append(f"def {name}(value, wanted):\n{body}")
        return name

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"


_SMALLEST, _LARGEST = -(2**31), 2**31 - 1


def _an_id(value: Any) -> str:
    if type(value) is int:
        return str(value)
    raise Surprise


def _a_float(value: Any) -> int:
    if type(value) is int:
        return value
    raise Surprise


_COERCE_NAMED: dict[str, Any] = {"an_id": _an_id, "a_float": _a_float}
_LEAVES: dict[str, tuple[str, str]] = {
    "String": ("str", ""),
    "Boolean": ("bool", ""),
    "Int": ("int", ""),
    "ID": ("str", "an_id"),
    "Float": ("float", "a_float"),
}
"""By built-in scalar: the type of a finished value, and what is tried with another."""
