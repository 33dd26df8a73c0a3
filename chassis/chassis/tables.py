"""The tables that every service's database has: outbox, inbox and idempotency keys."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB


def add_chassis_tables(metadata: MetaData) -> None:
    """Add the tables `outbox`, `inbox` and `idempotency_key` to a service's metadata."""
    outbox = Table(
        "outbox",
        metadata,
        Column("position", BigInteger, Identity(), primary_key=True),
        Column("id", Uuid, nullable=False, unique=True, server_default=text("uuidv7()")),
        Column("name", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("body", JSONB, nullable=False),
        Column("traceparent", Text),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("shipped_at", DateTime(timezone=True)),
    )
    Index(
        "outbox_waiting",
        outbox.c.position,
        postgresql_where=outbox.c.shipped_at.is_(None),
    )
    Index(
        "outbox_shipped",
        outbox.c.shipped_at,
        postgresql_where=outbox.c.shipped_at.is_not(None),
    )
    Table(
        "inbox",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("inbox_at", "at"),
    )
    Table(
        "idempotency_key",
        metadata,
        Column("actor", Uuid, primary_key=True),
        Column("command", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("request", Text, nullable=False),
        Column("answer", JSONB),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("idempotency_key_at", "at"),
    )
