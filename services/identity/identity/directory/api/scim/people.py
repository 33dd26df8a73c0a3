"""People as SCIM users: what a directory says becomes ours, and what is ours is shown to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from scim2_models import EnterpriseUser, GroupMembership, Meta, Reference, User

from identity.core.domain.ids import DirectoryGroupId
from identity.directory.api.scim.description import Person
from identity.directory.domain.directory import (
    UNCHANGED,
    PersonRequest as Wanted,
    Unchanged,
    check_external_id,
    first_nonempty_name,
)
from identity.directory.store.directory import PersonRow
from identity.people.domain.user import Status
from identity.sign_in.services.passwords import Passwords

KEPT = "\0"
_OURS = {"id", "meta", "groups", "password", "external_id", "schemas"}


def shown(row: PersonRow, groups: Sequence[tuple[DirectoryGroupId, str]], base: str) -> User[Any]:
    """The user as their directory reads them: what it said, corrected by what is so now."""
    said: dict[str, Any] = orjson.loads(row.document) if row.document else {}
    person: User[Any] = Person.model_validate(said)
    person.id = str(row.id)
    person.external_id = row.external_id
    if (person.user_name or "").strip().lower() != row.username:
        person.user_name = row.username
    if _name(person) != row.display_name:
        person.display_name = row.display_name
    if row.document is None or person.active is not None:
        person.active = row.status is Status.ACTIVE
    if groups:
        person.groups = [
            GroupMembership(
                value=str(id),
                ref=Reference(f"{base}/Groups/{id}"),
                display=name,
                type="direct",
            )
            for id, name in groups
        ]
    person.meta = Meta(
        resource_type="User",
        created=row.created_at,
        last_modified=row.updated_at,
        location=f"{base}/Users/{row.id}",
        version=f'W/"{row.version}"',
    )
    return person


def editable(row: PersonRow, base: str) -> User[Any]:
    """The user to apply a change to. A password that there is stands as `KEPT`, so that taking it
    away, setting another and saying nothing of it are told apart."""
    person = shown(row, [], base)
    person.password = KEPT if row.has_password else None
    return person


async def wanted(person: User[Any], passwords: Passwords, before: PersonRow | None) -> Wanted:
    """What a directory asks for. Hashes a password that it sets, so this is done beforehand."""
    if before is None and person.active is None:
        person.active = True
    username = person.user_name or ""
    kept: str | Unchanged | None = UNCHANGED
    if person.password is None and before is not None and before.has_password:
        kept = None
    elif person.password is not None and person.password != KEPT:
        kept = await passwords.hashed(
            await passwords.accepted(person.password, username, _name(person), field="password")
        )
    extension: EnterpriseUser | None = person[EnterpriseUser]
    return Wanted(
        username=username,
        display_name=_name(person),
        external_id=check_external_id(person.external_id),
        active=person.active,
        department=extension.department if extension else None,
        document=orjson.dumps(person.model_dump(exclude=_OURS)),
        password_hash=kept,
    )


def _name(person: User[Any]) -> str:
    name = person.name
    parts = [name.given_name, name.family_name] if name else []
    return first_nonempty_name(
        person.display_name,
        name.formatted if name else None,
        " ".join(part for part in parts if part),
        (person.user_name or "").strip().lower(),
    )
