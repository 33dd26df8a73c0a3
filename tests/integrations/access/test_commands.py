"""The projection of access data from facts."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from integrations import facts
from tests.integrations.client import a_fact
from tests.integrations.house import LIN, WANG, House


async def test_an_older_fact_about_access_changes_nothing(house: House) -> None:
    id = str(uuid4())
    newer: dict[str, Any] = {
        "id": id,
        "owner": str(LIN),
        "department": None,
        "collaborators": [],
        "version": 5,
    }

    house.db.write(
        facts.customers_changed, a_fact("customers.customer.changed", {"access": [newer]})
    )
    older = newer | {"owner": str(WANG), "version": 4}
    house.db.write(
        facts.customers_changed, a_fact("customers.customer.changed", {"access": [older]})
    )

    assert house.one("SELECT owner_id FROM customer_access") == LIN
