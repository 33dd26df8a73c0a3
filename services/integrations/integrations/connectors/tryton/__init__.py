"""The connector for Tryton 8, an ERP: its parties become customers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from integrations.connectors.tryton import client
from integrations.contract import Access, Connector, Cursor, Page, SourceRecord, Spec, Stream
from integrations.core.domain.validation import find_problems, raise_for_problems
from integrations.specs.domain import spec

CONFIGURATION: dict[str, Any] = {
    "type": "object",
    "required": ["url", "database"],
    "additionalProperties": False,
    "properties": {
        "url": {
            "type": "string",
            "pattern": "^https?://[^/?#@\\s]+/?$",
            "description": "the address of the server without a path, "
            "for example https://erp.example.com",
        },
        "database": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_.-]{1,63}$",
            "description": "the name of the database, for example production",
        },
        "page_size": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "description": "parties per page, 1–1000 (200 when omitted)",
        },
    },
}

CREDENTIALS: dict[str, Any] = {
    "type": "object",
    "required": ["username", "password"],
    "additionalProperties": False,
    "properties": {
        "username": {"type": "string", "minLength": 1, "description": "a Tryton user's login"},
        "password": {"type": "string", "minLength": 1, "description": "that user's password"},
    },
}


@cache
def _spec() -> Spec:
    text = resources.files(__name__).joinpath("spec.json").read_text("utf-8")
    return spec.read(json.loads(text))


@dataclass(frozen=True, slots=True)
class TrytonDatabase:
    """One Tryton database."""

    url: str
    database: str
    page_size: int

    @property
    def spec(self) -> Spec:
        """Return the spec of parties."""
        return _spec()

    def pages(self, access: Access, stream: Stream, since: Cursor) -> Iterator[Page]:
        """Yield the parties of the database."""
        return client.pages(
            access,
            stream,
            since,
            url=self.url,
            database=self.database,
            page_size=self.page_size,
        )

    def record(self, stream: Stream, raw: dict[str, Any]) -> SourceRecord:
        """Map a party by the spec's mapping."""
        return stream.mapping.record(raw)


class TrytonKind:
    """The kind of Tryton databases."""

    id = "tryton"
    title = ("Tryton ERP", "Tryton ERP 系统")
    description = (
        "Reads the parties of a Tryton 8 server with addresses, contacts and identifiers.",
        "读取 Tryton 8 中的往来单位及其地址、联系方式和标识。",
    )
    configuration = CONFIGURATION
    credentials = CREDENTIALS
    example: Mapping[str, Any] = {"url": "https://erp.example.com", "database": "production"}

    def open(self, configuration: Mapping[str, Any]) -> Connector:
        """Open a database by its configuration. Raises `BadInput`."""
        raise_for_problems(find_problems(CONFIGURATION, configuration), "configuration")
        return TrytonDatabase(
            url=configuration["url"].rstrip("/"),
            database=configuration["database"],
            page_size=configuration.get("page_size", 200),
        )


connector = TrytonKind()
