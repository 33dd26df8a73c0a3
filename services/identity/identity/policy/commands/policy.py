"""Whatever the policy depends on changes in the same way: hold it, change it, count one up.

The version, the fact and the change are one transaction. Those who publish it hear of it when it is
committed, never before.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.errors import BadInput, Denied
from chassis.facts.outbox import Fact, record
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Permissions
from identity.core.domain.ids import UserId
from identity.core.domain.version import refuse_stale
from identity.people.store import user as users
from identity.policy.store import policy as store


def hold(session: Session, expected: int | None = None) -> int:
    """The present version, kept until the transaction ends. Raises `Conflict` if it is another."""
    version = store.hold(session)
    refuse_stale(version, expected, what="the policy")
    return version


def changed(session: Session, what: str) -> int:
    """Count the version up and record the fact; `what` names the kind of change."""
    version = store.bump(session)
    body = {"version": version, "what": what}
    record(session, Fact("policy.changed", str(version), body))
    return version


def keep_a_way_back(session: Session, actor: Actor, *, field: str) -> None:
    """Refuse a change after which nobody could change the policy any more.

    Looks at the policy as this transaction leaves it.
    """
    refuse_lockout(session, store.snapshot(session), actor, field=field)


def refuse_lockout(session: Session, snapshot: Snapshot, actor: Actor, *, field: str) -> None:
    """Raise `BadInput` if nobody who can sign in could change this policy.

    Whoever makes the change is asked first: mostly it is they who keep the right, and then nobody
    else has to be looked at.
    """
    people = users.people_who_can_sign_in(session)
    me = UserId(actor.user_id)
    if not any(_can_repair(snapshot, one) for one in _first(me, people)):
        raise BadInput(
            "After this nobody who can sign in could change rules and users any more. "
            "Give another person the role administrator first.",
            "此更改后将没有可登录的人员能修改权限规则和用户，请先为其他人授予 administrator 角色。",
            field=field,
        )


def refuse_taking_over(session: Session, mine: Permissions, target: UserId) -> None:
    """Who may not change the policy may not become somebody who may, by way of their account."""
    if mine.may("Rule", "update"):
        return
    if compile_rules(store.snapshot(session), target).may("Rule", "update"):
        raise Denied(
            "This user may change the access policy and you may not, "
            "so you cannot change their account.",
            "该用户可以修改权限策略而您不能，因此您无法更改其账号。",
        )


def _first(me: UserId, people: list[UserId]) -> Iterable[UserId]:
    return sorted(people, key=lambda one: one != me)


def _can_repair(snapshot: Snapshot, user: UserId) -> bool:
    permissions = compile_rules(snapshot, user)
    return all(
        permissions.may(object, action)
        for object in ("Rule", "User", "Role")
        for action in ("read", "update")
    )
