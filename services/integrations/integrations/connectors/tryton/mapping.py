"""Convert Tryton's answers to plain JSON for the rules of the spec; pure.

Tryton answers nested fields under keys that end in a dot (`"addresses."`) and dates as objects
with a `__class__`. A contact mechanism that carries a person's name belongs to that person: all
mechanisms of one name are one contact.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def to_plain_json(value: Any) -> Any:
    """Return a value with Tryton's typed objects converted to JSON."""
    if isinstance(value, list):
        return [to_plain_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get("__class__"):
        case "datetime":
            return parse_datetime(value).isoformat()
        case "date":
            return f"{value['year']:04}-{value['month']:02}-{value['day']:02}"
        case "Decimal":
            return str(Decimal(value["decimal"]))
        case "bytes" | "bytearray":
            return None
        case _:
            return {name: to_plain_json(item) for name, item in value.items()}


def parse_datetime(value: dict[str, Any]) -> datetime:
    """Return the time of a typed object; Tryton's are UTC, to the microsecond."""
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    year, month, day, hour, minute, second, microsecond = (int(value[part]) for part in parts)
    return datetime(year, month, day, hour, minute, second, microsecond, UTC)


def tryton_datetime(moment: datetime) -> dict[str, Any]:
    """Return a time as a typed object of Tryton."""
    utc = moment.astimezone(UTC)
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime"} | {part: getattr(utc, part) for part in parts}


def to_raw_record(row: dict[str, Any]) -> dict[str, Any]:
    """Return a party as a raw record, with its people grouped from contact mechanisms."""
    values = to_plain_json(row)
    mechanisms = [
        mechanism for mechanism in values.pop("contact_mechanisms.") or () if mechanism["active"]
    ]
    identifiers = values.pop("identifiers.") or []
    addresses = values.pop("addresses.") or []
    categories = values.pop("categories.") or []
    return {
        "id": values["id"],
        "code": values["code"],
        "name": values["name"],
        "active": bool(values["active"]),
        "changed_at": _latest(values, *mechanisms, *identifiers, *addresses),
        "mechanisms": [
            {name: mechanism[name] for name in ("id", "type", "value", "name")}
            for mechanism in mechanisms
        ],
        "identifiers": [
            {name: identifier[name] for name in ("type", "code")} for identifier in identifiers
        ],
        "addresses": [
            {name: address[name] for name in ("street", "city", "full_address")}
            for address in addresses
        ],
        "categories": [category["name"] for category in categories],
        "people": _people(mechanisms),
    }


def _latest(*rows: dict[str, Any]) -> str | None:
    """Return the time of the last change of the party or of any of its parts."""
    stamps = [row.get("write_date") or row.get("create_date") for row in rows]
    return max((stamp for stamp in stamps if stamp), default=None)


def _people(mechanisms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    people: dict[str, dict[str, Any]] = {}
    for mechanism in sorted(mechanisms, key=lambda mechanism: int(mechanism["id"])):
        name = (mechanism["name"] or "").strip()
        if not name:
            continue
        person = people.setdefault(name, {"id": str(mechanism["id"]), "name": name})
        kind = "mobile" if mechanism["type"] in ("mobile", "phone") else mechanism["type"]
        if kind in ("mobile", "email"):
            person.setdefault(kind, mechanism["value"])
    return list(people.values())
