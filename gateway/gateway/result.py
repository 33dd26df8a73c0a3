"""One GraphQL response, before it is written as bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PathSegment = str | int


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of `errors`: the problem, and its place in the client's response."""

    message: str
    path: tuple[PathSegment, ...] | None = None
    code: str | None = None
    locations: tuple[tuple[int, int], ...] = ()  # (line, column) in the client's document
    extensions: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the fault as the GraphQL specification writes errors."""
        out: dict[str, Any] = {"message": self.message}
        if self.locations:
            out["locations"] = [{"line": line, "column": column} for line, column in self.locations]
        if self.path is not None:
            out["path"] = list(self.path)
        extensions = {**self.extensions, **({"code": self.code} if self.code else {})}
        if extensions:
            out["extensions"] = extensions
        return out


@dataclass(frozen=True, slots=True)
class Response:
    """Data in the shape that the client selected, the faults met on the way, and extensions."""

    data: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()
    extensions: dict[str, Any] = field(default_factory=dict)
    executed: bool = True  # False: refused before execution, so `data` is left out

    def to_json(self) -> dict[str, Any]:
        """Return the response as the GraphQL specification writes it."""
        out: dict[str, Any] = {}
        if self.faults:
            out["errors"] = [fault.to_json() for fault in self.faults]
        if self.executed:
            out["data"] = self.data
        if self.extensions:
            out["extensions"] = self.extensions
        return out
