"""From rows of cells to raw records: rows with one key are one customer with several people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chassis.spreadsheet.cells import LostDigits

_SEPARATORS = re.compile(r"[,，;；、|]")


def records(
    rows: Iterable[tuple[int, Mapping[str, str]]], configuration: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One record for each key, in the order of the first row that has it. The first row says the
    fields, and a later one fills what the first left empty."""
    found: dict[str, dict[str, Any]] = {}
    for number, cells in rows:
        key = _key(cells, configuration["key"])
        # A row without a key cannot be joined to another; the mapping will leave it aside.
        place = key or f"row {number}"
        record = found.setdefault(
            place, {"row": number, "key": key, "cells": {}, "lost": [], "people": [], "tags": []}
        )
        _add(record, cells, configuration)
    return list(found.values())


def _add(
    record: dict[str, Any], cells: Mapping[str, str], configuration: Mapping[str, Any]
) -> None:
    for header, text in cells.items():
        if isinstance(text, LostDigits):
            record["lost"].append(header)
        elif header not in record["cells"]:
            record["cells"][header] = str(text)
    person = _person(cells, configuration.get("contact", {}))
    if person and person["id"] not in {each["id"] for each in record["people"]}:
        record["people"].append(person)
    if "tags" in configuration:
        said = _SEPARATORS.split(cells.get(configuration["tags"], ""))
        record["tags"] += [tag.strip() for tag in said if tag.strip()]


def _key(cells: Mapping[str, str], headers: Sequence[str]) -> str | None:
    parts = [cells.get(header, "") for header in headers]
    if any(isinstance(part, LostDigits) for part in parts) or not any(parts):
        return None
    return " / ".join(str(part) for part in parts)


def _person(cells: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str] | None:
    said = {
        name: str(cells[header])
        for name, header in columns.items()
        if header in cells and not isinstance(cells[header], LostDigits)
    }
    if not said:
        return None
    who = said.get("name") or said.get("mobile") or said.get("email") or said.get("title") or ""
    return {"id": hashlib.sha256(who.encode()).hexdigest()[:16]} | said
