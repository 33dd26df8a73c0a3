"""Move the links of source records with merged customers, and back after an unmerge."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from chassis.db import among
from integrations.records.store.dead_letter import dead_letter
from integrations.records.store.source_record import source_record


def move_links(session: Session, merge: UUID, survivor: UUID, absorbed: list[UUID]) -> None:
    """Link the source records of absorbed customers to the survivor, and store the old links."""
    session.execute(
        text(
            "WITH moved AS (SELECT id, customer_id FROM source_record "
            "  WHERE customer_id = ANY(:absorbed) FOR UPDATE), "
            "stored AS (INSERT INTO link_moved (merge_id, source_record_id, from_customer,"
            "  to_customer) SELECT :merge, id, customer_id, :survivor FROM moved "
            "  ON CONFLICT DO NOTHING) "
            "UPDATE source_record s SET customer_id = :survivor FROM moved WHERE s.id = moved.id"
        ),
        {"merge": merge, "survivor": survivor, "absorbed": absorbed},
    )
    session.execute(
        update(dead_letter)
        .where(among(dead_letter.c.customer_id, absorbed))
        .values(customer_id=survivor)
    )


def move_links_back(session: Session, merge: UUID, survivor: UUID) -> None:
    """Restore the links a merge moved, except of records that were linked to another since."""
    session.execute(
        text(
            "WITH back AS (UPDATE link_moved SET moved_back_at = now() "
            "  WHERE merge_id = :merge AND moved_back_at IS NULL "
            "  RETURNING source_record_id, from_customer) "
            "UPDATE source_record s SET customer_id = back.from_customer FROM back "
            "WHERE s.id = back.source_record_id AND s.customer_id = :survivor"
        ),
        {"merge": merge, "survivor": survivor},
    )
    session.execute(
        update(dead_letter)
        .where(
            dead_letter.c.source_record_id == source_record.c.id,
            dead_letter.c.customer_id == survivor,
        )
        .values(customer_id=source_record.c.customer_id)
    )
