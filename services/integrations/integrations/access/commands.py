"""Maintain the projection of customers' access data; only a newer version replaces an older."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Access:
    """What row scopes need of one customer: its owner, department, collaborators and projects."""

    id: UUID
    owner: UUID | None
    department: UUID | None
    collaborators: list[UUID]
    projects: list[UUID]
    merged_into: UUID | None
    version: int


_UPSERT = text(
    """
    INSERT INTO customer_access AS present
      (customer_id, owner_id, department_id, collaborators, projects, merged_into, version)
    VALUES (:id, :owner, :department, CAST(:collaborators AS uuid[]), CAST(:projects AS uuid[]),
      :merged_into, :version)
    ON CONFLICT (customer_id) DO UPDATE SET
      owner_id = excluded.owner_id, department_id = excluded.department_id,
      collaborators = excluded.collaborators, projects = excluded.projects,
      merged_into = excluded.merged_into, version = excluded.version
    WHERE present.version < excluded.version
    """
)


def project_access(session: Session, rows: Sequence[Access]) -> None:
    """Store access data unless a newer version is stored; facts may arrive twice and unordered."""
    if rows:
        # Rows are locked in one order, so that concurrent handlers cannot deadlock.
        ordered = sorted(rows, key=lambda row: row.id)
        session.execute(_UPSERT, [asdict(row) for row in ordered])
