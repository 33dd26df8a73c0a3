"""A record of an outside system as customer fields, its id and its fingerprint; pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

import orjson


class Kind(StrEnum):
    """The kind of customer a source record describes."""

    ORGANIZATION = "ORGANIZATION"
    PERSON = "PERSON"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at the customer, as the source describes them."""

    external_id: str
    name: str | None = None
    title: str | None = None
    mobile: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """The customer fields of one record of an outside system."""

    external_id: str
    kind: Kind
    fields: dict[str, str]
    contacts: tuple[Contact, ...] = ()
    tags: tuple[str, ...] = ()
    observed_at: datetime | None = None
    deleted: bool = False


def record_id(installation: UUID, stream: str, external_id: str) -> UUID:
    """Return the id of a source record (UUID version 5, RFC 9562).

    It follows from the record's identity, so a batch that is delivered again after a crash carries
    the same ids although nothing was written before.
    """
    return uuid5(installation, f"{stream}\x1f{external_id}")


def fingerprint(record: SourceRecord) -> bytes:
    """Return a SHA-256 over the fields of a record; equal fingerprints mean no change.

    The time of observation is left out: a source that touches every row each night has still
    changed nothing.
    """
    content = {
        "kind": record.kind.value,
        "fields": record.fields,
        "contacts": [
            [contact.external_id, contact.name, contact.title, contact.mobile, contact.email]
            for contact in record.contacts
        ],
        "tags": sorted(record.tags),
        "deleted": record.deleted,
    }
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


def payload_hash(raw: dict[str, Any]) -> bytes:
    """Return the SHA-256 of a record as it was received."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).digest()


def as_utc(moment: datetime) -> datetime:
    """Return a time in UTC; one without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
