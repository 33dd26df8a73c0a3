"""The fields of a customer: the normal spelling of each, and the coordinate that guards it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chassis.errors import BadInput
from customers.pool.domain import credit_code, email, phone

ORGANIZATION = "ORGANIZATION"
PERSON = "PERSON"
KINDS = (ORGANIZATION, PERSON)
LIFECYCLES = ("LEAD", "PROSPECT", "ACTIVE", "DORMANT", "ARCHIVED", "BLOCKED")
DEFAULT_LIFECYCLE = "LEAD"

CREDIT_CODE_COORDINATE = "Customer.unified_social_credit_code"
MOBILE_COORDINATE = "Contact.mobile"
EMAIL_COORDINATE = "Contact.email"
NAME_COORDINATE = "Contact.name"


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its names in the domain and the graph, its normalisation, and what protects it."""

    name: str
    graph_name: str
    normalise: Callable[[str], str]
    protected_by: str | None = None


# Invisible characters at the ends of pasted text; in an exported cell they are the watermark.
_INVISIBLE = " \ufeff\u200b\u200c\u200d\u2060"


def text(field: str, limit: int) -> Callable[[str], str]:
    """Return a normalisation of free text: one line, trimmed, not longer than the limit."""

    def normalise(value: str) -> str:
        clean = " ".join(unicodedata.normalize("NFC", value).split()).strip(_INVISIBLE)
        if any(unicodedata.category(character) == "Cc" for character in clean):
            raise BadInput(
                f"{field} contains control characters; only readable text is allowed.",
                f"{field} 含有控制字符，只能填写可读文本。",
                field=field,
            )
        if len(clean) > limit:
            raise BadInput(
                f"{field} has {len(clean)} characters; at most {limit} are allowed.",
                f"{field} 有 {len(clean)} 个字符，最多 {limit} 个。",
                field=field,
            )
        return clean

    return normalise


def lifecycle(value: str) -> str:
    """Return a lifecycle stage in upper case. Raises `BadInput` for an unknown one."""
    stage = value.strip().upper()
    if stage not in LIFECYCLES:
        raise BadInput(
            f"lifecycle must be one of {', '.join(LIFECYCLES)}.",
            f"lifecycle 只能是 {'、'.join(LIFECYCLES)} 之一。",
            field="lifecycle",
        )
    return stage


_WEBSITE = re.compile(r"(?:https?://)?([a-z0-9\-]+(?:\.[a-z0-9\-]+)+)(:\d{1,5})?(/\S*)?", re.I)


def website(value: str) -> str:
    """Return a web address with its scheme and the host in lower case. Raises `BadInput`."""
    clean = text("website", 300)(value)
    match = _WEBSITE.fullmatch(clean)
    if not match:
        raise BadInput(
            "website is not a web address; it looks like https://www.example.com.",
            "网址格式不正确，应形如 https://www.example.com。",
            field="website",
        )
    scheme = "http" if clean.lower().startswith("http://") else "https"
    path = "" if match[3] in (None, "/") else match[3]
    return f"{scheme}://{match[1].lower()}{match[2] or ''}{path}"


FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("name", "name", text("name", 300)),
        Field("english_name", "englishName", text("english_name", 300)),
        Field(
            "unified_social_credit_code",
            "unifiedSocialCreditCode",
            credit_code.normalise,
            CREDIT_CODE_COORDINATE,
        ),
        Field("phone", "phone", phone.normalise, MOBILE_COORDINATE),
        Field("email", "email", email.normalise, EMAIL_COORDINATE),
        Field("website", "website", website),
        Field("industry", "industry", text("industry", 100)),
        Field("region", "region", text("region", 100)),
        Field("address", "address", text("address", 500)),
        Field("size", "size", text("size", 100)),
        Field("lifecycle", "lifecycle", lifecycle),
        Field("note", "note", text("note", 2000)),
    )
}
BY_GRAPH_NAME: Mapping[str, Field] = {field.graph_name: field for field in FIELDS.values()}


def field_called(name: str, argument: str = "field") -> Field:
    """Return the field with this name, in either spelling. Raises `BadInput` that lists them."""
    field = FIELDS.get(name) or BY_GRAPH_NAME.get(name)
    if field is None:
        names = ", ".join(BY_GRAPH_NAME)
        raise BadInput(
            f"There is no field {name[:60]!r}; the fields are {names}.",
            f"没有名为 {name[:60]!r} 的字段，可用字段：{names}。",
            field=argument,
        )
    return field
