"""A mapping turns a raw record into a source record; it is data, and applying it is pure."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.core.domain.failure import Skip
from integrations.specs.domain.expression import Expression
from integrations.specs.domain.functions import Function, find_function, iso_time, text
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
    """The rule for one value: where it comes from, and the functions it passes through."""

    source: Expression | None = None
    via: tuple[Function, ...] = ()
    default: Any = None
    when: Expression | None = None
    required: bool = False

    def value(self, raw: Map[str, Any]) -> Any:
        """Return the value of a raw record, or the default where it has none."""
        if self.when is not None and not self.when.holds(raw):
            return self.default
        value = self.source.find(raw) if self.source else None
        for step in self.via:
            value = step(value)
        return self.default if value in (None, "", []) else value


@dataclass(frozen=True, slots=True)
class ContactRule:
    """The rules for the contacts of a raw record: its list of people, and the fields of each."""

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
        """Map a raw record. Raises `Skip` when it cannot be used."""
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
        """Return the id the source uses. Raises `Skip` where it is missing or too long."""
        external_id = text(self.key.find(raw))
        if external_id is None:
            raise Skip(
                "NO_KEY",
                f"The record has no value at its key `{self.key.text}`, so the next sync could not "
                "recognise it.",
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
        kind = text(self.kind.value(raw))
        try:
            return Kind((kind or "").upper())
        except ValueError:
            raise Skip(
                "BAD_KIND",
                f"The kind is {kind!r}; it must be ORGANIZATION or PERSON.",
                f"类型为 {kind!r}，应为 ORGANIZATION 或 PERSON。",
            ) from None

    def _fields(self, raw: Map[str, Any], deleted: bool) -> dict[str, str]:
        values = {name: text(rule.value(raw)) for name, rule in self.fields.items()}
        for name, rule in self.fields.items():
            if rule.required and values[name] is None and not deleted:
                raise Skip(
                    "MISSING_FIELD",
                    f"`{name}` is required, and the record has no usable value for it "
                    f"(read from `{rule.source.text if rule.source else ''}`).",
                    f"必填字段 `{name}` 没有可用的值"
                    f"（取自 `{rule.source.text if rule.source else ''}`）。",
                )
        return {name: value for name, value in values.items() if value is not None}

    def _contacts(self, raw: Map[str, Any]) -> tuple[Contact, ...]:
        if self.contacts is None:
            return ()
        items = self.contacts.each.find(raw)
        contacts: dict[str, Contact] = {}
        for item in items if isinstance(items, list) else []:
            values = {name: text(rule.value(item)) for name, rule in self.contacts.rules.items()}
            external_id = values.pop("external_id", None)
            if external_id and any(values.values()):
                contacts[external_id] = Contact(external_id, **values)
        if len(contacts) > MAX_CONTACTS:
            raise Skip(
                "TOO_MANY_CONTACTS",
                f"The record has {len(contacts)} contacts; {MAX_CONTACTS} are allowed.",
                f"记录有 {len(contacts)} 个联系人，最多允许 {MAX_CONTACTS} 个。",
            )
        return tuple(contacts.values())

    def _tags(self, raw: Map[str, Any]) -> tuple[str, ...]:
        value = self.tags.value(raw) if self.tags else None
        items = value if isinstance(value, list) else [value]
        return tuple(dict.fromkeys(tag for item in items if (tag := text(item))))[:MAX_TAGS]

    def _observed_at(self, raw: Map[str, Any]) -> datetime | None:
        return iso_time(self.observed_at.value(raw)) if self.observed_at else None


def parse_rule(document: Any) -> Rule:
    """Return a rule of a spec: a path as text, or an object of `from`, `via`, `default`, `when`."""
    if isinstance(document, str):
        return Rule(source=Expression(document))
    return Rule(
        source=Expression(document["from"]) if "from" in document else None,
        via=tuple(find_function(step) for step in document.get("via", ())),
        default=document.get("const", document.get("default")),
        when=Expression(document["when"]) if "when" in document else None,
        required=bool(document.get("required", False)),
    )


def parse_mapping(key: str, document: Map[str, Any]) -> Mapping:
    """Return the mapping of a spec, which is already valid under the spec's schema."""
    contacts = document.get("contacts")
    return Mapping(
        key=Expression(key),
        kind=parse_rule(document.get("kind", {"const": Kind.ORGANIZATION.value})),
        fields={name: parse_rule(field) for name, field in document["fields"].items()},
        contacts=ContactRule(
            each=Expression(contacts["each"]),
            rules={name: parse_rule(contacts[name]) for name in CONTACT_FIELDS if name in contacts},
        )
        if contacts
        else None,
        tags=parse_rule(document["tags"]) if "tags" in document else None,
        observed_at=parse_rule(document["observed_at"]) if "observed_at" in document else None,
        deleted_when=Expression(document["deleted_when"]) if "deleted_when" in document else None,
    )
