"""Who may see a customer and why: the answer is what the same person's real query gets."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.customers.making import (
    AUDITOR,
    LEAD,
    OTHER_REP,
    READER,
    REP,
    SALES,
    SERVICE,
    STEWARD,
    STRANGER,
    a_code,
)
from tests.customers.pool.api.test_pool import a_full_customer, absorb
from tests.customers.serving import Pool, pool

__all__ = ["pool"]

EVERYBODY = (STEWARD, REP, OTHER_REP, LEAD, READER, STRANGER, AUDITOR)
EXPLAIN = """
query($u: ID!, $c: ID!, $o: String! = "Customer", $a: String! = "read", $f: String) {
  explainCustomerAccess(userId: $u, customerId: $c, object: $o, action: $a, field: $f) {
    allowed outcome reason visibility policyVersion
    rules { subject object rows rolePath predicate decides conditions { rows holds words } }
  }
}
"""
WHO = """
query($c: ID!, $f: String, $n: Int! = 100, $a: String) {
  whoCanAccessCustomer(customerId: $c, field: $f, first: $n, after: $a) {
    edges { node { user { id } explanation { allowed visibility rules { decides } } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
SEEN = """query($id: ID!) { customer(id: $id) {
  phone { visibility } email { visibility } unifiedSocialCreditCode { visibility } } }"""
FIELDS = {
    "Contact.mobile": "phone",
    "Contact.email": "email",
    "Customer.unified_social_credit_code": "unifiedSocialCreditCode",
}


def scattered(pool: Pool) -> list[str]:
    """Twelve customers who belong to whoever it happens to be."""
    dice = random.Random(6)
    made = absorb(
        pool, *({"fields": {"name": f"第{n}公司", "phone": f"1380000{n:04}"}} for n in range(12))
    )
    ids = [str(one["customerId"]) for one in made]

    def scatter(session: Session) -> None:
        for id in ids:
            session.execute(
                text(
                    "UPDATE customer SET owner_id = :o, department_id = :d, collaborators = :c "
                    "WHERE id = :id"
                ),
                {
                    "id": id,
                    "o": dice.choice([None, REP, OTHER_REP, READER]),
                    "d": dice.choice([None, SALES, SERVICE]),
                    "c": dice.sample([REP, OTHER_REP, LEAD], dice.randint(0, 2)),
                },
            )

    pool.db.write(scatter)
    return ids


def seen(pool: Pool, user: UUID, id: str) -> dict[str, str] | None:
    """What this person's own query gets: how open each field is, `None` if there is no customer."""
    answer = pool.post(user, SEEN, id=id)
    found = (answer.get("data") or {}).get("customer")
    return found and {field: found[name]["visibility"] for field, name in FIELDS.items()}


def test_explains_what_each_person_really_gets(pool: Pool) -> None:
    verdicts: set[Any] = set()
    for id in scattered(pool):
        for user in EVERYBODY:
            real = seen(pool, user, id)
            row = pool.ask(AUDITOR, EXPLAIN, u=str(user), c=id)["explainCustomerAccess"]
            assert row["allowed"] == (real is not None), (user, id, row)
            for field in FIELDS:
                said = pool.ask(AUDITOR, EXPLAIN, u=str(user), c=id, f=field)
                said = said["explainCustomerAccess"]
                shown = real[field] if real else "HIDDEN"
                assert (said["visibility"], said["allowed"]) == (shown, shown != "HIDDEN")
                verdicts.add((said["outcome"], shown))

    assert verdicts >= {
        ("ALLOWED", "CLEAR"),
        ("ALLOWED", "MASKED"),
        ("HIDDEN", "HIDDEN"),
        ("ROW_OUT_OF_REACH", "HIDDEN"),
        ("NO_RULE", "HIDDEN"),
    }


def test_finds_everybody_whose_query_finds_the_customer(pool: Pool) -> None:
    for id in scattered(pool)[:6]:
        real = {user: seen(pool, user, id) for user in EVERYBODY}
        found: list[str] = []
        after = None
        while True:
            page = pool.ask(AUDITOR, WHO, c=id, n=2, a=after)["whoCanAccessCustomer"]
            found += [edge["node"]["user"]["id"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break

        assert found == sorted(str(user) for user, row in real.items() if row)
        phone = pool.ask(AUDITOR, WHO, c=id, f="Contact.mobile")["whoCanAccessCustomer"]["edges"]
        nodes = [edge["node"] for edge in phone]
        assert {node["user"]["id"]: node["explanation"]["visibility"] for node in nodes} == {
            str(user): row["Contact.mobile"]
            for user, row in real.items()
            if row and row["Contact.mobile"] != "HIDDEN"
        }


def test_says_which_condition_failed_in_the_readers_language(pool: Pool) -> None:
    id = a_full_customer(pool)
    pool.assign(id, OTHER_REP)

    said = pool.ask(AUDITOR, EXPLAIN, u=str(REP), c=id)["explainCustomerAccess"]
    chinese = pool.post(AUDITOR, EXPLAIN, locale="zh", u=str(REP), c=id)["data"]

    assert (said["outcome"], said["policyVersion"]) == ("ROW_OUT_OF_REACH", 1)
    assert [
        (rule["rolePath"], [(c["rows"], c["holds"]) for c in rule["conditions"]], rule["decides"])
        for rule in said["rules"]
    ] == [
        (["rep"], [("own", False), ("collaborating", False)], False),
        (["rep"], [("pool", False)], False),
    ]
    assert said["rules"][0]["predicate"] == (
        "the user is its owner or the user is one of its collaborators"
    )
    assert chinese["explainCustomerAccess"]["reason"] == ("拒绝：有允许规则，但均不包含此记录。")


def test_a_customer_that_was_merged_away_is_judged_as_its_survivor(pool: Pool) -> None:
    [kept, gone] = absorb(
        pool, {"fields": {"name": "留下公司"}}, {"fields": {"name": "并入公司"}}
    )  # fmt: skip
    pool.assign(kept["customerId"], OTHER_REP)
    statement = text("UPDATE customer SET merged_into = :kept WHERE id = :gone")
    ids = {"kept": kept["customerId"], "gone": gone["customerId"]}
    pool.db.write(lambda s: s.execute(statement, ids))

    said = pool.ask(AUDITOR, EXPLAIN, u=str(REP), c=ids["gone"])["explainCustomerAccess"]

    assert said["outcome"] == "ROW_OUT_OF_REACH"


def test_takes_the_right_to_read_the_policy_and_shows_nothing_else(pool: Pool) -> None:
    id = a_full_customer(pool)

    assert pool.code(REP, EXPLAIN, u=str(REP), c=id) == "FORBIDDEN"
    assert pool.code(STEWARD, WHO, c=id) == "FORBIDDEN"
    assert "customer" not in (pool.post(AUDITOR, SEEN, id=id).get("data") or {})
    said = str(pool.post(AUDITOR, EXPLAIN, u=str(REP), c=id, f="Contact.mobile"))
    assert "华宁" not in said
    assert a_code(1) not in said


def test_a_question_nobody_asks_is_no_verdict(pool: Pool) -> None:
    id = a_full_customer(pool)
    wrong: list[tuple[dict[str, str], str]] = [
        ({"o": "Ship"}, "BAD_INPUT"),
        ({"f": "Contact.shoe"}, "BAD_INPUT"),
        ({"f": "Contact.email", "a": "update"}, "BAD_INPUT"),
        ({"c": "x"}, "BAD_INPUT"),
        ({"u": "x"}, "BAD_INPUT"),
        ({"c": str(uuid4())}, "NOT_FOUND"),
    ]

    for said, code in wrong:
        assert pool.code(AUDITOR, EXPLAIN, **({"u": str(REP), "c": id} | said)) == code
    assert pool.code(AUDITOR, WHO, c=id, a="!") == "BAD_INPUT"
