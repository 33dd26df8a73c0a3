"""Group rows of cells to raw records: rows with the same key are one customer; pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chassis.spreadsheet.cells import LostDigits

_SEPARATORS = re.compile(r"[,，;；、|]")
# A person is identified by the first of these columns that has a value.
_IDENTITY = ("name", "mobile", "email", "title")


def group_rows(
    rows: Iterable[tuple[int, Mapping[str, str]]], configuration: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return one record for each key, in the order of its first row.

    The first row gives the fields, a later one fills those the first left empty; each row may add
    a person and tags. Records have the keys `row`, `key`, `cells`, `lost`, `people` and `tags`.
    """
    records: dict[str, dict[str, Any]] = {}
    for number, cells in rows:
        key = _key(cells, configuration["key"])
        # A row without a key cannot be joined to another; the mapping rejects it.
        group = key or f"row {number}"
        record = records.setdefault(
            group, {"row": number, "key": key, "cells": {}, "lost": [], "people": [], "tags": []}
        )
        _add(record, cells, configuration)
    return list(records.values())


def _add(
    record: dict[str, Any], cells: Mapping[str, str], configuration: Mapping[str, Any]
) -> None:
    for header, text in cells.items():
        if isinstance(text, LostDigits):
            record["lost"].append(header)
        elif header not in record["cells"]:
            record["cells"][header] = str(text)
    person = _person(cells, configuration.get("contact", {}))
    if person and person["id"] not in {other["id"] for other in record["people"]}:
        record["people"].append(person)
    if "tags" in configuration:
        tags = _SEPARATORS.split(cells.get(configuration["tags"], ""))
        record["tags"] += [tag.strip() for tag in tags if tag.strip()]


def _key(cells: Mapping[str, str], headers: Sequence[str]) -> str | None:
    parts = [cells.get(header, "") for header in headers]
    if any(isinstance(part, LostDigits) for part in parts) or not any(parts):
        return None
    return " / ".join(str(part) for part in parts)


def _person(cells: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str] | None:
    person = {
        name: str(cells[header])
        for name, header in columns.items()
        if header in cells and not isinstance(cells[header], LostDigits)
    }
    if not person:
        return None
    identity = next((person[name] for name in _IDENTITY if person.get(name)), "")
    return {"id": hashlib.sha256(identity.encode()).hexdigest()[:16]} | person
