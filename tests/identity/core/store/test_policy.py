"""What is stored is what Casbin reads: for everybody and everything the starter policy names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import casbin
from casbin.persist.adapters.string_adapter import StringAdapter
from sqlalchemy import text
from sqlalchemy.orm import Session

import chassis.policy
from chassis.db import SyncDatabase
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import Snapshot, casbin_lines
from identity.bootstrap.domain import Company, UserPlan
from identity.bootstrap.services import bootstrap_company
from identity.core.domain.rulebook import ACTIONS, OBJECTS
from identity.core.store import policy as store
from identity.policy.domain.starter import ROLES
from tests.identity.conftest import PASSWORD

Make = Callable[..., str]
MODEL = Path(next(iter(chassis.policy.__path__))) / "model.conf"
EVERY_ROLE = Company(
    users=tuple(UserPlan(f"a.{role.name}", role.name, PASSWORD, (role.name,)) for role in ROLES)
)


def oracle(snapshot: Snapshot) -> casbin.Enforcer:
    lines = "\n".join(", ".join(line) for line in casbin_lines(snapshot))
    return casbin.Enforcer(str(MODEL), StringAdapter(lines))


def test_agrees_with_casbin_about_the_starter_policy(database: Make) -> None:
    db = SyncDatabase(database("identity"), application="identity-tests")
    founded = bootstrap_company(db, EVERY_ROLE)

    def deny_and_suspend(session: Session) -> None:
        session.execute(
            text(
                "INSERT INTO rule (subject, object, action, rows, redaction, effect) VALUES "
                "('role:colleague', 'Trace', 'read', 'all', 'clear', 'deny'), "
                "('role:sales', 'Contact', '*', 'all', 'clear', 'deny')"
            )
        )
        session.execute(
            text("UPDATE user_account SET status = 'suspended' WHERE username = 'a.sre'")
        )

    db.write(deny_and_suspend)
    snapshot = db.read(store.snapshot)
    casbin_says = oracle(snapshot)
    differ, allowed = [], 0
    for name, id in founded.users.items():
        permissions = compile_rules(snapshot, UUID(str(id)))
        for object in OBJECTS:
            for action in ACTIONS:
                ours = permissions.may(object, action)
                allowed += ours
                if ours != casbin_says.enforce(f"user:{id}", object, action):
                    differ.append((name, object, action))

    assert differ == []
    assert allowed > 100
    db.close()


def test_a_snapshot_is_of_one_moment(database: Make) -> None:
    """Whatever is committed while it is read, version and content belong together."""
    import threading

    url = database("identity")
    db, other = (SyncDatabase(url, application="identity-tests") for _ in range(2))
    start = db.read(store.version)
    stop = threading.Event()

    def edit(session: Session) -> None:
        version = store.bump(session)
        session.execute(
            text(
                "INSERT INTO rule (subject, object, action, rows, redaction, effect) "
                "VALUES (:subject, 'Customer', 'read', 'own', 'clear', 'allow')"
            ),
            {"subject": f"user:{version}"},
        )

    def editing() -> None:
        while not stop.is_set():
            other.write(edit)

    editor = threading.Thread(target=editing)
    editor.start()
    try:
        seen = [db.read(store.snapshot) for _ in range(150)]
    finally:
        stop.set()
        editor.join()

    assert len({snapshot.version for snapshot in seen}) > 1
    assert all(len(snapshot.rules) == snapshot.version - start for snapshot in seen)
    db.close()
    other.close()
