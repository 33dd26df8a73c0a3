"""The register of connectors: packages in this folder, and entry points of other distributions."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from integrations.contract import Kind

GROUP = "huichi.connectors"


@cache
def installed() -> dict[str, Kind]:
    """Return all connector kinds by id. Raises `ValueError` for an id that is used twice."""
    packages = [
        import_module(f"{__name__}.{module.name}").connector
        for module in pkgutil.iter_modules(__path__)
        if module.ispkg
    ]
    plugins = [entry.load() for entry in entry_points(group=GROUP)]
    kinds: dict[str, Kind] = {}
    for kind in (*packages, *plugins):
        if kind.id in kinds:
            raise ValueError(f"two connectors have the id {kind.id!r}")
        kinds[kind.id] = kind
    return dict(sorted(kinds.items()))
