"""A fact leaves with its transaction: `record` writes a row, the relay ships it afterwards."""

from __future__ import annotations

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.facts.types import Fact

CHANNEL = "outbox"


def stream_of(service: str) -> str:
    """Return the name of the stream that the facts of a service travel on."""
    return f"facts:{service}"


_INSERT = text(
    # One notice per transaction: PostgreSQL merges equal notices.
    "WITH inserted AS (INSERT INTO outbox (name, subject, body, traceparent) "
    "VALUES (:name, :subject, CAST(:body AS jsonb), :traceparent) RETURNING position) "
    "SELECT pg_notify('outbox', '') FROM inserted"
)


def record(session: Session, fact: Fact) -> None:
    """Write a fact in the caller's transaction, with the trace it belongs to."""
    session.execute(
        _INSERT,
        {
            "name": fact.name,
            "subject": fact.subject,
            "body": orjson.dumps(fact.body).decode(),
            "traceparent": telemetry.traceparent(),
        },
    )
