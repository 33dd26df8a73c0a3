"""Two administrators at once: the policy keeps its promises whoever comes first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from chassis.actor import Actor
from chassis.db import SyncDatabase
from chassis.errors import BadInput, Conflict, HuichiError
from chassis.policy.guard import Guard
from chassis.policy.rules import ROWS, Rule
from chassis.policy.scope import Scope
from identity.bootstrap.commands import Bootstrapped
from identity.bootstrap.domain import Company, DepartmentPlan, UserPlan
from identity.bootstrap.services import bootstrap_company
from identity.core.store import policy as store
from identity.people.commands import department, user
from identity.people.commands.user import Change
from identity.policy.commands import rule
from tests.identity.conftest import PASSWORD

Make = Callable[..., str]
PAIR = Company(
    departments=(DepartmentPlan("A"), DepartmentPlan("B")),
    users=(
        UserPlan("one", "One", PASSWORD, ("administrator",)),
        UserPlan("two", "Two", PASSWORD, ("administrator",)),
    ),
)


class Pair:
    """Two administrators of one company."""

    def __init__(self, url: str) -> None:
        self.db = SyncDatabase(url, application="identity-tests", pool_size=8)
        self.founded: Bootstrapped = bootstrap_company(self.db, PAIR)

    def scope(self, username: str, object: str) -> Scope:
        guard = Guard()
        guard.swap(self.db.read(store.snapshot))
        actor = Actor(UUID(str(self.founded.users[username])))
        return guard.allow(actor, object, "update")

    def at_once(self, *commands: Callable[[], object]) -> list[HuichiError]:
        """Run all of them together; what they were refused with."""
        refused: list[HuichiError] = []
        start = threading.Barrier(len(commands))

        def run(command: Callable[[], object]) -> None:
            start.wait()
            try:
                command()
            except HuichiError as problem:
                refused.append(problem)

        threads = [threading.Thread(target=run, args=(command,)) for command in commands]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return refused


@pytest.fixture
def pair(database: Make) -> Iterator[Pair]:
    pair = Pair(database("identity"))
    yield pair
    pair.db.close()


def test_one_change_of_a_version_wins(pair: Pair) -> None:
    version = pair.db.read(store.version)
    scope = pair.scope("one", "Rule")

    def adding(rows: str) -> Callable[[], object]:
        wanted = Rule("role:sre", "Task", "read", rows)
        return lambda: pair.db.write(rule.add_rule, scope, wanted, version)

    refused = pair.at_once(*map(adding, ROWS))

    assert [type(problem) for problem in refused] == [Conflict] * (len(ROWS) - 1)
    assert pair.db.read(store.version) == version + 1


def test_two_administrators_cannot_demote_each_other_at_once(pair: Pair) -> None:
    one, two = pair.founded.users["one"], pair.founded.users["two"]
    scopes = {name: pair.scope(name, "User") for name in ("one", "two")}
    nothing = Change(roles=("sales",))

    refused = pair.at_once(
        lambda: pair.db.write(user.update_user, scopes["one"], two, nothing, None),
        lambda: pair.db.write(user.update_user, scopes["two"], one, nothing, None),
    )

    assert [type(problem) for problem in refused] == [BadInput]
    members = pair.db.read(store.snapshot).users
    roles = sorted(members[UUID(str(id))].roles for id in (one, two))
    assert roles == [("administrator",), ("sales",)]


def test_two_departments_cannot_be_hung_below_each_other_at_once(pair: Pair) -> None:
    a, b = pair.founded.departments["A",], pair.founded.departments["B",]
    scope = pair.scope("one", "Department")

    refused = pair.at_once(
        lambda: pair.db.write(department.move_department, scope, a, b, None),
        lambda: pair.db.write(department.move_department, scope, b, a, None),
    )

    assert [problem.field for problem in refused] == ["parentId"]
    parents = sorted(map(str, pair.db.read(store.snapshot).departments.values()))
    assert parents.count("None") == 1


def test_a_key_that_is_sent_twice_at_once_is_done_once(pair: Pair) -> None:
    version = pair.db.read(store.version)
    scope, wanted = pair.scope("one", "Rule"), Rule("role:sre", "Tag", "read")

    refused = pair.at_once(
        *[lambda: pair.db.write(rule.add_rule, scope, wanted, version, "same")] * 4
    )

    assert refused == []
    assert pair.db.read(store.version) == version + 1
