"""Tryton 8, a real ERP: its parties flow in as customers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from integrations.connectors.tryton import client
from integrations.contract import Access, Connector, Cursor, Page, SourceRecord, Spec, Stream
from integrations.core.domain import validation as form
from integrations.specs.domain import spec

CONFIGURATION: dict[str, Any] = {
    "type": "object",
    "required": ["url", "database"],
    "additionalProperties": False,
    "properties": {
        "url": {
            "type": "string",
            "pattern": "^https?://[^/?#@\\s]+/?$",
            "description": "the address of the server without a path, for example https://erp.example.com",
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
            "description": "parties a page, 1–1000 (200 when not given)",
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
class Connected:
    """One Tryton database."""

    url: str
    database: str
    page_size: int

    @property
    def spec(self) -> Spec:
        return _spec()

    def pages(self, access: Access, stream: Stream, since: Cursor) -> Iterator[Page]:
        return client.pages(
            access,
            stream,
            since,
            url=self.url,
            database=self.database,
            page_size=self.page_size,
        )

    def record(self, stream: Stream, raw: dict[str, Any]) -> SourceRecord:
        return stream.mapping.record(raw)


class TrytonKind:
    """Installs a Tryton database."""

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
        form.refuse(form.problems(CONFIGURATION, configuration), "configuration")
        return Connected(
            url=configuration["url"].rstrip("/"),
            database=configuration["database"],
            page_size=configuration.get("page_size", 200),
        )


connector = TrytonKind()
