"""The policy goes out as Casbin CSV and comes back as a changeset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import casbin
import pytest
from casbin.persist.adapters.string_adapter import StringAdapter

import chassis.policy
from chassis.policy.compiling import compile_rules
from identity.core.domain.rulebook import RULEBOOK
from tests.identity.conftest import House
from tests.identity.policy.api.test_changeset import PUBLISH, SHOWN, done, refused, unchanged

MODEL = Path(next(iter(chassis.policy.__path__))) / "model.conf"
EXPORT = "{ policyCsv }"
IMPORT = f"""mutation($c: String!, $r: Boolean! = false, $k: String) {{
  importPolicy(csv: $c, replace: $r, idempotencyKey: $k) {{ {SHOWN} }} }}"""
LINE = "p, role:sre, Customer, read, own+pool, clear, allow"


def test_casbin_reads_what_is_exported_as_we_enforce_it(house: House) -> None:
    oracle = casbin.Enforcer(str(MODEL), StringAdapter(house.as_("auditor").data(EXPORT).strip()))
    snapshot = house.snapshot()

    wrong = [
        (user, entry.object, action)
        for user in snapshot.users
        for entry in RULEBOOK
        for action in entry.actions
        if oracle.enforce(f"user:{user}", entry.object, action)
        != compile_rules(snapshot, user).may(entry.object, action)
    ]

    assert wrong == []


def test_comes_back_as_it_went(house: House) -> None:
    admin = house.as_("admin")
    whole, before = admin.data(EXPORT), set(house.snapshot().rules)
    same = unchanged(house)
    assert refused(admin, IMPORT, c=whole, r=True) == ("BAD_INPUT", ["csv"])
    assert unchanged(house) == same

    shorter = "\n".join(line for line in whole.splitlines() if "role:marketing" not in line)
    draft = done(admin, IMPORT, c=f"# a note\n\n{shorter}\n{LINE}\n", r=True, k="in")
    assert done(admin, IMPORT, c=f"# a note\n\n{shorter}\n{LINE}\n", r=True, k="in") == draft
    done(admin, PUBLISH, id=draft["id"], v=draft["version"])
    subjects = {rule.subject for rule in house.snapshot().rules}
    assert ("role:marketing" in subjects, "role:sre" in subjects) == (False, True)

    back = done(admin, IMPORT, c=whole, r=True)
    done(admin, PUBLISH, id=back["id"], v=back["version"])

    assert set(house.snapshot().rules) == before
    assert sorted(admin.data(EXPORT).splitlines()) == sorted(whole.splitlines())


def test_only_adds_unless_it_is_to_replace(house: House) -> None:
    admin = house.as_("admin")

    draft = done(admin, IMPORT, c=f"{LINE}\n{LINE}\n")

    assert [(one["before"], one["after"]["object"]) for one in draft["changes"]] == [
        (None, "Customer")
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "nothing to change"),
        ("p, role:sre, Customer, read", "Line 1"),
        (f"{LINE}\np, role:sre, Ship, read, all, clear, allow", "Line 2"),
        ("p, role:sre, Customer, read, moon, clear, allow", "own, collaborating"),
        ("q, role:sre, Customer, read, all, clear, allow", "Line 1"),
        ("p, role:pirate, Customer, read, all, clear, allow", "pirate"),
        (f"g, role:sre, role:administrator\n{LINE}", "g, role:sre, role:administrator"),
        ('p, "role:sre\nx, y', "no rule"),
        ("p, x" * 300_000, "1000000"),
    ],
)
def test_refuses_a_file_that_is_no_policy_of_this_house(
    house: House, text: str, names: str
) -> None:
    admin, before = house.as_("admin"), unchanged(house)

    answer: Any = admin.data(IMPORT, c=text)

    assert answer["changeset"] is None
    assert answer["errors"][0]["code"] == "BAD_INPUT"
    assert names in answer["errors"][0]["message"]
    assert unchanged(house) == before


def test_takes_the_right_to_read_and_to_update_rules(house: House) -> None:
    assert house.as_("seller").code(EXPORT) == "FORBIDDEN"
    assert house.as_("auditor").code(IMPORT, c=LINE) == "FORBIDDEN"
