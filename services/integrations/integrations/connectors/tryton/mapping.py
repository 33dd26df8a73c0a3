"""From Tryton's way of saying things to plain JSON that the spec's rules can look at; pure.

Tryton answers nested fields under keys that end in a point (`"addresses."`) and dates as objects
with a `__class__`. A contact mechanism that carries a person's name belongs to that person: all
mechanisms of one name are one contact.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def plain(said: Any) -> Any:
    """The same without Tryton's typed objects."""
    if isinstance(said, list):
        return [plain(item) for item in said]
    if not isinstance(said, dict):
        return said
    match said.get("__class__"):
        case "datetime":
            return moment(said).isoformat()
        case "date":
            return f"{said['year']:04}-{said['month']:02}-{said['day']:02}"
        case "Decimal":
            return str(Decimal(said["decimal"]))
        case "bytes" | "bytearray":
            return None
        case _:
            return {name: plain(value) for name, value in said.items()}


def moment(said: dict[str, Any]) -> datetime:
    """Tryton's clock is UTC, to the microsecond."""
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    year, month, day, hour, minute, second, microsecond = (int(said[part]) for part in parts)
    return datetime(year, month, day, hour, minute, second, microsecond, UTC)


def wire(when: datetime) -> dict[str, Any]:
    """A moment as Tryton reads it."""
    utc = when.astimezone(UTC)
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime"} | {part: getattr(utc, part) for part in parts}


def party(row: dict[str, Any]) -> dict[str, Any]:
    """One party as a plain record."""
    said = plain(row)
    mechanisms = [each for each in said.pop("contact_mechanisms.") or () if each["active"]]
    identifiers = said.pop("identifiers.") or []
    addresses = said.pop("addresses.") or []
    categories = said.pop("categories.") or []
    return {
        "id": said["id"],
        "code": said["code"],
        "name": said["name"],
        "active": bool(said["active"]),
        "changed_at": _latest(said, *mechanisms, *identifiers, *addresses),
        "mechanisms": [
            {name: each[name] for name in ("id", "type", "value", "name")} for each in mechanisms
        ],
        "identifiers": [{name: each[name] for name in ("type", "code")} for each in identifiers],
        "addresses": [
            {name: each[name] for name in ("street", "city", "full_address")} for each in addresses
        ],
        "categories": [each["name"] for each in categories],
        "people": _people(mechanisms),
    }


def _latest(*rows: dict[str, Any]) -> str | None:
    """The last change of the party or of anything that belongs to it."""
    stamps = [row.get("write_date") or row.get("create_date") for row in rows]
    return max((stamp for stamp in stamps if stamp), default=None)


def _people(mechanisms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    people: dict[str, dict[str, Any]] = {}
    for each in sorted(mechanisms, key=lambda mechanism: int(mechanism["id"])):
        name = (each["name"] or "").strip()
        if not name:
            continue
        person = people.setdefault(name, {"id": str(each["id"]), "name": name})
        kind = "mobile" if each["type"] in ("mobile", "phone") else each["type"]
        if kind in ("mobile", "email"):
            person.setdefault(kind, each["value"])
    return list(people.values())
