"""Load one export that a user may see."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import NotFound
from chassis.policy.scope import Scope
from customers.exports.store import customer_export as store
from customers.exports.store.customer_export import ExportRow


def load_visible(
    session: Session, user_id: UUID, others: Scope | None, id: UUID, *, locked: bool = False
) -> ExportRow:
    """Load an export of the user, or one of another user that the scope `others` reaches.

    Raises `NotFound` where it does not exist or the user may not see it.
    """
    row = store.by_id(session, id, locked=locked)
    if row is None or not store.may_see(user_id, others, row):
        raise NotFound(
            f"Export {id} does not exist, or you may not access it.",
            f"导出 {id} 不存在，或您无权访问。",
            field="id",
        )
    return row
