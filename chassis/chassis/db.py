"""Access to a service's database through `read` and `write` only; a write is one transaction.

No other code commits. Queries and commands are plain functions on a `Session`: coroutines reach
them through `AsyncSession.run_sync`, workers call them directly.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from sqlalchemy import ARRAY, URL, ColumnElement, any_, bindparam, create_engine, make_url
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

# A generic plan made for one user's scope cost 36 times the right one for the next user.
_OPTIONS = "-c plan_cache_mode=force_custom_plan -c timezone=UTC -c statement_timeout={timeout}"


def driver_url(url: str) -> URL:
    """Return the URL with psycopg 3 as its driver, whatever it names."""
    return make_url(url).set(drivername="postgresql+psycopg")


def _arguments(application: str, timeout_ms: int) -> dict[str, object]:
    return {
        "application_name": application,
        "options": _OPTIONS.format(timeout=timeout_ms),
        "connect_timeout": 5,
    }


async def connect(conninfo: str = "", **options: Any) -> psycopg.AsyncConnection[Any]:
    """Connect as `psycopg.AsyncConnection.connect` does; a cancellation closes what was begun.

    The driver would leave the connection half open. The server waits a minute for the password of
    such a connection, and drops no database meanwhile.
    """
    connecting = asyncio.ensure_future(psycopg.AsyncConnection.connect(conninfo, **options))
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        with contextlib.suppress(psycopg.Error, OSError):
            await (await connecting).close()
        raise


class Database:
    """The database as coroutines use it."""

    def __init__(
        self,
        url: str,
        *,
        application: str,
        pool_size: int = 5,
        timeout_ms: int = 30_000,
    ) -> None:
        self.engine: AsyncEngine = create_async_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_pre_ping=True,
            connect_args={**_arguments(application, timeout_ms), "async_creator_fn": connect},
        )

    async def read(
        self,
        query: Callable[Concatenate[Session, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a query in a read-only transaction of its own."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            await session.connection(execution_options={"postgresql_readonly": True})
            return await session.run_sync(lambda sync_session: query(sync_session, *args, **kwargs))

    async def write(
        self,
        command: Callable[Concatenate[Session, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a command as one transaction: all of it, or nothing."""
        async with (
            AsyncSession(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            return await session.run_sync(
                lambda sync_session: command(sync_session, *args, **kwargs)
            )

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


class SyncDatabase:
    """The database as a worker's thread uses it."""

    def __init__(
        self,
        url: str,
        *,
        application: str,
        pool_size: int = 5,
        timeout_ms: int = 60_000,
    ) -> None:
        self.engine: Engine = create_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_pre_ping=True,
            connect_args=_arguments(application, timeout_ms),
        )
        self._looks: Engine = create_engine(
            driver_url(url),
            pool_size=1,
            isolation_level="AUTOCOMMIT",
            connect_args=_arguments(f"{application}-looks", timeout_ms),
        )

    def read(
        self,
        query: Callable[Concatenate[Session, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a query in a read-only transaction of its own."""
        with Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"postgresql_readonly": True})
            return query(session, *args, **kwargs)

    def write(
        self,
        command: Callable[Concatenate[Session, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a command as one transaction: all of it, or nothing."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            return command(session, *args, **kwargs)

    def look(self, query: Callable[[Session], T]) -> T:
        """Run one statement outside a transaction, on a connection kept for such looks.

        For a question that is asked every second of every day: a transaction and a test of the
        connection would cost three more round trips. A connection that broke raises once.
        """
        with Session(self._looks) as session:
            return query(session)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self._looks.dispose()


def among(column: ColumnElement[T], values: Iterable[T]) -> ColumnElement[bool]:
    """Test a column against a list sent as one array parameter.

    The statement stays the same however long the list is, so PostgreSQL and SQLAlchemy each keep
    one text for it.
    """
    return column == any_(bindparam(None, list(values), type_=ARRAY(column.type)))


def in_order(ids: Sequence[K], rows: Iterable[T], key: Callable[[T], K]) -> list[T | None]:
    """Return rows in the order of the requested ids, `None` for a gap."""
    rows_by_id = {key(row): row for row in rows}
    return [rows_by_id.get(id) for id in ids]
