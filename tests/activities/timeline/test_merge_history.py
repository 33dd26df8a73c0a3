"""Any history of merges and unmerges, told by facts that come late and twice,
ends in the same pasts.

The model beside it is the simplest one there is: who points at whom, and which follow-up was
written for whom.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from activities.core.domain.ids import CustomerId
from activities.facts import HANDLERS
from activities.follow_ups.commands import FollowUpRequest, log_follow_up
from activities.follow_ups.domain import Channel
from activities.follow_ups.store import FollowUpRow
from activities.timeline import store as timeline
from chassis.api.paging import Window
from chassis.db import SyncDatabase
from chassis.facts.stream import Received
from tests.activities.people import LEAD, SALES, scope
from tests.support.budget import seeds

CUSTOMERS = [CustomerId(UUID(int=0xF0 + i)) for i in range(5)]
NOW = datetime(2026, 5, 4, tzinfo=UTC)


@dataclass
class Model:
    """What customers knows: who was merged into whom, and at which version of each."""

    into: dict[CustomerId, CustomerId] = field(default_factory=dict)
    version: dict[CustomerId, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 1))
    written: dict[CustomerId, list[str]] = field(default_factory=lambda: {c: [] for c in CUSTOMERS})

    def root(self, customer: CustomerId) -> CustomerId:
        while customer in self.into:
            customer = self.into[customer]
        return customer

    def point(self, customer: CustomerId, at: CustomerId | None) -> Received:
        """Point a customer somewhere, and tell of it as customers does."""
        self.into.pop(customer, None)
        if at:
            self.into[customer] = at
        self.version[customer] += 1
        access: dict[str, Any] = {
            "id": str(customer),
            "owner": None,
            "department": str(SALES),
            "collaborators": [],
            "version": self.version[customer],
            "merged_into": str(at) if at else None,
        }
        name = "customers.customer.merged" if at else "customers.customer.unmerged"
        return Received(UUID(int=0), name, str(customer), {"access": [access]}, "customers", NOW)

    def past(self, customer: CustomerId) -> list[str]:
        root = self.root(customer)
        of = [said for c in CUSTOMERS if self.root(c) == root for said in self.written[c]]
        return sorted(of, reverse=True)


@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds(6))
def test_ends_in_the_pasts_that_the_model_says(db: SyncDatabase, seed: int) -> None:
    chance, model = random.Random(seed), Model()
    late: list[Received] = []
    for customer in CUSTOMERS:
        db.write(HANDLERS["customers.customer.changed"], model.point(customer, None))

    for step in range(40):
        roots = [c for c in CUSTOMERS if c not in model.into]
        if chance.random() < 0.35 and len(roots) > 1:
            survivor, absorbed = chance.sample(roots, 2)
            late.append(model.point(absorbed, survivor))
        elif chance.random() < 0.35 and model.into:
            late.append(model.point(chance.choice(sorted(model.into)), None))
        else:
            customer = chance.choice(CUSTOMERS)
            model.written[customer].append(f"{step:03}")
            words = FollowUpRequest(
                Channel.CALL, f"{step:03}", NOW + timedelta(minutes=step), None, None
            )
            proof = scope(LEAD, "FollowUp", "create")
            db.write(log_follow_up, proof, customer, words, NOW + timedelta(days=1))
        if chance.random() < 0.3:  # some facts arrive now, in any order, some of them twice
            chance.shuffle(late)
            arrived, late = late[: len(late) // 2], late[len(late) // 2 :]
            for fact in [*arrived, *arrived[:1]]:
                db.write(HANDLERS[fact.name], fact)
    for fact in [*late, *late]:
        db.write(HANDLERS[fact.name], fact)

    ask = timeline.Selection(scope(LEAD, "FollowUp"), None, Window(100))
    pages = db.read(timeline.of_customers, ask, CUSTOMERS)
    found = [[row.summary for row in page.rows if isinstance(row, FollowUpRow)] for page in pages]
    assert found == [model.past(customer) for customer in CUSTOMERS]
