"""A record as an outside system has it, in the words of the pool, and its fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

import orjson


class Kind(StrEnum):
    """What a source record describes."""

    ORGANIZATION = "ORGANIZATION"
    PERSON = "PERSON"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at the customer, as the source names them."""

    external_id: str
    name: str | None = None
    title: str | None = None
    mobile: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What one outside record says about one customer."""

    external_id: str
    kind: Kind
    fields: dict[str, str]
    contacts: tuple[Contact, ...] = ()
    tags: tuple[str, ...] = ()
    observed_at: datetime | None = None
    deleted: bool = field(default=False)


def record_id(installation: UUID, stream: str, external_id: str) -> UUID:
    """The id of a source record follows from what it is, so a batch that is delivered again after
    a crash carries the same ids without anything having been written before."""
    return uuid5(installation, f"{stream}\x1f{external_id}")


def fingerprint(record: SourceRecord) -> bytes:
    """Equal fingerprints mean there is nothing new to tell. The time of observation is left out:
    a source that touches every row each night has still changed nothing."""
    said = {
        "kind": record.kind.value,
        "fields": record.fields,
        "contacts": [[c.external_id, c.name, c.title, c.mobile, c.email] for c in record.contacts],
        "tags": sorted(record.tags),
        "deleted": record.deleted,
    }
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


def payload_hash(raw: dict[str, Any]) -> bytes:
    """The hash of a record exactly as it arrived."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).digest()


def as_utc(moment: datetime) -> datetime:
    """A moment without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
