"""Store the newest spans in PostgreSQL: written by COPY, read by trace, dropped by segment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb, set_json_dumps
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import Database
from onebox.traces.otlp import Span

SEGMENT_ROWS = 25_000
SEGMENT_SECONDS = 86_400
SEGMENTS = 8
_COLUMNS = (
    "segment, trace_id, span_id, parent_id, service, name, kind, start_ns, end_ns, error,"
    " message, attributes, events, links"
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS segment (
    number int PRIMARY KEY,
    opened timestamptz NOT NULL DEFAULT now(),
    rows int NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS trace (
    trace_id bytea PRIMARY KEY,
    segment int NOT NULL,           -- the last one that got a span of it
    start_ns bigint NOT NULL,
    end_ns bigint NOT NULL,
    name text,                      -- of the root, once that has arrived
    service text,
    error boolean NOT NULL,
    services text[] NOT NULL,
    linked bytea[] NOT NULL         -- traces its spans link to
);
CREATE INDEX IF NOT EXISTS trace_newest ON trace (start_ns DESC, trace_id DESC);
CREATE INDEX IF NOT EXISTS trace_linked ON trace USING gin (linked);
CREATE TABLE IF NOT EXISTS span (
    segment int NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    parent_id bytea,
    service text NOT NULL,
    name text NOT NULL,
    kind smallint NOT NULL,
    start_ns bigint NOT NULL,
    end_ns bigint NOT NULL,
    error boolean NOT NULL,
    message text NOT NULL,
    attributes jsonb NOT NULL,
    events jsonb NOT NULL,
    links jsonb NOT NULL
) PARTITION BY LIST (segment);
CREATE INDEX IF NOT EXISTS span_of_trace ON span (trace_id);
"""


@dataclass(frozen=True)
class TraceFilter:
    """The conditions of the list of traces; `before` is the position of the page."""

    service: str = ""
    name: str = ""
    errors: bool = False
    min_ms: float = 0.0
    before: tuple[int, bytes] | None = None


class Store:
    """The spans of one run of Huichi."""

    def __init__(self, url: str) -> None:
        self._db = Database(url, application="traces", pool_size=2)
        # One writer at a time: segments rotate without races, and upserts never deadlock.
        self._writing = asyncio.Lock()
        self._ready = False

    async def close(self) -> None:
        """Close the connections."""
        await self._db.close()

    async def prepare(self) -> None:
        """Create the tables where they are missing."""
        async with self._connection() as connection:
            await connection.execute(SCHEMA)
        self._ready = True

    async def ping(self) -> bool:
        """Return whether spans can be stored now."""
        async with self._connection() as connection:
            await connection.execute("SELECT 1")
        return self._ready

    async def add(self, spans: Sequence[Span]) -> None:
        """Store spans; a batch that is sent again is shown once."""
        async with self._writing, self._connection() as connection:
            segment = await _segment(connection, len(spans))
            await _copy(connection, segment, spans)
            await _summarise(connection, segment, spans)

    async def traces(self, trace_filter: TraceFilter, limit: int) -> list[dict[str, Any]]:
        """Return the newest traces that match a filter."""
        async with self._connection() as connection:
            return await _rows(connection, *_list_query(trace_filter, limit))

    async def services(self) -> list[str]:
        """Return the names of the services in the newest 2000 traces."""
        query = (
            "SELECT DISTINCT unnest(services) AS name FROM"
            " (SELECT services FROM trace ORDER BY start_ns DESC LIMIT 2000) newest ORDER BY 1"
        )
        async with self._connection() as connection:
            return [row["name"] for row in await _rows(connection, query, {})]

    async def spans(self, trace_id: bytes, limit: int) -> list[dict[str, Any]]:
        """Return the spans of a trace by start time, each once."""
        query = (
            "SELECT * FROM (SELECT DISTINCT ON (span_id) * FROM span WHERE trace_id = %(id)s)"
            " distinct_span ORDER BY start_ns, end_ns DESC LIMIT %(limit)s"
        )
        async with self._connection() as connection:
            return await _rows(connection, query, {"id": trace_id, "limit": limit})

    async def linking(self, trace_id: bytes) -> list[dict[str, Any]]:
        """Return the traces whose spans link to this one."""
        query = (
            "SELECT trace_id, name, service, start_ns FROM trace WHERE linked @> ARRAY[%(id)s]"
            " ORDER BY start_ns LIMIT 50"
        )
        async with self._connection() as connection:
            return await _rows(connection, query, {"id": trace_id})

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Yield the driver's connection in a transaction, for COPY, from SQLAlchemy's pool."""
        async with self._db.engine.begin() as connection:
            yield await _driver(connection)


async def _driver(connection: AsyncConnection) -> psycopg.AsyncConnection[Any]:
    raw = await connection.get_raw_connection()
    # The driver is psycopg.
    driver: psycopg.AsyncConnection[Any] = raw.driver_connection  # type: ignore[assignment]
    return driver


async def _rows(
    connection: psycopg.AsyncConnection[Any], query: str, values: dict[str, Any]
) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.encode(), values)
        return await cursor.fetchall()


async def _segment(connection: psycopg.AsyncConnection[Any], rows: int) -> int:
    """Return the segment to write to; a full or old one is followed by a new one."""
    segments = await _rows(
        connection,
        "SELECT number, rows, extract(epoch FROM now() - opened)::float AS age"
        " FROM segment ORDER BY number DESC LIMIT 1",
        {},
    )
    none_yet = {"number": 0, "rows": SEGMENT_ROWS, "age": 0.0}
    current: dict[str, Any] = segments[0] if segments else none_yet
    number: int = current["number"]
    if current["rows"] >= SEGMENT_ROWS or current["age"] > SEGMENT_SECONDS:
        number += 1
        await connection.execute("INSERT INTO segment (number) VALUES (%s)", [number])
        await connection.execute(
            f"CREATE TABLE span_{number} PARTITION OF span FOR VALUES IN ({number})".encode()
        )
        await _drop_segments(connection, number - SEGMENTS)
    await connection.execute(
        "UPDATE segment SET rows = rows + %s WHERE number = %s", [rows, number]
    )
    return number


async def _drop_segments(connection: psycopg.AsyncConnection[Any], last: int) -> None:
    old = await _rows(
        connection, "SELECT number FROM segment WHERE number <= %(last)s", {"last": last}
    )
    for row in old:
        await connection.execute(f"DROP TABLE IF EXISTS span_{row['number']}".encode())
    await connection.execute("DELETE FROM segment WHERE number <= %s", [last])
    await connection.execute("DELETE FROM trace WHERE segment <= %s", [last])


async def _copy(
    connection: psycopg.AsyncConnection[Any], segment: int, spans: Sequence[Span]
) -> None:
    set_json_dumps(orjson.dumps, connection)
    async with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY span ({_COLUMNS}) FROM STDIN".encode()) as copy,
    ):
        for span in spans:
            links = [[link.trace_id.hex(), link.span_id.hex()] for link in span.links]
            await copy.write_row(
                (
                    *(segment, span.trace_id, span.span_id, span.parent_id, span.service),
                    *(span.name, span.kind, span.start_ns, span.end_ns, span.error, span.message),
                    *(Jsonb(span.attributes), Jsonb(span.events), Jsonb(links)),
                )
            )


_SUMMARY = b"""
INSERT INTO trace AS old
    (trace_id, segment, start_ns, end_ns, name, service, error, services, linked)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (trace_id) DO UPDATE SET
    segment = excluded.segment,
    start_ns = least(old.start_ns, excluded.start_ns),
    end_ns = greatest(old.end_ns, excluded.end_ns),
    name = coalesce(old.name, excluded.name),
    service = coalesce(old.service, excluded.service),
    error = old.error OR excluded.error,
    services = ARRAY(SELECT DISTINCT unnest(old.services || excluded.services) ORDER BY 1),
    linked = ARRAY(SELECT DISTINCT unnest(old.linked || excluded.linked))
