"""Records of outside systems, checked and normalised before anything is decided about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from chassis.errors import BadInput, HuichiError
from customers.pool.domain import email, name, phone
from customers.pool.domain.fields import FIELDS, KINDS, PERSON, field_called, text
from customers.pool.domain.match import CODE, EMAIL, NAME, PHONE, Key

MAX_CONTACTS = 100
MAX_TAGS = 50
MAX_EXTERNAL_ID = 300
MANUAL = "manual"
VALUE_ID_PREFIXES = ("code", "person", "key")
"""External ids with these prefixes are, or are a hash of, values of the row that an import read: a
reader who knows the rest of the row finds the value by trying."""


@dataclass(frozen=True, slots=True)
class Source:
    """An outside system; a smaller priority wins among systems that no rule names."""

    system: str
    installation: str = ""
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A contact, as the outside system or a user has it."""

    external_id: str
    name: str | None = None
    title: str | None = None
    mobile: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record as it arrives; in a complete record a missing field is withdrawn, else it stays."""

    external_id: str
    kind: str
    observed_at: datetime
    fields: Mapping[str, Any]
    id: UUID | None = None
    deleted: bool = False
    complete: bool = True
    contacts: Sequence[ContactRecord] = ()
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A valid record: each value in its normal spelling, `None` for a withdrawn one."""

    external_id: str
    kind: str
    observed_at: datetime
    id: UUID | None
    deleted: bool
    complete: bool
    values: Mapping[str, str | None]
    contacts: tuple[ContactRecord, ...]
    tags: tuple[str, ...]
    fingerprint: str = ""
    keys: frozenset[Key] = field(default_factory=frozenset)


def prepare(record: SourceRecord) -> Prepared | list[HuichiError]:
    """Return the record normalised, or all its problems at once."""
    problems: list[HuichiError] = []
    values = _values(record, problems)
    contacts = _contacts(record, problems)
    tags = _tags(record.tags, problems)
    _check_identity(record, problems)
    if problems:
        return problems
    return _stamped(
        Prepared(
            external_id=record.external_id,
            kind=record.kind,
            observed_at=record.observed_at,
            id=record.id,
            deleted=record.deleted,
            complete=record.complete,
            values=values,
            contacts=contacts,
            tags=tags,
        )
    )


def fold(earlier: Prepared, later: Prepared) -> Prepared:
    """Fold two versions of a record: a complete later one replaces, a partial one adds."""
    if later.complete or later.deleted:
        return later
    contacts = {contact.external_id: contact for contact in earlier.contacts}
    contacts |= {contact.external_id: contact for contact in later.contacts}
    return _stamped(
        replace(
            later,
            complete=earlier.complete,
            values={**earlier.values, **later.values},
            contacts=tuple(contacts.values()),
            tags=tuple(sorted({*earlier.tags, *later.tags})),
        )
    )


def keys_of(kind: str, values: Mapping[str, str | None]) -> frozenset[Key]:
    """Return the recognition keys of values."""
    keys: set[Key] = set()
    if code := values.get("unified_social_credit_code"):
        keys.add(Key(CODE, code))
    if number := values.get("phone"):
        keys.add(Key(PHONE, number))
    if address := values.get("email"):
        keys.add(Key(EMAIL, address))
    for field_name in ("name", "english_name"):
        if customer_name := values.get(field_name):
            fold_name = name.search_key if kind == PERSON else name.core
            core = fold_name(customer_name)
            if core:
                keys.add(Key(NAME, core))
    return frozenset(keys)


def contact_identity(contact: ContactRecord) -> str:
    """Return what identifies a person at a customer: mobile, else e-mail address, else name."""
    if contact.mobile:
        return f"m:{contact.mobile}"
    if contact.email:
        return f"e:{contact.email}"
    return f"n:{name.search_key(contact.name or '')}"


def _stamped(record: Prepared) -> Prepared:
    content = {
        "kind": record.kind,
        "deleted": record.deleted,
        "complete": record.complete,
        "values": dict(record.values),
        "contacts": [
            [contact.external_id, contact.name, contact.title, contact.mobile, contact.email]
            for contact in sorted(record.contacts, key=lambda contact: contact.external_id)
        ],
        "tags": sorted(record.tags),
    }
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return replace(record, fingerprint=digest, keys=keys_of(record.kind, record.values))


