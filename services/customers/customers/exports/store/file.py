"""The file of an export in pieces, the customers it holds, and a fingerprint of their access."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from customers.exports.store.customer_export import ExportRow

# Who may see a row depends on these columns alone; a sum does not depend on the order of rows.
_ACCESS = (
    "coalesce(sum(hashtextextended(concat(c.id, '|', c.owner_id, '|', c.department_id, '|', "
    "array_to_string(c.collaborators, ','), '|', array_to_string(c.projects, ','), '|', "
    "c.merged_into), 0)::numeric), 0)"
)


def access_of(session: Session, ids: Sequence[UUID]) -> Decimal:
    """Return a fingerprint of who owns and shares these customers now."""
    fingerprint = session.execute(
        text(f"SELECT {_ACCESS} FROM customer c WHERE c.id = ANY(:ids)"),  # noqa: S608  # names from our code, values bound
        {"ids": list(ids)},
    )
    return Decimal(fingerprint.scalar_one())


def access_now(session: Session, row: ExportRow) -> Decimal:
    """Return the present access fingerprint of the customers in an export's file."""
    fingerprint = session.execute(
        text(
            f"SELECT {_ACCESS} FROM customer_export_row r JOIN customer c ON c.id = r.customer_id "  # noqa: S608  # names from our code, values bound
            "WHERE r.export_id = :id AND r.file = :file"
        ),
        {"id": row.id, "file": row.file},
    )
    return Decimal(fingerprint.scalar_one())


def put_chunk(session: Session, id: UUID, number: int, content: bytes) -> None:
    """Store one piece of a file."""
    session.execute(
        text("INSERT INTO customer_export_chunk VALUES (:id, :number, :content)"),
        {"id": id, "number": number, "content": content},
    )


def put_rows(session: Session, id: UUID, file: int, customers: Sequence[UUID]) -> None:
    """Record which customers a file holds."""
    session.execute(
        text(
            "INSERT INTO customer_export_row (customer_id, export_id, file) "
            "SELECT DISTINCT held, CAST(:id AS uuid), CAST(:file AS integer) "
            "FROM unnest(CAST(:customers AS uuid[])) AS held "
            "ON CONFLICT (customer_id, export_id) DO UPDATE SET file = excluded.file"
        ),
        {"id": id, "file": file, "customers": list(customers)},
    )


def chunk(session: Session, id: UUID, file: int, number: int) -> bytes | None:
    """Return a piece of the file; `None` beyond its end, and once the export has ended."""
    return session.execute(
        text(
            "SELECT c.content FROM customer_export_chunk c "
            "JOIN customer_export e ON e.id = c.export_id "
            "WHERE c.export_id = :id AND c.chunk = :number "
            "AND e.status = 'READY' AND e.file = :file"
        ),
        {"id": id, "file": file, "number": number},
    ).scalar_one_or_none()


def drop_file(session: Session, ids: Sequence[UUID]) -> None:
    """Delete the files of exports."""
    session.execute(
        text("DELETE FROM customer_export_chunk WHERE export_id = ANY(:ids)"), {"ids": list(ids)}
    )
