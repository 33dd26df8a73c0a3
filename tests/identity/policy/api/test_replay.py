"""What people did is decided again under a draft, from the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from chassis.actor import Actor
from chassis.policy.compiling import compile_rules
from identity.core.domain.ids import AuditEventId, UserId
from identity.core.domain.rulebook import ASKED
from identity.ledger.domain.audit_event import AuditEvent
from identity.ledger.store import audit_event as ledger
from identity.policy.services.replay import Replayed, replay
from tests.identity.conftest import House
from tests.identity.policy.api.test_changeset import CREATE, PUBLISH, done, rule

REPLAY = """
query($id: ID!, $days: Int! = 30) { changeset(id: $id) { simulation { replay(days: $days) {
  decisions same denied allowed lessOpen moreOpen dependsOnRow whole
  examples { user { id } object action allowed times outcome }
} } } }
"""


def recorded(
    house: House,
    who: str,
    object: str,
    action: str = "read",
    *,
    decision: str = "allow",
    days: int = 1,
    **details: Any,
) -> None:
    """One decision in the ledger, some days ago."""
    event = AuditEvent(
        id=AuditEventId(uuid4()),
        at=datetime.now(UTC) - timedelta(days=days),
        service="customers",
        actor=UserId(UUID(house.user(who))),
        session=None,
        action=action,
        object=object,
        resource="",
        changes={},
        details=details,
        purpose=None,
        decision=decision,
        policy_version=None,
        trace_id=None,
    )
    house.db.write(lambda session: ledger.append(session, [event]))


def test_what_people_did_is_decided_again_and_publishing_decides_the_same(house: House) -> None:
    admin = house.as_("admin")
    for _ in range(3):
        recorded(house, "seller", "Contact", clear=["Contact.mobile"], masked=["Contact.email"])
    recorded(house, "seller", "Customer", clear=["Contact.name"])
    recorded(house, "seller", "Task", "update")
    recorded(house, "seller", "Customer", "merge", decision="deny")
    recorded(house, "seller", "FollowUp", days=40)
    recorded(house, "auditor", "AuditEvent")
    draft = done(
        admin,
        CREATE,
        c=[
            {"rule": rule("Contact.mobile", subject="role:sales", effect="deny")},
            {"rule": rule("Customer", "merge", subject="role:sales")},
            {"rule": rule("Task", "update", subject="role:sales", effect="deny")},
            {"rule": rule("Customer", subject="role:sales", rows="department")},
        ],
    )

    said = admin.data(REPLAY, id=draft["id"])["simulation"]["replay"]

    mine = {
        (one["object"], one["action"]): (one["times"], one["outcome"])
        for one in said["examples"]
        if one["user"]["id"] == house.user("seller")
    }
    assert mine == {
        ("Contact", "read"): (3, "LESS_OPEN"),
        ("Customer", "read"): (1, "DEPENDS_ON_ROW"),
        ("Task", "update"): (1, "DENIED"),
        ("Customer", "merge"): (1, "ALLOWED"),
    }
    assert (said["lessOpen"], said["denied"], said["allowed"], said["whole"]) == (3, 1, 1, True)
    longer = admin.data(REPLAY, id=draft["id"], days=60)["simulation"]["replay"]
    assert longer["decisions"] > said["decisions"]

    before = house.snapshot()
    done(admin, PUBLISH, id=draft["id"], v=draft["version"])
    published = house.snapshot()
    since = datetime.now(UTC) - timedelta(days=30)
    scope = compile_rules(published, UUID(house.user("admin"))).allow(
        Actor(UUID(house.user("admin"))), "AuditEvent", "read"
    )
    log = house.db.read(ledger.decisions, scope, since, ASKED, 1000)
    again = {
        (one.object, one.action): (one.times, outcome.value)
        for one, outcome in replay(before, published, log)
        if str(one.user_id) == house.user("seller") and outcome is not Replayed.SAME
    }
    assert again == mine
    unmoved = [outcome for _, outcome in replay(published, published, log)]
    assert set(unmoved) == {Replayed.SAME}


def test_a_replay_takes_the_right_to_read_the_ledger_and_a_sensible_time(house: House) -> None:
    admin = house.as_("admin")
    draft = done(admin, CREATE, c=[{"rule": rule("DeadLetter", subject="role:sales")}])
    lone = [{"rule": rule("AuditEvent", subject=f"user:{house.user('auditor')}", effect="deny")}]

    assert admin.ask(REPLAY, id=draft["id"], days=0)["errors"][0]["extensions"]["field"] == "days"

    other = done(admin, CREATE, c=lone)
    done(admin, PUBLISH, id=other["id"], v=other["version"])
    house.follow()
    refused = house.as_("auditor").ask(REPLAY, id=draft["id"])
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
