"""Sign-in providers: who else may say who somebody is, and what follows from what they say.

An account here is tied to (provider, issuer, subject) and nothing else. An e-mail address finds an
account only where an administrator said so for this provider and its domains, and the provider says
that it verified the address; else whoever may type an address there could become anybody here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from chassis.errors import BadInput
from identity.core.domain.text import required

LONGEST_TITLE, LONGEST_ID, LONGEST_SECRET, MOST = 100, 500, 4000, 20
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
_CLAIM = re.compile(r"[\x21-\x7e]{1,100}")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
# RFC 8176: what is shown beside a password.
_BESIDE = frozenset({"otp", "hwk", "swk", "sms", "tel", "fpt", "face", "iris"})


class Admission(Enum):
    """Who may come in by a provider."""

    LINKED = "linked"
    KNOWN = "known"
    EVERYBODY = "everybody"


class UsernameForm(Enum):
    """Which part of a verified e-mail address is the user name here."""

    ADDRESS = "address"
    LOCAL_PART = "local_part"


@dataclass(frozen=True, slots=True)
class Mapped:
    """In which claims a provider says what."""

    display_name: str = "name"
    email: str = "email"
    email_verified: str = "email_verified"


@dataclass(frozen=True, slots=True)
class Claimed:
    """Somebody as a provider tells of them."""

    issuer: str
    subject: str
    session: str | None
    display_name: str
    email: str | None
    email_verified: bool
    strong: bool


def claimed(claims: Mapping[str, Any], mapped: Mapped) -> Claimed:
    """What validated claims say. Only a true `true` is a verification."""
    email = claims.get(mapped.email)
    address = email.strip().lower() if isinstance(email, str) and "@" in email else None
    name, session, methods = claims.get(mapped.display_name), claims.get("sid"), claims.get("amr")
    return Claimed(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        session=session if isinstance(session, str) and session else None,
        display_name=name.strip() if isinstance(name, str) else "",
        email=address,
        email_verified=claims.get(mapped.email_verified) is True,
        strong=_is_strong(methods),
    )


def _is_strong(methods: object) -> bool:
    """Whether two factors were shown there (`amr`, RFC 8176)."""
    said = set(map(str, methods)) if isinstance(methods, list) else set()
    return "mfa" in said or ("pwd" in said and bool(said & _BESIDE))


def username_for(who: Claimed, domains: Sequence[str], form: UsernameForm) -> str | None:
    """The user name that a verified address of one of the domains means; None: it means none."""
    if who.email is None or not who.email_verified:
        return None
    local, _, domain = who.email.rpartition("@")
    if domain not in domains or not local or "@" in local:
        return None
    return who.email if form is UsernameForm.ADDRESS else local


def name(text: str, *, field: str = "name") -> str:
    """The part of addresses that names a provider."""
    found = text.strip()
    if not _NAME.fullmatch(found):
        raise BadInput(
            f"{field} must be 2 to 31 characters of a-z, 0-9 and -, beginning with a letter.",
            f"{field} 须为 2 至 31 个字符，只能含小写字母、数字和 -，并以字母开头。",
            field=field,
        )
    return found


def title(text: str, *, field: str = "title") -> str:
    """What stands on the button."""
    return required(text, field=field, longest=LONGEST_TITLE)


def issuer(text: str, *, insecure: bool, field: str = "issuer") -> str:
    """The provider's issuer, letter by letter as its tokens say it."""
    found = required(text, field=field, longest=LONGEST_ID)
    parts = urlsplit(found)
    safe = parts.scheme == "https" or (insecure and parts.scheme == "http")
    if not safe or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise BadInput(
            f"{field} must be an address that begins with https:// and has no query.",
            f"{field} 须为以 https:// 开头且不带查询参数的地址。",
            field=field,
        )
    return found


def client_id(text: str, *, field: str = "clientId") -> str:
    """By what name the provider knows us."""
    return required(text, field=field, longest=LONGEST_ID)


def scopes(asked: Sequence[str], *, field: str = "scopes") -> tuple[str, ...]:
    """What is asked of the provider; `openid` first, else it is no sign-in."""
    found = list(dict.fromkeys(["openid", *(one.strip() for one in asked)]))
    if len(found) > MOST or not all(_SCOPE.fullmatch(one) for one in found):
        raise BadInput(
            f"{field} must be at most {MOST} words without spaces.",
            f"{field} 最多 {MOST} 个，且不能含空格。",
            field=field,
        )
    return tuple(found)


def mapped(said: Mapped, *, field: str = "claims") -> Mapped:
    """The mapping, if every name can be one of a claim."""
    for part in ("display_name", "email", "email_verified"):
        if not _CLAIM.fullmatch(getattr(said, part)):
            raise BadInput(
                f"{field} names a claim that cannot be one.",
                f"{field} 中的声明名称无效。",
                field=field,
            )
    return said


def domains(
    asked: Sequence[str], admission: Admission, form: UsernameForm, *, field: str = "domains"
) -> tuple[str, ...]:
    """The e-mail domains whose addresses mean something here."""
    found = tuple(sorted({one.strip().lower().removeprefix("@") for one in asked}))
    if len(found) > MOST or not all(_DOMAIN.fullmatch(one) for one in found):
        raise BadInput(
            f"{field} must be at most {MOST} names like example.com.",
            f"{field} 最多 {MOST} 个，形如 example.com。",
            field=field,
        )
    if admission is not Admission.LINKED and not found:
        raise BadInput(
            f"{field} is empty; people are found by their address only in domains that are named.",
            f"{field} 为空；只有在指定域名内才按邮箱识别人员。",
            field=field,
        )
    if form is UsernameForm.LOCAL_PART and len(found) > 1:
        raise BadInput(
            f"{field} names several; the same first part of two addresses would be one person.",
            f"{field} 含多个域名，不同邮箱的相同前缀会被当作同一人。",
            field=field,
        )
    return found
