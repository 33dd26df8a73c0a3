"""A world: what the subgraphs of a benchmark declare and hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

LINK = (
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", '
    'import: ["@key", "@external", "@requires", "@provides", "@shareable"])\n'
)


@dataclass(frozen=True)
class World:
    """Subgraphs by name: their schemas, their root fields, their entities."""

    sdl: Mapping[str, str]
    root: Callable[[str], Object]
    """The root fields of a subgraph; a callable takes the field's arguments."""
    entity: Callable[[str, Object], Object | None]
    """The object that a subgraph finds for a representation."""

    @property
    def federated(self) -> Mapping[str, str]:
        """Return the schemas with the specification they link."""
        return {name: LINK + sdl for name, sdl in self.sdl.items()}
