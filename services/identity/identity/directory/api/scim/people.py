"""Convert between people and SCIM users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from scim2_models import EnterpriseUser, GroupMembership, Meta, Reference, User

from identity.core.domain.ids import DirectoryGroupId
from identity.directory.api.scim.description import Person
from identity.directory.domain.directory import (
    UNCHANGED,
    PersonRequest,
    Unchanged,
    check_external_id,
    first_nonempty_name,
)
from identity.directory.store.directory_user import PersonRow
from identity.people.domain.user import Status
from identity.sign_in.services.passwords import PasswordService

PLACEHOLDER = "\0"
_NOT_STORED = {"id", "meta", "groups", "password", "external_id", "schemas"}


def to_scim(row: PersonRow, groups: Sequence[tuple[DirectoryGroupId, str]], base: str) -> User[Any]:
    """Return a person as SCIM user: what the directory sent, corrected by the present state."""
    document: dict[str, Any] = orjson.loads(row.document) if row.document else {}
    person: User[Any] = Person.model_validate(document)
    person.id = str(row.id)
    person.external_id = row.external_id
    if (person.user_name or "").strip().lower() != row.username:
        person.user_name = row.username
    if _display_name(person) != row.display_name:
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
    """Return the SCIM user to apply a change to.

    An existing password stands as `PLACEHOLDER`, so that removing it, setting another and
    leaving it unchanged are told apart.
    """
    person = to_scim(row, [], base)
    person.password = PLACEHOLDER if row.has_password else None
    return person


async def to_request(
    person: User[Any], passwords: PasswordService, current: PersonRow | None
) -> PersonRequest:
    """Return the requested state of a person.

    Hashes a password that the directory sets, so it runs before the transaction.
    """
    if current is None and person.active is None:
        person.active = True
    username = person.user_name or ""
    password_hash: str | Unchanged | None = UNCHANGED
    if person.password is None and current is not None and current.has_password:
        password_hash = None
    elif person.password is not None and person.password != PLACEHOLDER:
        password_hash = await passwords.hash_password(
            await passwords.check_strength(
                person.password, username, _display_name(person), field="password"
            )
        )
    extension: EnterpriseUser | None = person[EnterpriseUser]
    return PersonRequest(
        username=username,
        display_name=_display_name(person),
        external_id=check_external_id(person.external_id),
        active=person.active,
        department=extension.department if extension else None,
        document=orjson.dumps(person.model_dump(exclude=_NOT_STORED)),
        password_hash=password_hash,
    )


def _display_name(person: User[Any]) -> str:
    """Return the first name that is not empty: display name, formatted name, parts, user name."""
    name = person.name
    parts = [name.given_name, name.family_name] if name else []
    return first_nonempty_name(
        person.display_name,
        name.formatted if name else None,
        " ".join(part for part in parts if part),
        (person.user_name or "").strip().lower(),
    )
