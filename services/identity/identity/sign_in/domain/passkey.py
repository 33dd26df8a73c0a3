"""Passkeys (WebAuthn level 3): what a browser is asked for, and whether its answer is valid.

`webauthn` by Duo parses the CBOR and verifies the signatures. The signature counter is judged here:
one that does not grow means that two devices hold what only one should.
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

MAX_NAME_LENGTH, MAX_PASSKEYS, MAX_CREDENTIAL_LENGTH = 100, 20, 20_000
Verification = Literal["required", "preferred", "discouraged"]


class InvalidPasskey(Exception):
    """A browser's answer that is not a valid answer of the passkey; the text is for the log."""


class ClonedPasskey(InvalidPasskey):
    """The signature counter went back: a copy of the passkey is in use."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The relying party of WebAuthn: a domain, and the origins on it that may use its passkeys."""

    domain: str
    origins: tuple[str, ...]
    verification: Verification


@dataclass(frozen=True, slots=True)
class PasskeyDescriptor:
    """What a browser must be told of a passkey to ask for it."""

    credential_id: bytes
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegisteredPasskey:
    """A new passkey from a verified registration."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    backed_up: bool


def new_challenge() -> bytes:
    """Return 32 random bytes that an authenticator has to sign."""
    return secrets.token_bytes(32)


def check_name(text: str, *, field: str = "name") -> str:
    """Return the trimmed name of a passkey. Raises `BadInput`."""
    return required(text, field=field, longest=MAX_NAME_LENGTH)


def creation_options(
    relying_party: RelyingParty,
    challenge: bytes,
    user_id: bytes,
    username: str,
    display_name: str,
    existing: Sequence[PasskeyDescriptor],
) -> str:
    """Return `PublicKeyCredentialCreationOptionsJSON` for `navigator.credentials.create`."""
    options = webauthn.generate_registration_options(
        rp_id=relying_party.domain,
        rp_name="Huichi",
        user_id=user_id,
        user_name=username,
        user_display_name=display_name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement(relying_party.verification),
        ),
        exclude_credentials=_descriptors(existing),
    )
    return webauthn.options_to_json(options)


def request_options(
    relying_party: RelyingParty, challenge: bytes, allowed: Sequence[PasskeyDescriptor]
) -> str:
    """Return `PublicKeyCredentialRequestOptionsJSON` for `navigator.credentials.get`."""
    options = webauthn.generate_authentication_options(
        rp_id=relying_party.domain,
        challenge=challenge,
        allow_credentials=_descriptors(allowed),
        user_verification=UserVerificationRequirement(relying_party.verification),
    )
    return webauthn.options_to_json(options)


def verify_registration(
    relying_party: RelyingParty, answer: str, challenge: bytes
) -> RegisteredPasskey:
    """Verify a browser's answer to creation options. Raises `InvalidPasskey`."""
    try:
        verified = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=relying_party.domain,
            expected_origin=list(relying_party.origins),
            require_user_verification=relying_party.verification == "required",
        )
        transports = parse_registration_credential_json(answer).response.transports or []
    except _LIBRARY_ERRORS as problem:
        raise InvalidPasskey(type(problem).__name__) from problem
    return RegisteredPasskey(
        verified.credential_id,
        verified.credential_public_key,
        verified.sign_count,
        tuple(transport.value for transport in transports),
        verified.credential_backed_up,
    )


def verify_assertion(
    relying_party: RelyingParty, answer: str, challenge: bytes, public_key: bytes, sign_count: int
) -> tuple[int, bool]:
    """Verify a browser's answer to request options.

    Returns the new signature counter and whether the passkey is backed up now. Raises
    `InvalidPasskey`.
    """
    try:
        verified = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=relying_party.domain,
            expected_origin=list(relying_party.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=relying_party.verification == "required",
        )
    except _LIBRARY_ERRORS as problem:
        raise InvalidPasskey(type(problem).__name__) from problem
    new_count = verified.new_sign_count
    # Synchronised passkeys do not count: their counter stays zero.
    if (new_count or sign_count) and new_count <= sign_count:
        raise ClonedPasskey(f"counter {new_count} after {sign_count}")
    return new_count, verified.credential_backed_up


def parse_credential(answer: str, *, field: str) -> tuple[bytes, bytes]:
    """Return the credential id and the challenge that a browser's answer names.

    Raises `BadInput`.
    """
    try:
        if len(answer) > MAX_CREDENTIAL_LENGTH:
            raise ValueError("too long")
        if '"attestationObject"' in answer:
            credential = parse_registration_credential_json(answer)
            data = credential.response.client_data_json
            return credential.raw_id, parse_client_data_json(data).challenge
        assertion = parse_authentication_credential_json(answer)
        return assertion.raw_id, parse_client_data_json(
            assertion.response.client_data_json
        ).challenge
    except _LIBRARY_ERRORS as problem:
        raise BadInput(
            f"{field} is not the JSON of a passkey credential; send `credential.toJSON()`.",
            f"{field} 不是通行密钥凭据的 JSON，请提交 credential.toJSON() 的结果。",
            field=field,
        ) from problem


def _descriptors(descriptors: Sequence[PasskeyDescriptor]) -> list[PublicKeyCredentialDescriptor]:
    valid_transports = {transport.value for transport in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=descriptor.credential_id,
            transports=[
                AuthenticatorTransport(way)
                for way in descriptor.transports
                if way in valid_transports
            ],
        )
        for descriptor in descriptors
    ]


# For bytes that are no CBOR, no base64 or no key the library raises errors of several families.
_LIBRARY_ERRORS = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError)
