"""Many rows in one statement: they travel as one JSON value and PostgreSQL types them itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session


def insert(
    session: Session, table: str, rows: Sequence[Mapping[str, Any]], conflict: str = ""
) -> None:
    """Inserts rows that all have the same columns. Table and columns are names from our code."""
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
    """Updates rows by their `id`, setting every other column they carry and what `more` says."""
    if not rows:
        return
    given = ", ".join(f"{column} = given.{column}" for column in rows[0] if column != "id")
    sets = ", ".join(part for part in (given, more) if part)
    session.execute(
        text(
            f"UPDATE {table} SET {sets} "  # noqa: S608  # names from our code, values bound
            f"FROM jsonb_populate_recordset(NULL::{table}, CAST(:rows AS jsonb)) AS given "
            f"WHERE {table}.id = given.id"
        ),
        {"rows": orjson.dumps([dict(row) for row in rows]).decode()},
    )
