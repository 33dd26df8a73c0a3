"""Sign-in providers: what their claims say about a user, and what follows from it here.

An account here is linked to (provider, issuer, subject) and nothing else. An e-mail address finds
an account only where an administrator permitted it for this provider and its domains, and the
provider states that it verified the address; otherwise any user who can enter an address at the
provider could sign in as its owner.
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

MAX_TITLE_LENGTH, MAX_ID_LENGTH, MAX_SECRET_LENGTH, MAX_ENTRIES = 100, 500, 4000, 20
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
_CLAIM = re.compile(r"[\x21-\x7e]{1,100}")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
# Values of `amr` (RFC 8176) that are a second factor beside a password.
_SECOND_METHODS = frozenset({"otp", "hwk", "swk", "sms", "tel", "fpt", "face", "iris"})


class Admission(Enum):
    """Which users may sign in through a provider."""

    LINKED = "linked"
    KNOWN = "known"
    EVERYBODY = "everybody"


class UsernameForm(Enum):
    """Which part of a verified e-mail address is the user name here."""

    ADDRESS = "address"
    LOCAL_PART = "local_part"


@dataclass(frozen=True, slots=True)
class ClaimMapping:
    """The names of the claims that hold name, e-mail address and its verification."""

    display_name: str = "name"
    email: str = "email"
    email_verified: str = "email_verified"


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """A user as the claims of a provider describe them."""

    issuer: str
    subject: str
    session: str | None
    display_name: str
    email: str | None
    email_verified: bool
    strong: bool


def identity_from_claims(claims: Mapping[str, Any], mapped: ClaimMapping) -> ExternalIdentity:
    """Read an identity from validated claims; only the JSON value `true` verifies an address."""
    email = claims.get(mapped.email)
    address = email.strip().lower() if isinstance(email, str) and "@" in email else None
    name, session, methods = claims.get(mapped.display_name), claims.get("sid"), claims.get("amr")
    return ExternalIdentity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        session=session if isinstance(session, str) and session else None,
        display_name=name.strip() if isinstance(name, str) else "",
        email=address,
        email_verified=claims.get(mapped.email_verified) is True,
        strong=_is_strong(methods),
    )


def _is_strong(methods: object) -> bool:
    """Return whether two factors were used at the provider (`amr`, RFC 8176)."""
    method_names = set(map(str, methods)) if isinstance(methods, list) else set()
    return "mfa" in method_names or ("pwd" in method_names and bool(method_names & _SECOND_METHODS))


def username_for(
    identity: ExternalIdentity, domains: Sequence[str], form: UsernameForm
) -> str | None:
    """Return the user name that a verified address in one of the domains stands for, or None."""
    if identity.email is None or not identity.email_verified:
        return None
    local, _, domain = identity.email.rpartition("@")
    if domain not in domains or not local or "@" in local:
        return None
    return identity.email if form is UsernameForm.ADDRESS else local


def check_name(text: str, *, field: str = "name") -> str:
    """Return the trimmed name that addresses use for a provider. Raises `BadInput`."""
    slug = text.strip()
    if not _NAME.fullmatch(slug):
        raise BadInput(
            f"{field} must be 2 to 31 characters of a-z, 0-9 and -, starting with a letter.",
            f"{field} 须为 2 至 31 个字符，只能含小写字母、数字和 -，并以字母开头。",
            field=field,
        )
    return slug


def check_title(text: str, *, field: str = "title") -> str:
    """Return the trimmed label of the sign-in button. Raises `BadInput`."""
    return required(text, field=field, longest=MAX_TITLE_LENGTH)


def check_issuer(text: str, *, insecure: bool, field: str = "issuer") -> str:
    """Return the issuer of a provider, compared letter by letter with its tokens.

    Raises `BadInput`.
    """
    url = required(text, field=field, longest=MAX_ID_LENGTH)
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (insecure and parts.scheme == "http")
    if not safe or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise BadInput(
            f"{field} must be a URL that starts with https:// and has no query.",
            f"{field} 须为以 https:// 开头且不含查询参数的 URL。",
            field=field,
        )
    return url


def check_client_id(text: str, *, field: str = "clientId") -> str:
    """Return our client id at the provider. Raises `BadInput`."""
    return required(text, field=field, longest=MAX_ID_LENGTH)


def check_scopes(requested: Sequence[str], *, field: str = "scopes") -> tuple[str, ...]:
    """Return the scopes to request, `openid` first as OpenID Connect requires.

    Raises `BadInput`.
    """
    scope_names = list(dict.fromkeys(["openid", *(scope.strip() for scope in requested)]))
    if len(scope_names) > MAX_ENTRIES or not all(_SCOPE.fullmatch(scope) for scope in scope_names):
        raise BadInput(
            f"{field} must hold at most {MAX_ENTRIES} scopes without spaces.",
            f"{field} 最多 {MAX_ENTRIES} 个，且不能含空格。",
            field=field,
        )
    return tuple(scope_names)


def check_claim_mapping(mapping: ClaimMapping, *, field: str = "claims") -> ClaimMapping:
    """Return the mapping if every name can be a claim name. Raises `BadInput`."""
    for part in ("display_name", "email", "email_verified"):
        if not _CLAIM.fullmatch(getattr(mapping, part)):
            raise BadInput(
                f"{field} holds an invalid claim name; use 1 to 100 printable ASCII characters.",
                f"{field} 中的声明名称无效，须为 1 至 100 个可打印的 ASCII 字符。",
                field=field,
            )
    return mapping


def check_domains(
    requested: Sequence[str], admission: Admission, form: UsernameForm, *, field: str = "domains"
) -> tuple[str, ...]:
    """Return the e-mail domains, sorted, in lower case. Raises `BadInput`."""
    domain_names = tuple(sorted({domain.strip().lower().removeprefix("@") for domain in requested}))
    if len(domain_names) > MAX_ENTRIES or not all(
        _DOMAIN.fullmatch(domain) for domain in domain_names
    ):
        raise BadInput(
            f"{field} must hold at most {MAX_ENTRIES} domain names such as example.com.",
            f"{field} 最多包含 {MAX_ENTRIES} 个域名，例如 example.com。",
            field=field,
        )
    if admission is not Admission.LINKED and not domain_names:
        raise BadInput(
            f"{field} is empty; this admission needs at least one e-mail domain.",
            f"{field} 为空；该准入方式至少需要一个邮箱域名。",
            field=field,
        )
    if form is UsernameForm.LOCAL_PART and len(domain_names) > 1:
        raise BadInput(
            f"{field} has several domains; LOCAL_PART needs exactly one, because equal local parts "
            "would be the same user.",
            f"{field} 包含多个域名；LOCAL_PART 仅允许一个域名，否则相同的邮箱前缀会混为同一用户。",
            field=field,
        )
    return domain_names
