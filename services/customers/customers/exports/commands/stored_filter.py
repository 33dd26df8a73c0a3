"""The filter of an export as JSON that is stored with it, and back as a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from customers.pool.store.customer_search import Search

_ID_LISTS = ("owners", "departments", "projects", "tags", "ids")


def filter_of(search: Search) -> dict[str, Any]:
    """Return a search as JSON, without the conditions that are not set."""
    filter: dict[str, Any] = {}
    for name, value in asdict(search).items():
        if isinstance(value, datetime):
            filter[name] = value.isoformat()
        elif isinstance(value, (list, tuple)):
            if value:
                filter[name] = [str(item) for item in value]
        elif value is not None:
            filter[name] = value
    return filter


def search_of(filter: Mapping[str, Any]) -> Search:
    """Return the search that a stored filter stands for."""
    conditions = dict(filter)
    for name in _ID_LISTS:
        if name in conditions:
            conditions[name] = [UUID(id) for id in conditions[name]]
    if "updated_after" in conditions:
        conditions["updated_after"] = datetime.fromisoformat(conditions["updated_after"])
    return Search(**conditions)
