"""`python -m customers.republish_access`: publish the access data of every customer again.

For a service whose own copy of it was lost or restored from an earlier day. Receivers keep the
newer version, so publishing twice is harmless.
"""

from __future__ import annotations

import argparse
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.db import SyncDatabase
from chassis.settings import load
from customers.pool.commands import access_facts
from customers.pool.store.customer import customer
from customers.settings import CustomersSettings


def republish_access(db: SyncDatabase) -> int:
    """Record the facts in batches, each its own transaction; return the number of customers."""
    published, last = 0, None
    while ids := db.write(_publish_batch, last):
        published, last = published + len(ids), ids[-1]
    return published


def _publish_batch(session: Session, after: UUID | None) -> list[UUID]:
    statement = select(customer.c.id).order_by(customer.c.id).limit(access_facts.BATCH)
    ids = list(
        session.scalars(statement if after is None else statement.where(customer.c.id > after))
    )
    access_facts.publish_changed(session, ids)
    return ids


def main() -> None:
    """Republish access with the settings of the environment."""
    argparse.ArgumentParser(
        prog="python -m customers.republish_access",
        description="Publish again to the other services who may see which customer. "
        "Reads HUICHI_CUSTOMERS_* like the service; the running service ships the facts.",
    ).parse_args()
    settings = load(CustomersSettings, "customers")
    db = SyncDatabase(settings.database_url, application="customers-republish-access")
    try:
        count = republish_access(db)
        print(f"access to {count} customers was published again")  # noqa: T201  # a command reports its result
    finally:
        db.close()


if __name__ == "__main__":
    main()
