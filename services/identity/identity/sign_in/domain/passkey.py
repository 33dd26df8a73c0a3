"""Passkeys (WebAuthn level 3): what a browser is asked, and whether its answer is good.

`webauthn` by Duo does the CBOR and the signatures. The counter is judged here: one that does not grow
means that two devices hold what only one should.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import webauthn
from webauthn.helpers import parse_authentication_credential_json, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.parse_registration_credential_json import (
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from chassis.errors import BadInput
from identity.core.domain.text import required

LONGEST_NAME, MOST, LARGEST = 100, 20, 20_000
Verification = Literal["required", "preferred", "discouraged"]


class BadPasskey(Exception):
    """The answer is not that of the passkey; the text is for the log."""


class CopiedPasskey(BadPasskey):
    """Its counter went back: somebody has a copy."""


@dataclass(frozen=True, slots=True)
class Relying:
    """For whom passkeys are made: a domain, and the pages on it that may ask for them."""

    domain: str
    origins: tuple[str, ...]
    verification: Verification


@dataclass(frozen=True, slots=True)
class Known:
    """What has to be known of a passkey to ask for it."""

    credential_id: bytes
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """A new passkey."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    backed_up: bool


def new_challenge() -> bytes:
    """A challenge that nobody guesses."""
    return secrets.token_bytes(32)


def name(text: str, *, field: str = "name") -> str:
    """What its owner calls a passkey."""
    return required(text, field=field, longest=LONGEST_NAME)


def registration(
    relying: Relying,
    challenge: bytes,
    user_id: bytes,
    username: str,
    display_name: str,
    present: Sequence[Known],
) -> str:
    """`PublicKeyCredentialCreationOptionsJSON` for `navigator.credentials.create`."""
    options = webauthn.generate_registration_options(
        rp_id=relying.domain,
        rp_name="Huichi",
        user_id=user_id,
        user_name=username,
        user_display_name=display_name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement(relying.verification),
        ),
        exclude_credentials=_descriptors(present),
    )
    return webauthn.options_to_json(options)


def request(relying: Relying, challenge: bytes, present: Sequence[Known]) -> str:
    """`PublicKeyCredentialRequestOptionsJSON` for `navigator.credentials.get`."""
    options = webauthn.generate_authentication_options(
        rp_id=relying.domain,
        challenge=challenge,
        allow_credentials=_descriptors(present),
        user_verification=UserVerificationRequirement(relying.verification),
    )
    return webauthn.options_to_json(options)


def registered(relying: Relying, answer: str, challenge: bytes) -> Registered:
    """The passkey of a browser's answer. Raises `BadPasskey`."""
    try:
        found = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=relying.domain,
            expected_origin=list(relying.origins),
            require_user_verification=relying.verification == "required",
        )
        said = parse_registration_credential_json(answer).response.transports or []
    except _PROBLEMS as problem:
        raise BadPasskey(type(problem).__name__) from problem
    return Registered(
        found.credential_id,
        found.credential_public_key,
        found.sign_count,
        tuple(one.value for one in said),
        found.credential_backed_up,
    )


def shown(
    relying: Relying, answer: str, challenge: bytes, public_key: bytes, sign_count: int
) -> tuple[int, bool]:
    """The new counter, and whether the passkey is backed up now. Raises `BadPasskey`."""
    try:
        found = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=relying.domain,
            expected_origin=list(relying.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=relying.verification == "required",
        )
    except _PROBLEMS as problem:
        raise BadPasskey(type(problem).__name__) from problem
    fresh = found.new_sign_count
    # Passkeys that are synchronised do not count: theirs stays zero.
    if (fresh or sign_count) and fresh <= sign_count:
        raise CopiedPasskey(f"counter {fresh} after {sign_count}")
    return fresh, found.credential_backed_up


def said(answer: str, *, field: str) -> tuple[bytes, bytes]:
    """The credential and the challenge that a browser's answer names. Raises `BadInput`."""
    try:
        if len(answer) > LARGEST:
            raise ValueError("too long")
        if '"attestationObject"' in answer:
            credential = parse_registration_credential_json(answer)
            data = credential.response.client_data_json
            return credential.raw_id, parse_client_data_json(data).challenge
        shown = parse_authentication_credential_json(answer)
        return shown.raw_id, parse_client_data_json(shown.response.client_data_json).challenge
    except _PROBLEMS as problem:
        raise BadInput(
            f"{field} is not what a browser answers about a passkey (`credential.toJSON()`).",
            f"{field} 不是浏览器返回的通行密钥数据（credential.toJSON()）。",
            field=field,
        ) from problem


def _descriptors(present: Sequence[Known]) -> list[PublicKeyCredentialDescriptor]:
    known = {one.value for one in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=one.credential_id,
            transports=[AuthenticatorTransport(way) for way in one.transports if way in known],
        )
        for one in present
    ]


# What the library raises for bytes that are no CBOR, no base64 or no key is not one family.
_PROBLEMS = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError)
