"""The tables that queries speak of are the ones the migrations make, and the way back is clean."""

from __future__ import annotations

from sqlalchemy import create_engine, inspect

import customers.exports.store.customer_export
import customers.imports.store
import customers.pool.store.customer
import customers.pool.store.match
from chassis import migrate
from chassis.db import SyncDatabase, driver_url
from customers.core.store.metadata import metadata
from customers.pool.store.customer import SHOWN, CustomerRow

MODULES = (
    customers.pool.store.customer,
    customers.exports.store,
    customers.imports.store,
    customers.pool.store.match,
)


def test_every_column_exists_and_is_as_nullable_as_we_say(db: SyncDatabase) -> None:
    found = inspect(db.engine)
    for table in metadata.tables.values():
        columns = {column["name"]: column for column in found.get_columns(table.name)}
        for column in table.columns:
            assert column.name in columns, f"{table.name}.{column.name}"
            assert columns[column.name]["nullable"] == column.nullable, (
                f"{table.name}.{column.name}"
            )


def test_rows_are_read_in_the_order_of_their_dataclass() -> None:
    assert [column.name for column in SHOWN] == list(CustomerRow.__dataclass_fields__)


def test_going_back_leaves_nothing(database) -> None:  # type: ignore[no-untyped-def]
    url = database("customers")

    migrate.downgrade(url, "customers", "base")

    engine = create_engine(driver_url(url))
    found = inspect(engine)
    assert found.get_table_names() == ["alembic_version"]
    assert found.get_view_names() == []
    engine.dispose()
    migrate.upgrade(url, "customers")
