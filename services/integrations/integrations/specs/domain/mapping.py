"""A mapping turns what a source says into the words of the pool; it is data, and running it is
pure."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.core.domain.failure import Skip
from integrations.specs.domain.expression import Expression
from integrations.specs.domain.functions import Function, function, iso_time, text
from integrations.specs.domain.source_record import Contact, Kind, SourceRecord

FIELDS = (
    "name",
    "unified_social_credit_code",
    "phone",
    "email",
    "website",
    "industry",
    "region",
    "address",
)
CONTACT_FIELDS = ("external_id", "name", "title", "mobile", "email")
MAX_CONTACTS = 100
MAX_TAGS = 50


@dataclass(frozen=True, slots=True)
class Rule:
    """Where one value comes from and what is done to it on the way."""

    source: Expression | None = None
    via: tuple[Function, ...] = ()
    default: Any = None
    when: Expression | None = None
    required: bool = False

    def value(self, raw: Map[str, Any]) -> Any:
        if self.when is not None and not self.when.holds(raw):
            return self.default
        found = self.source.find(raw) if self.source else None
        for step in self.via:
            found = step(found)
        return self.default if found in (None, "", []) else found


@dataclass(frozen=True, slots=True)
class ContactRule:
    """Which items of a raw record are people, and what is said of each."""

    each: Expression
    rules: Map[str, Rule]


@dataclass(frozen=True, slots=True)
class Mapping:
    """All rules of one stream."""

    key: Expression
    kind: Rule
    fields: Map[str, Rule]
    contacts: ContactRule | None = None
    tags: Rule | None = None
    observed_at: Rule | None = None
    deleted_when: Expression | None = None

    def record(self, raw: Map[str, Any]) -> SourceRecord:
        """The raw record in our words. Raises `Skip` when it cannot be used."""
        external_id = self.external_id(raw)
        deleted = self.deleted_when is not None and self.deleted_when.holds(raw)
        return SourceRecord(
            external_id=external_id,
            kind=self._kind(raw),
            fields=self._fields(raw, deleted),
            contacts=self._contacts(raw),
            tags=self._tags(raw),
            observed_at=self._observed_at(raw),
            deleted=deleted,
        )

    def external_id(self, raw: Map[str, Any]) -> str:
        """The id the source itself uses; without one a record cannot be recognised again."""
        external_id = text(self.key.find(raw))
        if external_id is None:
            raise Skip(
                "NO_KEY",
                f"The record has nothing at its key `{self.key.text}`, so it could not be "
                "recognised at the next sync.",
                f"记录在主键 `{self.key.text}` 处没有值，下次同步时将无法识别。",
            )
        if len(external_id) > 200:
            raise Skip(
                "KEY_TOO_LONG",
                f"The key `{self.key.text}` holds {len(external_id)} characters; 200 are allowed.",
                f"主键 `{self.key.text}` 有 {len(external_id)} 个字符，最多允许 200 个。",
            )
        return external_id

    def _kind(self, raw: Map[str, Any]) -> Kind:
        said = text(self.kind.value(raw))
        try:
            return Kind((said or "").upper())
        except ValueError:
            raise Skip(
                "BAD_KIND",
                f"The kind is {said!r}; it must be ORGANIZATION or PERSON.",
                f"类型为 {said!r}，应为 ORGANIZATION 或 PERSON。",
            ) from None

    def _fields(self, raw: Map[str, Any], deleted: bool) -> dict[str, str]:
        said = {name: text(rule.value(raw)) for name, rule in self.fields.items()}
        for name, rule in self.fields.items():
            if rule.required and said[name] is None and not deleted:
                raise Skip(
                    "MISSING_FIELD",
                    f"`{name}` is required and the record gives no usable value for it "
                    f"(looked at `{rule.source.text if rule.source else ''}`).",
                    f"必填字段 `{name}` 没有可用的值"
                    f"（取自 `{rule.source.text if rule.source else ''}`）。",
                )
        return {name: value for name, value in said.items() if value is not None}

    def _contacts(self, raw: Map[str, Any]) -> tuple[Contact, ...]:
        if self.contacts is None:
            return ()
        found = self.contacts.each.find(raw)
        people: dict[str, Contact] = {}
        for item in found if isinstance(found, list) else []:
            said = {name: text(rule.value(item)) for name, rule in self.contacts.rules.items()}
            external_id = said.pop("external_id", None)
            if external_id and any(said.values()):
                people[external_id] = Contact(external_id, **said)
        if len(people) > MAX_CONTACTS:
            raise Skip(
                "TOO_MANY_CONTACTS",
                f"The record has {len(people)} contacts; {MAX_CONTACTS} are allowed.",
                f"记录有 {len(people)} 个联系人，最多允许 {MAX_CONTACTS} 个。",
            )
        return tuple(people.values())

    def _tags(self, raw: Map[str, Any]) -> tuple[str, ...]:
        found = self.tags.value(raw) if self.tags else None
        items = found if isinstance(found, list) else [found]
        return tuple(dict.fromkeys(tag for item in items if (tag := text(item))))[:MAX_TAGS]

    def _observed_at(self, raw: Map[str, Any]) -> datetime | None:
        return iso_time(self.observed_at.value(raw)) if self.observed_at else None


def rule(said: Any) -> Rule:
    """A rule from its data: a path as text, or an object with `from`, `via`, `default`, `when`."""
    if isinstance(said, str):
        return Rule(source=Expression(said))
    return Rule(
        source=Expression(said["from"]) if "from" in said else None,
        via=tuple(function(step) for step in said.get("via", ())),
        default=said.get("const", said.get("default")),
        when=Expression(said["when"]) if "when" in said else None,
        required=bool(said.get("required", False)),
    )


def mapping(key: str, said: Map[str, Any]) -> Mapping:
    """A mapping from its data, which the spec's schema has already found well-formed."""
    contacts = said.get("contacts")
    return Mapping(
        key=Expression(key),
        kind=rule(said.get("kind", {"const": Kind.ORGANIZATION.value})),
        fields={name: rule(each) for name, each in said["fields"].items()},
        contacts=ContactRule(
            each=Expression(contacts["each"]),
            rules={name: rule(contacts[name]) for name in CONTACT_FIELDS if name in contacts},
        )
        if contacts
        else None,
        tags=rule(said["tags"]) if "tags" in said else None,
        observed_at=rule(said["observed_at"]) if "observed_at" in said else None,
        deleted_when=Expression(said["deleted_when"]) if "deleted_when" in said else None,
    )
