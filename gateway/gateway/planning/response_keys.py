"""Keeps every response key of the merged tree unambiguous.

Three things would break if keys were used as they come: a key that the client uses for another
field, a key whose field means different things for two runtime types, and a subgraph that refuses
one key with two types (`ID` and `ID!`) in one selection. Each gets a key of our own instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.operation import Field

JsonPath = tuple[str, ...]
_Selected = tuple[str, str, str]  # response key, field name, arguments


@dataclass(slots=True)
class _Reservation:
    """One key of the merged tree, reserved for a field of some runtime types."""

    types: frozenset[str]
    selected: _Selected
    source: str
    signatures: dict[str, str] = field(default_factory=dict)  # subgraph → type of the value


@dataclass(slots=True)
class _Reservations:
    """The reserved keys of one object position."""

    by_selected: dict[_Selected, list[_Reservation]] = field(default_factory=dict)
    by_source: dict[str, list[_Reservation]] = field(default_factory=dict)

    def add(self, reservation: _Reservation) -> None:
        """Add a reservation to both indexes."""
        self.by_selected.setdefault(reservation.selected, []).append(reservation)
        self.by_source.setdefault(reservation.source, []).append(reservation)


class ResponseKeys:
    """Reserve the keys of the merged tree."""

    def __init__(self) -> None:
        self._positions: dict[JsonPath, _Reservations] = {}
        self.aliases: dict[str, str] = {}

    def reserve(
        self, path: JsonPath, types: frozenset[str], item: Field, graph: str, signature: str
    ) -> str:
        """Return the key under which the field is stored in the merged tree."""
        selected = (item.key, item.name, item.arguments)
        reservations = self._positions.setdefault(path, _Reservations())
        for reservation in reservations.by_selected.get(selected, ()):
            if reservation.types & types:
                reservation.types |= types
                reservation.signatures.setdefault(graph, signature)
                return reservation.source
        source = item.key
        while any(
            _clash(reservation, types, selected, graph, signature)
            for reservation in reservations.by_source.get(source, ())
        ):
            source = f"_{source}"
        if source != item.key:
            self.aliases[source] = item.key
        reservations.add(_Reservation(types, selected, source, {graph: signature}))
        return source

    def source(self, path: JsonPath, type_name: str, item: Field) -> str:
        """Return the key that was reserved for a field of a type; else its response key."""
        selected = (item.key, item.name, item.arguments)
        reservations = self._positions.get(path)
        if reservations is not None:
            for reservation in reservations.by_selected.get(selected, ()):
                if type_name in reservation.types:
                    return reservation.source
        return item.key


def _clash(
    reservation: _Reservation,
    types: frozenset[str],
    selected: _Selected,
    graph: str,
    signature: str,
) -> bool:
    if reservation.types & types:
        return reservation.selected[1:] != selected[1:]
    return reservation.signatures.get(graph, signature) != signature
