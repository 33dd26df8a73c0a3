"""Every connector that is installed: packages in this folder, and entry points of others."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from integrations.contract import Kind

GROUP = "huichi.connectors"


@cache
def installed() -> dict[str, Kind]:
    """All kinds of connectors by their id."""
    ours = [
        import_module(f"{__name__}.{module.name}").connector
        for module in pkgutil.iter_modules(__path__)
        if module.ispkg
    ]
    theirs = [entry.load() for entry in entry_points(group=GROUP)]
    found: dict[str, Kind] = {}
    for kind in (*ours, *theirs):
        if kind.id in found:
            raise ValueError(f"two connectors call themselves {kind.id!r}")
        found[kind.id] = kind
    return dict(sorted(found.items()))
