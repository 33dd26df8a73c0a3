"""`python -m customers.retell`: tell every customer's access again, for a service whose own copy of it
was lost or restored from an earlier day. Receivers keep what is newer, so telling twice is harmless.
"""

from __future__ import annotations

import argparse
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.db import SyncDatabase
from chassis.settings import load
from customers.pool.commands import tell
from customers.pool.store.customer import customer
from customers.settings import CustomersSettings


def retell(db: SyncDatabase) -> int:
    """Records the facts in batches, each its own transaction; answers how many customers."""
    told, last = 0, None
    while ids := db.write(_some, last):
        told, last = told + len(ids), ids[-1]
    return told


def _some(session: Session, after: UUID | None) -> list[UUID]:
    statement = select(customer.c.id).order_by(customer.c.id).limit(tell.BATCH)
    ids = list(
        session.scalars(statement if after is None else statement.where(customer.c.id > after))
    )
    tell.changed(session, ids)
    return ids


def main() -> None:
    """Retell with the settings of the environment."""
    argparse.ArgumentParser(
        prog="python -m customers.retell",
        description="Tell the other services again who may see which customer. "
        "Reads HUICHI_CUSTOMERS_* like the service; the running service ships the facts.",
    ).parse_args()
    settings = load(CustomersSettings, "customers")
    db = SyncDatabase(settings.database_url, application="customers-retell")
    try:
        print(f"{retell(db)} customers are told again")  # noqa: T201 — a command says what it did
    finally:
        db.close()


if __name__ == "__main__":
    main()
