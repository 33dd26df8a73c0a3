"""The rows of a file that were rejected, for the user to correct and import again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from customers.imports import store
from customers.imports.store import ImportRow


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A rejected row: its cells by header, and everything that is wrong with it as one text."""

    cells: Mapping[str, str]
    problems: str


def load_rejected_rows(session: Session, id: UUID, locale: str) -> list[RejectedRow]:
    """Load the rejected rows of an import in the order of the file, with problems in a language."""
    problems = store.problems_by_row(session, id)
    rejected: list[RejectedRow] = []
    chunk = 0
    while len(rejected) < len(problems) and (rows := store.chunk(session, id, chunk)):
        chunk += 1
        for number, cells, _ in rows:
            if number in problems:
                texts = (
                    f"{problem.column_name or problem.field or ''}: "
                    f"{problem.zh if locale == 'zh' else problem.en}"
                    for problem in problems[number]
                )
                rejected.append(RejectedRow(cells, "; ".join(texts)))
    return rejected


def record_download(session: Session, row: ImportRow, rows: int) -> None:
    """Record the audit event of a download: rejected rows are personal data that is exported."""
    audit.record(
        session,
        audit.Entry(
            Actor(row.actor_id, None, row.locale),
            "export",
            "Customer",
            f"import:{row.id}",
            changes={"rows": [None, rows]},
        ),
    )
