"""The contract between the sync engine and connectors, which know nothing else of each other.

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
    """The place to start reading at.

    `since` is the watermark of the last complete run, `None` on a full scan. `position` is the
    checkpoint inside this run, `None` at its start.
    """

    since: Json = None
    position: Json = None


@dataclass(frozen=True, slots=True)
class Page:
    """Raw records, and the position of the next page; `next` is `None` on the last page only."""

    records: tuple[dict[str, Any], ...]
    next: Json = None
    watermark: Json = None
    """The `since` of the next run as of this page; the engine stores it after a complete run."""
    total: int | None = None
    """The number of records the source announces, where it does."""
    source_time: datetime | None = None
    """The time by the source's own clock when the page was made."""


class Budget(Protocol):
    """The rate limit of a source, shared by all workers of one installation."""

    def spend(self) -> None:
        """Wait until one more call is allowed. Raises `Retry` when that takes too long."""

    def hold(self, seconds: float) -> None:
        """Stop all workers' calls for a while, because the source asked for it."""


@dataclass(slots=True)
class Access:
    """What a connector may use to reach its source."""

    credentials: Mapping[str, str]
    budget: Budget
    allow_private_hosts: bool = False
    spreadsheet_folder: str | None = None
    timeout: float = 30.0
    deadline: float = 60.0
    """The time one page may take with all its repetitions, in seconds."""
    calls: int = field(default=0)
    """The number of requests sent, counted by the connector's client."""
    retries: int = field(default=0)
    """The number of those that were repetitions."""


class Connector(Protocol):
    """A connector opened with its configuration, ready to read."""

    @property
    def spec(self) -> Spec:
        """Return the spec of the source."""

    def pages(self, access: Access, stream: Stream, since: Cursor) -> Iterator[Page]:
        """Yield pages from the cursor on; every `next` is a position to resume at."""

    def record(self, stream: Stream, raw: dict[str, Any]) -> SourceRecord:
        """Map a raw record, without side effects. Raises `Skip` when it cannot be mapped."""


class Kind(Protocol):
    """A kind of source that can be installed."""

    @property
    def id(self) -> str:
        """Return the id it is installed by."""

    @property
    def title(self) -> tuple[str, str]:
        """Return the display name in English and Chinese."""

    @property
    def description(self) -> tuple[str, str]:
        """Return a one-sentence description in English and Chinese."""

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Return the JSON Schema of its configuration."""

    @property
    def credentials(self) -> Mapping[str, Any]:
        """Return the JSON Schema of its credentials; every value is a secret text."""

    @property
    def example(self) -> Mapping[str, Any]:
        """Return a valid configuration, for documentation and for the contract tests."""

    def open(self, configuration: Mapping[str, Any]) -> Connector:
        """Return the connector of one installation. Raises `BadInput` with every problem."""
