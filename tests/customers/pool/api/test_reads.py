"""Whoever was shown personal data is in the ledger before they have it; refusals are there too."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.customers.making import READER, STEWARD, STRANGER
from tests.customers.pool.api.test_pool import a_full_customer, absorb
from tests.customers.serving import Pool, a_token, pool

__all__ = ["pool"]

MOBILES = """query Mobiles { customers(first: 50) { edges { node { id
  contacts { edges { node { mobile { text visibility } } } } } } } }"""


def told(pool: Pool) -> list[dict[str, Any]]:
    """The events of reads, in their order; they are stored before the answer is given."""
    found = "SELECT body->'events' FROM outbox WHERE body ? 'events' ORDER BY position"
    batches = pool.db.read(lambda s: list(s.execute(text(found)).scalars()))
    return [event for batch in batches for event in batch]


def asked(pool: Pool, user: UUID, query: str, purpose: str, operation: str | None = None) -> Any:
    answer = pool.http.post(
        f"{pool.url}/graphql",
        json={"query": query, "operationName": operation},
        headers={"authorization": f"Bearer {a_token(user)}", "x-purpose": purpose},
        timeout=30,
    )
    return answer.json()


def test_a_page_is_one_event_with_what_came_out_of_whose(pool: Pool) -> None:
    records = [
        {
            "fields": {"name": f"公司{n}", "phone": f"1380000100{n}"},
            "contacts": [{"externalId": "c", "name": "李四", "mobile": f"1390000100{n}"}],
        }
        for n in range(3)
    ]
    ids = {one["customerId"] for one in absorb(pool, *records)}

    asked(pool, STEWARD, MOBILES, quote("续约电话 renewal"), "Mobiles")
    [event] = told(pool)

    assert (event["actor"], event["action"], event["object"]) == (str(STEWARD), "read", "Customer")
    assert (event["decision"], event["policy_version"]) == ("allow", 1)
    assert event["purpose"] == "续约电话 renewal"
    assert len(event["trace_id"]) == 32
    details = event["details"]
    assert details["clear"] == ["Contact.mobile"]  # no name, no number of the company: not asked
    assert details["masked"] == []
    assert (details["rows"], details["clear_rows"]) == (3, 3)
    assert set(details["ids"]) == ids
    assert (details["operation"], details["address"]) == ("Mobiles", "127.0.0.1")


def test_what_came_out_masked_is_told_apart(pool: Pool) -> None:
    id = a_full_customer(pool)

    pool.ask(
        READER, "query($id: ID!) { customer(id: $id) { phone { text } email { text } } }", id=id
    )
    [event] = told(pool)

    assert event["resource"] == id
    assert event["details"]["clear"] == []
    assert event["details"]["masked"] == ["Contact.email", "Contact.mobile"]
    assert (event["details"]["rows"], event["details"]["clear_rows"]) == (1, 0)


ENTITY = """query($r: [_Any!]!) { _entities(representations: $r) {
  ... on Customer { unifiedSocialCreditCode { text } } } }"""
PROVENANCE = (
    "query($id: ID!) { customer(id: $id) { provenance { winner { value { text } } "
    "claims { id } } } }"
)


def test_it_is_told_on_every_path(pool: Pool) -> None:
    id = a_full_customer(pool)

    pool.ask(STEWARD, ENTITY, r=[{"__typename": "Customer", "id": id}])
    pool.ask(STEWARD, PROVENANCE, id=id)
    pool.ask(
        STEWARD,
        """mutation($id: ID!) { updateCustomer(id: $id, set: {size: "10"}) {
        customer { phone { text } } errors { code } } }""",
        id=id,
    )

    assert [event["details"]["clear"] for event in told(pool)] == [
        ["Customer.unified_social_credit_code"],
        ["Contact.email", "Contact.mobile", "Customer.unified_social_credit_code"],
        ["Contact.mobile"],
    ]
    assert {event["resource"] for event in told(pool)} == {id}


def test_what_is_hidden_or_empty_or_not_asked_for_is_no_read(pool: Pool) -> None:
    [outcome] = absorb(pool, {"fields": {"name": "空空有限公司"}})

    pool.ask(STEWARD, "{ customers(first: 5) { edges { node { name phone { text } } } } }")
    a_full_customer(pool)
    pool.ask(STEWARD, "{ customers(first: 5) { edges { node { name } } } }")
    hidden = "{ customers(first: 5) { edges { node { unifiedSocialCreditCode { text } } } } }"
    pool.ask(READER, hidden)

    assert outcome["outcome"] == "CREATED"
    assert told(pool) == []


def test_refusals_are_told_once_with_what_was_asked_for(pool: Pool) -> None:
    pool.code(STRANGER, "{ a: customers { edges { cursor } } b: customers { edges { cursor } } }")

    [event] = told(pool)

    assert (event["actor"], event["action"], event["object"]) == (str(STRANGER), "read", "Customer")
    assert (event["decision"], event["policy_version"]) == ("deny", 1)
    assert event["details"]["coordinate"] == "Query.customers"


def test_no_answer_without_its_event(pool: Pool) -> None:
    a_full_customer(pool)
    rename = "ALTER TABLE outbox RENAME TO outbox_away"
    pool.db.write(lambda s: s.execute(text(rename)))

    answer = pool.post(STEWARD, MOBILES)

    assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert "data" not in answer
    assert "1390000" not in str(answer)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("%E5%AE%A1%0A%E8%AE%A1 ", "审计"), ("x" * 500, "x" * 200), ("%ff%fe", None)],
)
def test_a_purpose_is_kept_as_far_as_it_can_be_read(
    pool: Pool, sent: str, kept: str | None
) -> None:
    a_full_customer(pool)

    asked(pool, STEWARD, MOBILES, sent)

    assert told(pool)[0]["purpose"] == kept


def test_a_change_says_what_it_was_for_and_what_guards_it(pool: Pool) -> None:
    id = a_full_customer(pool)

    asked(
        pool,
        STEWARD,
        f'mutation {{ updateCustomer(id: "{id}", set: {{phone: "13800000002"}}) {{ '
        f"errors {{ code }} }} }}",
        "correction",
    )

    found = "SELECT body FROM outbox WHERE body->>'action' = 'update' ORDER BY position DESC"
    event = pool.db.read(lambda s: s.execute(text(found)).scalars().all())[0]
    assert event["purpose"] == "correction"
    assert event["details"]["protected"] == {"phone": "Contact.mobile"}
    assert event["details"]["address"] == "127.0.0.1"
    assert "13800000002" not in str(event)