def _check_identity(record: SourceRecord, problems: list[HuichiError]) -> None:
    if not record.external_id.strip() or len(record.external_id) > MAX_EXTERNAL_ID:
        problems.append(
            BadInput(
                f"externalId must have 1 to {MAX_EXTERNAL_ID} characters.",
                f"externalId 长度应为 1 到 {MAX_EXTERNAL_ID} 个字符。",
                field="externalId",
            )
        )
    if record.kind not in KINDS:
        problems.append(
            BadInput(
                f"kind must be one of {', '.join(KINDS)}.",
                f"kind 只能是 {'、'.join(KINDS)}。",
                field="kind",
            )
        )


def _values(record: SourceRecord, problems: list[HuichiError]) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for name_in_record, raw in record.fields.items():
        try:
            field_name = field_called(name_in_record, f"fields.{name_in_record[:60]}").name
            values[field_name] = value_of(field_name, raw)
        except BadInput as problem:
            problems.append(problem)
    if record.complete and not record.deleted:
        for missing in FIELDS.keys() - values.keys():
            values[missing] = None
    has_name = values.get("name") is not None
    has_invalid_name = any(problem.field in ("name", "fields.name") for problem in problems)
    withdraws_name = "name" in record.fields or record.complete
    if not record.deleted and not has_name and not has_invalid_name and withdraws_name:
        problems.append(
            BadInput("name is missing; every customer has one.", "缺少客户名称。", field="name")
        )
    return values


def value_of(field_name: str, raw: Any) -> str | None:
    """Return a value in its normal spelling; `None` for blanks and null, which withdraw it.

    Raises `BadInput`.
    """
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        raise BadInput(
            f"{field_name} must be a text, a number or null.",
            f"{field_name} 只能是文本、数字或 null。",
            field=field_name,
        )
    value = str(raw)
    if not value.strip():
        return None
    return FIELDS[field_name].normalise(value) or None


def checked_contact(contact: ContactRecord, path: str = "contact") -> ContactRecord:
    """Return the contact with each value in its normal spelling. Raises `BadInput`."""
    checked = ContactRecord(
        external_id=contact.external_id.strip(),
        name=_normalised(contact.name, text(f"{path}.name", 200)),
        title=_normalised(contact.title, text(f"{path}.title", 200)),
        mobile=_normalised(contact.mobile, lambda value: phone.normalise(value, f"{path}.mobile")),
        email=_normalised(contact.email, lambda value: email.normalise(value, f"{path}.email")),
    )
    if not (checked.name or checked.mobile or checked.email):
        raise BadInput(
            "A contact needs a name, a mobile or an e-mail address.",
            "联系人至少要有姓名、手机或邮箱之一。",
            field=path,
        )
    return checked


def _normalised(value: str | None, normalise: Callable[[str], str]) -> str | None:
    """Normalise a value; blanks are no value."""
    return (normalise(value) or None) if value is not None and value.strip() else None


def _contacts(record: SourceRecord, problems: list[HuichiError]) -> tuple[ContactRecord, ...]:
    if len(record.contacts) > MAX_CONTACTS:
        problems.append(
            BadInput(
                f"A record has at most {MAX_CONTACTS} contacts.",
                f"一条记录最多 {MAX_CONTACTS} 个联系人。",
                field="contacts",
            )
        )
        return ()
    by_external_id: dict[str, ContactRecord] = {}
    for index, contact in enumerate(record.contacts):
        try:
            checked = checked_contact(contact, f"contacts.{index}")
            external_id = checked.external_id or contact_identity(checked)
            by_external_id[external_id] = replace(checked, external_id=external_id)
        except BadInput as problem:
            problems.append(problem)
    return tuple(by_external_id.values())


def _tags(tags: Sequence[str], problems: list[HuichiError]) -> tuple[str, ...]:
    try:
        return checked_tags(tags)
    except BadInput as problem:
        problems.append(problem)
        return ()


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Return names of tags, trimmed, sorted and without duplicates. Raises `BadInput`."""
    if len(tags) > MAX_TAGS:
        raise BadInput(
            f"A customer takes at most {MAX_TAGS} tags at once.",
            f"一次最多设置 {MAX_TAGS} 个标签。",
            field="tags",
        )
    normalise = text("tags", 60)
    return tuple(sorted({name for tag in tags if (name := normalise(tag))}))