"""


async def _summarise(
    connection: psycopg.AsyncConnection[Any], segment: int, spans: Sequence[Span]
) -> None:
    spans_by_trace: dict[bytes, list[Span]] = {}
    for span in spans:
        spans_by_trace.setdefault(span.trace_id, []).append(span)
    rows = [_summary(trace_id, segment, spans) for trace_id, spans in spans_by_trace.items()]
    async with connection.cursor() as cursor:
        await cursor.executemany(_SUMMARY, rows)


def _summary(trace_id: bytes, segment: int, spans: Sequence[Span]) -> tuple[Any, ...]:
    root = next((span for span in spans if span.parent_id is None), None)
    linked = {link.trace_id for span in spans for link in span.links} - {trace_id}
    return (
        *(trace_id, segment),
        *(min(span.start_ns for span in spans), max(span.end_ns for span in spans)),
        *(root and trace_title(root.name, root.attributes), root and root.service),
        any(span.error for span in spans),
        sorted({span.service for span in spans}),
        sorted(linked),
    )


def trace_title(name: str, attributes: Mapping[str, Any]) -> str:
    """Return the title of a trace: the name of its root span, and of its GraphQL operation."""
    # The semantic conventions keep operation names out of span names, to limit their number.
    operation = attributes.get("graphql.operation.name")
    return f"{name} {operation}" if operation else name


def _list_query(trace_filter: TraceFilter, limit: int) -> tuple[str, dict[str, Any]]:
    conditions = {
        "%(service)s = ANY(services)": trace_filter.service,
        "name ILIKE %(name)s": trace_filter.name,
        "error": trace_filter.errors,
        "end_ns - start_ns >= %(min_ns)s": trace_filter.min_ms,
        "(start_ns, trace_id) < (%(start_ns)s, %(trace_id)s)": trace_filter.before,
    }
    where = " AND ".join(text for text, value in conditions.items() if value) or "true"
    start_ns, trace_id = trace_filter.before or (0, b"")
    query = (
        f"SELECT page.*, (SELECT count(DISTINCT span_id) FROM span WHERE span.trace_id ="  # noqa: S608  # constant texts
        f" page.trace_id) AS spans FROM (SELECT * FROM trace WHERE {where}"
        " ORDER BY start_ns DESC, trace_id DESC LIMIT %(limit)s) page"
        " ORDER BY start_ns DESC, trace_id DESC"
    )
    escaped = trace_filter.name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return query, {
        "service": trace_filter.service,
        "name": f"%{escaped}%",
        "min_ns": int(trace_filter.min_ms * 1_000_000),
        "start_ns": start_ns,
        "trace_id": trace_id,
        "limit": limit,
    }
