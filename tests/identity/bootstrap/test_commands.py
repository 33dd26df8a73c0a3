"""Founding a company: complete the first time, nothing the second time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from chassis import migrate
from chassis.actor import Actor
from chassis.db import SyncDatabase
from chassis.errors import BadInput
from chassis.policy.guard import Guard
from identity.bootstrap import __main__ as command_line
from identity.bootstrap.domain import Company, UserPlan
from identity.bootstrap.services import bootstrap_company
from identity.core.store import policy
from identity.people.store import user
from identity.sign_in.domain import password
from tests.identity.conftest import COMPANY, PASSWORD, SERVICE_PASSWORD

Make = Callable[..., str]


def test_founds_everything_once(database: Make) -> None:
    db = SyncDatabase(database("identity"), application="identity-tests")

    first = bootstrap_company(db, COMPANY)
    before = db.read(policy.snapshot)
    again = bootstrap_company(db, COMPANY)

    assert (first.departments, first.users) == (again.departments, again.users)
    assert again.created == 0
    assert db.read(policy.snapshot) == before
    assert set(first.users) == {"admin", "lead", "seller", "auditor", "sync"}
    assert before.users[UUID(str(first.users["lead"]))].roles == ("sales_lead",)
    assert before.roles["sales_lead"] == ("sales",)
    db.close()


def test_leaves_alone_what_an_administrator_changed(database: Make) -> None:
    db = SyncDatabase(database("identity"), application="identity-tests")
    founded = bootstrap_company(db, COMPANY)

    def change(session: object) -> None:
        from sqlalchemy import text

        session.execute(text("DELETE FROM rule WHERE subject = 'role:marketing'"))  # type: ignore[attr-defined]
        session.execute(text("UPDATE department SET name = 'Verkauf' WHERE name = 'Sales'"))  # type: ignore[attr-defined]
        user.change(session, founded.users["lead"], status="suspended")  # type: ignore[arg-type]

    db.write(change)
    before = db.read(policy.snapshot)

    bootstrap_company(db, replace(COMPANY, users=(*COMPANY.users,)))

    assert db.read(policy.snapshot) == before
    db.close()


def test_the_password_of_a_service_follows_the_settings_and_that_of_a_person_does_not(
    database: Make,
) -> None:
    db = SyncDatabase(database("identity"), application="identity-tests")
    bootstrap_company(db, COMPANY)
    renewed = tuple(replace(plan, password="renewed in the settings") for plan in COMPANY.users)

    bootstrap_company(db, replace(COMPANY, users=renewed))

    def kept(username: str) -> str | None:
        found = db.read(user.credentials, username)
        return found.password_hash if found else None

    assert password.matches(kept("sync"), "renewed in the settings")
    assert not password.matches(kept("sync"), SERVICE_PASSWORD)
    assert password.matches(kept("lead"), PASSWORD)
    db.close()


@pytest.mark.parametrize(
    "wrong",
    [
        UserPlan("x", "X", PASSWORD, ("sales",)),
        UserPlan("xx", "", PASSWORD, ("sales",)),
        UserPlan("xx", "X", PASSWORD, ("pirate",)),
        UserPlan("xx", "X", PASSWORD, ("sales",), ("Nowhere",)),
    ],
)
def test_founds_nothing_of_a_wrong_company(database: Make, wrong: UserPlan) -> None:
    db = SyncDatabase(database("identity"), application="identity-tests")
    before = db.read(policy.snapshot)

    with pytest.raises(BadInput):
        bootstrap_company(db, replace(COMPANY, users=(*COMPANY.users, wrong)))

    assert db.read(policy.snapshot) == before
    db.close()


def test_starter_roles_see_what_they_are_for(database: Make) -> None:
    db = SyncDatabase(database("identity"), application="identity-tests")
    founded = bootstrap_company(db, COMPANY)
    guard = Guard()
    guard.swap(db.read(policy.snapshot))

    def may(username: str, object: str, action: str = "read") -> bool:
        actor = Actor(UUID(str(founded.users[username])))
        return guard.permissions(actor).may(object, action)

    assert all(
        may("admin", o, a) for o, a in [("Rule", "update"), ("SourceRecord.payload", "read")]
    )
    assert may("sync", "Customer", "absorb")
    assert not may("sync", "Contact.mobile")
    assert may("auditor", "AuditEvent")
    assert not may("auditor", "Customer")
    assert all(may(name, "User") for name in founded.users)
    assert not may("seller", "Customer", "merge")
    scope = guard.allow(Actor(UUID(str(founded.users["lead"]))), "Customer", "read")
    assert scope.rows == {"own", "collaborating", "pool", "subtree"}
    db.close()


@pytest.fixture
def environment(database: Make, monkeypatch: pytest.MonkeyPatch) -> str:
    url = database("identity")
    monkeypatch.setenv("HUICHI_IDENTITY_DATABASE_URL", url)
    monkeypatch.setenv("HUICHI_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("HUICHI_ISSUER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HUICHI_IDENTITY_SECRET", "a secret that is long enough for it")
    return url


def test_the_command_makes_the_first_administrator(
    environment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUICHI_ADMINISTRATOR_PASSWORD", PASSWORD)
    monkeypatch.setenv("SYNC_PASSWORD", SERVICE_PASSWORD)

    codes = [
        command_line.main(["--administrator", "root.admin", "--service", "sync=SYNC_PASSWORD"])
        for _ in range(2)
    ]

    assert codes == [0, 0]
    said = capsys.readouterr().out
    assert "root.admin, sync" in said
    assert PASSWORD not in said
    db = SyncDatabase(environment, application="identity-tests")
    kept = db.read(user.credentials, "root.admin")
    assert kept is not None
    assert password.matches(kept.password_hash, PASSWORD)
    db.close()


def test_the_command_reads_a_company(
    environment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "company.json"
    file.write_text(
        '{"departments": [{"name": "销售", "below": [{"name": "华东"}]}], "users": [{"username": '
        '"li.na", "display_name": "李娜", "password": "correct horse battery", '
        '"roles": ["sales"], "department": ["销售", "华东"]}]}'
    )

    assert command_line.main(["--company", str(file)]) == 0

    db = SyncDatabase(environment, application="identity-tests")
    members = db.read(policy.snapshot).users
    assert [member.roles for member in members.values()] == [("sales",)]
    db.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--administrator", "root"], "HUICHI_ADMINISTRATOR_PASSWORD is not set"),
        (["--service", "sync"], "USERNAME=VARIABLE"),
        (["--company", "/nowhere.json"], "No such file"),
    ],
)
def test_the_command_says_what_is_wrong(
    environment: str,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    assert command_line.main(arguments) == 1
    assert says in capsys.readouterr().err


def test_migrates_down_and_up_again(database: Make) -> None:
    url = database("identity")

    migrate.downgrade(url, "identity", "base")
    migrate.upgrade(url, "identity")

    db = SyncDatabase(url, application="identity-tests")
    assert bootstrap_company(db, Company()).created > 0
    db.close()
