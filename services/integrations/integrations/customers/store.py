"""The state of customers at each of their sources, by one query for a page of customers."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.db import among
from chassis.policy.scope import Scope
from integrations.access.store import ROWS, customer_access
from integrations.customers.domain import SourceState
from integrations.installations.store import installation, stream_state
from integrations.records.store.dead_letter import dead_letter
from integrations.records.store.source_record import source_record
from integrations.sync.store import sync_run


def of_customers(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[list[SourceState]]:
    """Return states in the order of the ids, none for a customer outside the scope."""
    last_synced = (
        select(func.max(stream_state.c.completed_at))
        .where(stream_state.c.installation_id == installation.c.id)
        .scalar_subquery()
    )
    last_status = (
        select(sync_run.c.status)
        .where(
            sync_run.c.installation_id == installation.c.id,
            sync_run.c.finished_at.is_not(None),
            sync_run.c.mode != "REPLAY",
        )
        .order_by(sync_run.c.queued_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    pending = (
        select(func.count())
        .where(
            dead_letter.c.customer_id == source_record.c.customer_id,
            dead_letter.c.installation_id == installation.c.id,
            dead_letter.c.state == "OPEN",
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            source_record.c.customer_id,
            installation.c.id,
            installation.c.name,
            installation.c.system,
            installation.c.state == "PAUSED",
            func.count(),
            func.max(source_record.c.received_at),
            last_synced,
            last_status,
            pending,
        )
        .join(installation, installation.c.id == source_record.c.installation_id)
        .join(customer_access, customer_access.c.customer_id == source_record.c.customer_id)
        .where(among(source_record.c.customer_id, ids), scope.where(ROWS))
        .group_by(source_record.c.customer_id, installation.c.id)
        .order_by(installation.c.name)
    )
    states: dict[UUID, list[SourceState]] = {id: [] for id in ids}
    for customer, *values in rows:
        states[customer].append(SourceState(*values))
    return [states[id] for id in ids]
