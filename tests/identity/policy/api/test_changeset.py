"""Changesets: drafted, looked at by a second person, in force as one version, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from chassis.db import SyncDatabase
from chassis.policy.compiling import compile_rules
from identity.app import create
from identity.bootstrap.services import bootstrap_company
from identity.core.domain.rulebook import RULEBOOK
from tests.identity.conftest import COMPANY, PASSWORD, Client, House, settings_for
from tests.support.serve import served
from tests.support.servers import Databases

SHOWN = """
  changeset {
    id title reason status version policyVersion publishedAt reviewNote
    author { username } reviewer { username } publishedBy { username } restores { id }
    changes { ruleId before { rows } after { subject object action rows redaction effect } }
  }
  errors { code message path conflictVersion }
"""
CREATE = f"""mutation($t: String! = "A change", $c: [RuleChangeInput!]!, $k: String) {{
  createChangeset(title: $t, changes: $c, idempotencyKey: $k) {{ {SHOWN} }} }}"""
UPDATE = f"""mutation($id: ID!, $v: Int!, $t: String, $c: [RuleChangeInput!]) {{
  updateChangeset(id: $id, expectedVersion: $v, title: $t, changes: $c) {{ {SHOWN} }} }}"""
BACK = f"""mutation($id: ID!, $p: Boolean! = false, $k: String) {{
  rollBackChangeset(id: $id, reason: "too open", publish: $p, idempotencyKey: $k)
    {{ {SHOWN} }} }}"""
RETURN = f"""mutation($id: ID!, $v: Int!, $n: String!) {{
  returnChangeset(id: $id, expectedVersion: $v, note: $n) {{ {SHOWN} }} }}"""


def step(name: str) -> str:
    return f"""mutation($id: ID!, $v: Int!) {{
      {name}(id: $id, expectedVersion: $v) {{ {SHOWN} }} }}"""


SUBMIT, APPROVE = step("submitChangeset"), step("approveChangeset")
PUBLISH, DISCARD = step("publishChangeset"), step("discardChangeset")
LIST = "query($s: ChangesetStatus) { changesets(status: $s) { edges { node { id } } } }"


def rule(object: str, action: str = "read", subject: str = "role:sre", **more: str) -> Any:
    return {"subject": subject, "object": object, "action": action} | more


def done(client: Client, mutation: str, **variables: Any) -> Any:
    """The changeset after a mutation that was not refused."""
    answer = client.data(mutation, **variables)
    assert answer["errors"] == []
    return answer["changeset"]


def refused(client: Client, mutation: str, **variables: Any) -> tuple[str, list[str]]:
    """Code and path of what a mutation was refused with."""
    answer = client.data(mutation, **variables)
    assert answer["changeset"] is None
    return answer["errors"][0]["code"], answer["errors"][0]["path"]


def unchanged(house: House) -> tuple[Any, ...]:
    """What a refusal must leave as it was."""
    return (
        house.version(),
        house.snapshot().rules,
        house.one("SELECT json_agg(c ORDER BY id)::text FROM changeset AS c"),
        house.one("SELECT count(*) FROM outbox WHERE name = 'identity.policy.changed'"),
    )


def test_publishes_all_changes_as_one_version(house: House) -> None:
    admin, before = house.as_("admin"), house.version()
    first = done(
        admin, CREATE, c=[{"rule": rule("Task", rows="own")}, {"rule": rule("Tag", rows="own")}]
    )
    assert (first["status"], house.version()) == ("DRAFT", before)
    first = done(admin, PUBLISH, id=first["id"], v=first["version"])
    task, tag = (one["ruleId"] for one in first["changes"])

    second = done(
        admin,
        CREATE,
        c=[
            {"ruleId": task, "rule": rule("Tag", rows="own")},
            {"ruleId": tag, "rule": rule("Task", rows="own")},
            {"rule": rule("FollowUp")},
        ],
    )
    second = done(admin, PUBLISH, id=second["id"], v=second["version"])

    assert (first["policyVersion"], second["policyVersion"]) == (before + 1, before + 2)
    assert (second["status"], second["publishedBy"]) == ("PUBLISHED", {"username": "admin"})
    said = {one.object for one in house.snapshot().rules if one.subject == "role:sre"}
    assert {"Task", "Tag", "FollowUp"} <= said
    assert house.one("SELECT object FROM rule WHERE id = %(id)s", id=task) == "Tag"
    assert house.one(
        "SELECT count(*) FROM outbox WHERE name = 'audit.event.recorded' "
        "AND body->>'object' = 'Rule' AND (body->>'policy_version')::int = %(v)s",
        v=before + 2,
    ) == len(second["changes"])


def test_rolls_back_to_what_the_rules_said(house: House) -> None:
    admin = house.as_("admin")
    old = done(admin, CREATE, c=[{"rule": rule("Customer", rows="own")}])
    old = done(admin, PUBLISH, id=old["id"], v=old["version"])
    kept = old["changes"][0]["ruleId"]
    before = house.snapshot().rules
    steward = house.one("SELECT id FROM rule WHERE subject = 'role:data_steward' LIMIT 1")
    change = done(
        admin,
        CREATE,
        c=[
            {"ruleId": str(steward)},
            {"ruleId": kept, "rule": rule("Customer", rows="pool")},
            {"rule": rule("Contact")},
        ],
    )
    change = done(admin, PUBLISH, id=change["id"], v=change["version"])
    assert house.snapshot().rules != before

    back = done(admin, BACK, id=change["id"], p=True, k="back")
    again = done(admin, BACK, id=change["id"], p=True, k="back")

    assert house.snapshot().rules == before
    assert again == back
    assert (back["status"], back["restores"]) == ("PUBLISHED", {"id": change["id"]})
    assert house.one("SELECT id FROM rule WHERE id = %(id)s", id=steward) == steward
    assert refused(admin, BACK, id=change["id"]) == ("CONFLICT", ["changes"])


def test_a_single_rule_is_a_changeset_of_its_own(house: House) -> None:
    admin, before = house.as_("admin"), house.snapshot().rules
    admin.data(
        "mutation($i: RuleInput!, $v: Int!) { addRule(input: $i, expectedVersion: $v) "
        "{ errors { code } } }",
        i=rule("Customer.unified_social_credit_code"),
        v=house.version(),
    )
    newest = admin.data(LIST, s="PUBLISHED")["edges"][0]["node"]["id"]

    done(admin, BACK, id=newest, p=True)

    assert house.snapshot().rules == before


def test_a_rule_that_changed_meanwhile_is_a_conflict_and_another_is_not(house: House) -> None:
    admin = house.as_("admin")
    base = done(admin, CREATE, c=[{"rule": rule("DeadLetter", "retry")}])
    base = done(admin, PUBLISH, id=base["id"], v=base["version"])
    id = base["changes"][0]["ruleId"]
    mine = done(admin, CREATE, c=[{"ruleId": id, "rule": rule("SyncRun", "start")}])
    other = done(admin, CREATE, c=[{"rule": rule("Installation", "update")}])
    twin = done(admin, CREATE, c=[{"rule": rule("Installation", "update")}])
    rival = done(admin, CREATE, c=[{"ruleId": id}])

    done(admin, PUBLISH, id=other["id"], v=other["version"])
    done(admin, PUBLISH, id=rival["id"], v=rival["version"])
    before = unchanged(house)

    assert refused(admin, PUBLISH, id=mine["id"], v=mine["version"]) == ("CONFLICT", ["changes"])
    assert refused(admin, PUBLISH, id=twin["id"], v=twin["version"]) == ("CONFLICT", [])
    assert unchanged(house) == before


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ([], "BAD_INPUT", "changes"),
        ([{}], "BAD_INPUT", "changes.0"),
        ([{"ruleId": "x"}], "BAD_INPUT", "changes.0.ruleId"),
        ([{"ruleId": str(uuid4())}], "NOT_FOUND", "changes.0.ruleId"),
        ([{"rule": rule("Ship")}], "BAD_INPUT", "changes.0.rule.object"),
        ([{"rule": rule("Tag", "burn")}], "BAD_INPUT", "changes.0.rule.action"),
        (
            [{"rule": rule("Role")}, {"rule": rule("Tag", subject="role:pirate")}],
            "BAD_INPUT",
            "changes.1.rule.subject",
        ),
        ([{"rule": rule("User", "create")}] * 2, "CONFLICT", ""),
        ([{"rule": rule("User", "create", rows=f"own{'+own' * i}")} for i in range(501)],
         "BAD_INPUT", "changes"),
    ],
)  # fmt: skip
def test_refuses_a_draft_that_could_never_be_published(
    house: House, changes: list[Any], code: str, path: str
) -> None:
    before = unchanged(house)

    found = refused(house.as_("admin"), CREATE, c=changes)

    assert found == (code, path.split(".") if path else [])
    assert unchanged(house) == before


def test_one_rule_is_changed_once(house: House) -> None:
    id = str(house.one("SELECT id FROM rule WHERE subject = 'role:marketing' LIMIT 1"))

    found = refused(house.as_("admin"), CREATE, c=[{"ruleId": id}, {"ruleId": id}])

    assert found == ("BAD_INPUT", ["changes", "1", "ruleId"])


def test_nobody_locks_the_last_administrator_out(house: House) -> None:
    admin = house.as_("admin")
    everything = house.one(
        "SELECT id FROM rule WHERE subject = 'role:administrator' AND object = '*'"
    )
    draft = done(admin, CREATE, c=[{"rule": rule("DeadLetter", subject="role:marketing")},
                                   {"ruleId": str(everything)}])  # fmt: skip
    before = unchanged(house)

    assert refused(admin, PUBLISH, id=draft["id"], v=draft["version"]) == ("BAD_INPUT", ["changes"])
    assert unchanged(house) == before


def test_a_draft_is_edited_and_given_up(house: House) -> None:
    admin = house.as_("admin")
    draft = done(admin, CREATE, c=[{"rule": rule("AuditEvent")}], k="draft")
    assert done(admin, CREATE, c=[{"rule": rule("AuditEvent")}], k="draft") == draft

    edited = done(admin, UPDATE, id=draft["id"], v=1, t="Ledger", c=[{"rule": rule("Rule")}])
    stale = admin.data(UPDATE, id=draft["id"], v=1, t="Late")["errors"][0]
    gone = done(admin, DISCARD, id=draft["id"], v=2)

    assert (edited["title"], edited["changes"][0]["after"]["object"]) == ("Ledger", "Rule")
    assert (stale["code"], stale["conflictVersion"]) == ("CONFLICT", 2)
    assert gone["status"] == "DISCARDED"
    assert refused(admin, PUBLISH, id=draft["id"], v=3)[0] == "CONFLICT"
    assert refused(admin, BACK, id=draft["id"])[0] == "CONFLICT"
    assert draft["id"] in {e["node"]["id"] for e in admin.data(LIST, s="DISCARDED")["edges"]}


def test_who_reads_the_policy_reads_changesets_and_only_who_may_changes_them(house: House) -> None:
    draft = done(house.as_("admin"), CREATE, c=[{"rule": rule("Department", "update")}])
    before = unchanged(house)
    entity = """query($r: [_Any!]!) {
      _entities(representations: $r) { ... on Changeset { title } } }"""
    asked = [{"__typename": "Changeset", "id": draft["id"]}]

    assert house.as_("auditor").data(entity, r=asked) == [{"title": "A change"}]
    assert house.as_("seller").code(entity, r=asked) == "FORBIDDEN"
    assert house.as_("seller").code(LIST) == "FORBIDDEN"
    for mutation in (SUBMIT, APPROVE, PUBLISH, DISCARD):
        assert house.as_("auditor").code(mutation, id=draft["id"], v=1) == "FORBIDDEN"
    assert house.as_("auditor").code(BACK, id=draft["id"]) == "FORBIDDEN"
    assert unchanged(house) == before


@pytest.fixture(scope="module")
def reviewed(databases: Databases, redis_url: str) -> Iterator[House]:
    """A house in which a second person looks at every change, and that second person."""
    url = databases.fresh("identity")
    own = f"{redis_url.rpartition('/')[0]}/8"
    settings = settings_for(url, own, policy_review=True)
    db = SyncDatabase(url, application="identity-tests")
    founded = bootstrap_company(db, COMPANY)
    with served(create(settings)) as base:
        house = House(base, settings, db, founded)
        house.follow()
        house.as_("admin").data(
            'mutation($p: String!) { createUser(input: {username: "second", displayName: "Second", '
            'roles: ["administrator"], password: $p}) { errors { code } } }',
            p=PASSWORD,
        )
        house.follow()
        yield house
    db.close()
    databases.drop(url)


def test_a_second_person_approves_what_the_first_wrote(reviewed: House) -> None:
    admin, second = reviewed.as_("admin"), reviewed.as_("second")
    draft = done(admin, CREATE, c=[{"rule": rule("Task")}])
    before = unchanged(reviewed)
    assert refused(admin, PUBLISH, id=draft["id"], v=1)[0] == "CONFLICT"
    assert refused(second, APPROVE, id=draft["id"], v=1)[0] == "CONFLICT"
    assert unchanged(reviewed) == before

    done(admin, SUBMIT, id=draft["id"], v=1)
    before = unchanged(reviewed)
    assert refused(admin, APPROVE, id=draft["id"], v=2)[0] == "FORBIDDEN"
    assert refused(second, PUBLISH, id=draft["id"], v=2)[0] == "CONFLICT"
    assert refused(second, RETURN, id=draft["id"], v=2, n=" ") == ("BAD_INPUT", ["note"])
    assert unchanged(reviewed) == before

    returned = done(second, RETURN, id=draft["id"], v=2, n="Own ones only")
    assert (returned["status"], returned["reviewNote"]) == ("DRAFT", "Own ones only")
    done(admin, UPDATE, id=draft["id"], v=3, c=[{"rule": rule("Task", rows="own")}])
    done(admin, SUBMIT, id=draft["id"], v=4)
    approved = done(second, APPROVE, id=draft["id"], v=5)
    published = done(admin, PUBLISH, id=draft["id"], v=6)

    assert (approved["status"], approved["reviewer"]) == ("APPROVED", {"username": "second"})
    assert published["policyVersion"] == reviewed.version()


def test_an_approval_does_not_outlive_an_edit(reviewed: House) -> None:
    admin, second = reviewed.as_("admin"), reviewed.as_("second")
    draft = done(admin, CREATE, c=[{"rule": rule("Tag")}])
    done(admin, SUBMIT, id=draft["id"], v=1)
    done(second, APPROVE, id=draft["id"], v=2)

    edited = done(second, UPDATE, id=draft["id"], v=3, c=[{"rule": rule("Tag", "update")}])

    assert (edited["status"], edited["reviewer"]) == ("DRAFT", None)
    assert edited["author"] == {"username": "second"}
    assert refused(second, PUBLISH, id=draft["id"], v=4)[0] == "CONFLICT"


def test_there_is_no_way_around_the_review(reviewed: House) -> None:
    admin, id = reviewed.as_("admin"), str(reviewed.one("SELECT id FROM rule LIMIT 1"))
    version = reviewed.version()
    before = unchanged(reviewed)
    ways = {
        "addRule(input: $i, expectedVersion: $v)": "mutation($i: RuleInput!, $v: Int!)",
        "updateRule(id: $id, input: $i, expectedVersion: $v)": (
            "mutation($id: ID!, $i: RuleInput!, $v: Int!)"
        ),
        "removeRule(id: $id, expectedVersion: $v)": "mutation($id: ID!, $v: Int!)",
    }

    for call, head in ways.items():
        asked = f"{head} {{ {call} {{ errors {{ code }} }} }}"
        answer = admin.data(asked, id=id, v=version, i=rule("Customer"))
        assert answer["errors"] == [{"code": "FORBIDDEN"}]

    assert unchanged(reviewed) == before


SIMULATE = """
query($id: ID!, $n: Int! = 100, $a: String) {
  changeset(id: $id) { simulation {
    policyVersion errors { code path } people gained lost rowsChanged redactionChanged
    changes(first: $n, after: $a) {
      edges { node { user { id } object action effect before { rows redaction } after { rows } } }
      pageInfo { hasNextPage endCursor }
    }
  } }
}
"""


def simulated(client: Client, id: str) -> Any:
    return client.data(SIMULATE, id=id)["simulation"]


def test_a_simulation_is_what_publishing_does(house: House) -> None:
    admin, before = house.as_("admin"), house.snapshot()
    draft = done(
        admin,
        CREATE,
        c=[
            {"rule": rule("DeadLetter", subject="role:sales")},
            {"rule": rule("Contact", "*", subject="role:sales_lead", effect="deny")},
            {"rule": rule("Contact.name", subject=f"user:{house.user('auditor')}")},
        ],
    )

    said = simulated(house.as_("auditor"), draft["id"])

    asked = [(entry.object, action) for entry in RULEBOOK for action in entry.actions]
    assert (house.snapshot(), said["errors"]) == (before, [])
    done(admin, PUBLISH, id=draft["id"], v=draft["version"])
    after = house.snapshot()
    expected = {"GAINED": set(), "LOST": set()}  # type: dict[str, set[tuple[str, str, str]]]
    for user in before.users:
        old, new = compile_rules(before, user), compile_rules(after, user)
        for object, action in asked:
            if old.may(object, action) != new.may(object, action):
                side = expected["GAINED" if new.may(object, action) else "LOST"]
                side.add((str(user), object, action))
    found = {"GAINED": set(), "LOST": set()}  # type: dict[str, set[tuple[str, str, str]]]
    for edge in said["changes"]["edges"]:
        node = edge["node"]
        found[node["effect"]].add((node["user"]["id"], node["object"], node["action"]))
    assert found == expected
    assert (said["gained"], said["lost"]) == (len(found["GAINED"]), len(found["LOST"]))
    assert said["people"] == len({one[0] for side in found.values() for one in side}) == 3
    done(admin, BACK, id=draft["id"], p=True)


def test_a_simulation_tells_what_publishing_would_be_refused_with(house: House) -> None:
    admin = house.as_("admin")
    everything = house.one(
        "SELECT id FROM rule WHERE subject = 'role:administrator' AND object = '*'"
    )
    lockout = done(admin, CREATE, c=[{"ruleId": str(everything)}])
    said = simulated(admin, lockout["id"])
    assert said["errors"] == [{"code": "BAD_INPUT", "path": ["changes"]}]
    assert (said["people"], said["lost"] > 20) == (1, True)

    once = done(admin, CREATE, c=[{"rule": rule("Rule")}])
    done(admin, PUBLISH, id=once["id"], v=once["version"])
    again = simulated(admin, once["id"])
    assert [error["code"] for error in again["errors"]] == ["CONFLICT"]
    assert again["changes"]["edges"] == []
    done(admin, BACK, id=once["id"], p=True)


def test_a_simulation_is_read_page_by_page(house: House) -> None:
    admin = house.as_("admin")
    rules = [rule(kind, "*", subject="role:colleague") for kind in ("Task", "Tag")]
    draft = done(admin, CREATE, c=[{"rule": one} for one in rules])
    whole = [edge["node"] for edge in simulated(admin, draft["id"])["changes"]["edges"]]
    seen: list[Any] = []
    after = None
    while True:
        asked = admin.data(SIMULATE, id=draft["id"], n=4, a=after)["simulation"]["changes"]
        seen += [edge["node"] for edge in asked["edges"]]
        after = asked["pageInfo"]["endCursor"]
        if not asked["pageInfo"]["hasNextPage"]:
            break

    assert seen == whole
    assert len(whole) > 8
    assert admin.code(SIMULATE, id=draft["id"], a="x") == "BAD_INPUT"
    assert house.as_("seller").code(SIMULATE, id=draft["id"]) == "FORBIDDEN"
