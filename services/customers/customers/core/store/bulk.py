"""Write many rows in one statement: they are sent as one JSON value, which PostgreSQL types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session


def insert(
    session: Session, table: str, rows: Sequence[Mapping[str, Any]], conflict: str = ""
) -> None:
    """Insert rows that all have the same columns; `conflict` is an ON CONFLICT clause.

    Table and columns are names from our code.
    """
    if not rows:
        return
    columns = ", ".join(rows[0])
    session.execute(
        text(
            f"INSERT INTO {table} ({columns}) SELECT {columns} "  # noqa: S608  # names from our code, values bound
            f"FROM jsonb_populate_recordset(NULL::{table}, CAST(:rows AS jsonb)) {conflict}"
        ),
        {"rows": orjson.dumps([dict(row) for row in rows]).decode()},
    )


def update(session: Session, table: str, rows: Sequence[Mapping[str, Any]], more: str = "") -> None:
    """Update rows by their `id`, setting their other columns and the assignments in `more`."""
    if not rows:
        return
    columns = ", ".join(f"{column} = given.{column}" for column in rows[0] if column != "id")
    sets = ", ".join(part for part in (columns, more) if part)
    session.execute(
        text(
            f"UPDATE {table} SET {sets} "  # noqa: S608  # names from our code, values bound
            f"FROM jsonb_populate_recordset(NULL::{table}, CAST(:rows AS jsonb)) AS given "
            f"WHERE {table}.id = given.id"
        ),
        {"rows": orjson.dumps([dict(row) for row in rows]).decode()},
    )
