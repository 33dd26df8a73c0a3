"""What a connector is. The sync engine and every connector meet here and nowhere else.

A connector is a package under `connectors/` (or an entry point of the group
`huichi.connectors`) whose `connector` is a `Kind`. It knows neither the engine nor the database:
it yields pages and turns raw records into source records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from integrations.core.domain.failure import Expired, Failure, Fatal, Retry, Skip
from integrations.specs.domain.source_record import Contact, Kind as RecordKind, SourceRecord
from integrations.specs.domain.spec import CursorMode, CursorRule, Limit, Spec, Stream

__all__ = [
    "Access",
    "Budget",
    "Connector",
    "Contact",
    "Cursor",
    "CursorMode",
    "CursorRule",
    "Expired",
    "Failure",
    "Fatal",
    "Kind",
    "Limit",
    "Page",
    "RecordKind",
    "Retry",
    "Skip",
    "SourceRecord",
    "Spec",
    "Stream",
]

Json = Any


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading begins: `since` is the watermark of the last complete run (nothing on a full
    scan), `position` the checkpoint inside this run (nothing at its start)."""

    since: Json = None
    position: Json = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some raw records and where to go on. `next` is nothing on the last page only."""

    records: tuple[dict[str, Any], ...]
    next: Json = None
    watermark: Json = None
    """The `since` for the next run, as far as this page can tell; the engine keeps it only when
    the run is complete."""
    total: int | None = None
    """How many records the source says there are, when it says so."""
    source_time: datetime | None = None
    """The source's own clock when the page was made."""


class Budget(Protocol):
    """Permission to make one more call, shared by all workers of one installation."""

    def spend(self) -> None:
        """Wait for a free place; raises `Retry` when that would take too long."""

    def hold(self, seconds: float) -> None:
        """The source asked everybody to be quiet for a while."""


@dataclass(slots=True)
class Access:
    """What a connector may use to reach its source."""

    credentials: Mapping[str, str]
    budget: Budget
    allow_private_hosts: bool = False
    spreadsheet_folder: str | None = None
    timeout: float = 30.0
    deadline: float = 60.0
    """How long one page may take with all its repetitions, in seconds."""
    calls: int = field(default=0)
    """How many requests were sent, counted by the connector's client."""
    retries: int = field(default=0)
    """How many of them were repetitions."""


class Connector(Protocol):
    """A connector with its configuration: ready to read."""

    @property
    def spec(self) -> Spec:
        """What it reads."""

    def pages(self, access: Access, stream: Stream, since: Cursor) -> Iterator[Page]:
        """Pages from the cursor on. Every page's `next` is a position to resume from."""

    def record(self, stream: Stream, raw: dict[str, Any]) -> SourceRecord:
        """A raw record in our words; pure. May raise `Skip`."""


class Kind(Protocol):
    """A sort of connector that can be installed."""

    @property
    def id(self) -> str:
        """The name it is installed by."""

    @property
    def title(self) -> tuple[str, str]:
        """A name for people, in English and Chinese."""

    @property
    def description(self) -> tuple[str, str]:
        """One sentence for people, in English and Chinese."""

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The form of its configuration, as JSON Schema."""

    @property
    def credentials(self) -> Mapping[str, Any]:
        """The form of its credentials, as JSON Schema; every value is a text and a secret."""

    @property
    def example(self) -> Mapping[str, Any]:
        """A configuration that would do, for people and for the contract suite."""

    def open(self, configuration: Mapping[str, Any]) -> Connector:
        """The connector of one installation. Raises `BadInput` naming every problem."""
