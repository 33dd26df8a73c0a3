"""What is taken for an ID token or a logout token, and above all what is not."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from identity.sign_in.domain.id_token import (
    LOGOUT_EVENT,
    InvalidToken,
    UnknownKey,
    verify_id_token,
    verify_logout_token,
)
from identity.sign_in.domain.provider import (
    ClaimMapping,
    ExternalIdentity,
    UsernameForm,
    identity_from_claims,
    username_for,
)

ISSUER, CLIENT, NONCE, NOW = "https://idp.test", "huichi", "a nonce", 1_800_000_000
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
KEYS = KeySet([RSAKey.import_key(RSA.as_dict(private=False)), EC])
CLAIMS = {"iss": ISSUER, "aud": CLIENT, "sub": "s", "iat": NOW, "exp": NOW + 60, "nonce": NONCE}
OUT = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": NOW,
    "jti": "1",
    "sid": "one",
    "events": {LOGOUT_EVENT: {}},
}


def token(claims: dict[str, Any], key: Any = RSA, alg: str = "RS256", **header: Any) -> str:
    head = {"alg": alg, "kid": key.kid} | header
    return jwt.encode(head, claims, key, algorithms=[alg])


def read(text: str, access_token: str | None = None) -> Any:
    return verify_id_token(
        text,
        KEYS,
        issuer=ISSUER,
        client_id=CLIENT,
        nonce=NONCE,
        now=NOW + 1,
        access_token=access_token,
    )


def told(text: str) -> Any:
    return verify_logout_token(text, KEYS, issuer=ISSUER, client_id=CLIENT, now=NOW + 1)


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (RSA, "PS384"), (EC, "ES256")])
def test_takes_what_the_provider_signed(key: Any, alg: str) -> None:
    assert read(token(CLAIMS, key, alg))["sub"] == "s"


def test_takes_a_token_without_the_name_of_its_key() -> None:
    text = jwt.encode({"alg": "RS256"}, CLAIMS, RSA, algorithms=["RS256"])

    assert read(text)["sub"] == "s"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.test"},
        {"iss": f"{ISSUER}/"},
        {"aud": "other"},
        {"aud": [CLIENT, "other"]},
        {"aud": [CLIENT, "other"], "azp": "other"},
        {"azp": "other"},
        {"exp": NOW - 120},
        {"exp": None},
        {"exp": "soon"},
        {"iat": NOW + 3600},
        {"iat": None},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
)
def test_refuses_wrong_claims(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}

    with pytest.raises(InvalidToken):
        read(token(claims))


def test_takes_several_audiences_if_we_are_the_party() -> None:
    assert read(token(CLAIMS | {"aud": [CLIENT, "other"], "azp": CLIENT}))["sub"] == "s"


def test_refuses_another_s_signature_no_signature_and_a_shared_secret() -> None:
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    body = token(CLAIMS).split(".")[1]
    shared = OctKey.import_key(b"the client secret, long enough for it", {"kid": "rsa"})

    for text in (
        token(CLAIMS, STRANGER),
        f"{unsigned}.{body}.",
        token(CLAIMS, shared, "HS256"),
        "not a token",
        "",
    ):
        with pytest.raises(InvalidToken):
            read(text)


def test_tells_a_key_that_may_be_new_from_a_bad_signature() -> None:
    with pytest.raises(UnknownKey):
        read(token(CLAIMS, RSAKey.generate_key(2048, {"kid": "new"})))


def test_binds_the_access_token_where_the_token_says_so() -> None:
    half = hashlib.sha256(b"mine").digest()[:16]
    claims = CLAIMS | {"at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode()}

    assert read(token(claims), "mine")["sub"] == "s"
    with pytest.raises(InvalidToken):
        read(token(claims), "another")


def test_takes_a_logout_of_a_session_or_of_a_subject() -> None:
    subject = {name: value for name, value in OUT.items() if name != "sid"} | {"sub": "s"}

    assert (told(token(OUT)).session, told(token(OUT)).subject) == ("one", None)
    assert told(token(subject, typ="logout+jwt")).subject == "s"


@pytest.mark.parametrize(
    "change",
    [
        {"events": None},
        {"events": {}},
        {"events": {LOGOUT_EVENT: True}},
        {"nonce": NONCE},
        {"sid": None},
        {"jti": None},
        {"iat": NOW - 3600},
        {"exp": NOW - 120},
        {"aud": "other"},
        {"iss": "https://other.test"},
    ],
)
def test_refuses_what_is_no_logout(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in (OUT | change).items() if value is not None}

    with pytest.raises(InvalidToken):
        told(token(claims))


def test_never_takes_an_id_token_for_a_logout_token() -> None:
    with pytest.raises(InvalidToken):
        told(token(CLAIMS | {"sid": "one", "jti": "1"}))
    with pytest.raises(InvalidToken):
        read(token(OUT | {"sub": "s", "exp": NOW + 60}))
    with pytest.raises(InvalidToken):
        told(token(OUT, typ="at+jwt"))


@pytest.mark.parametrize(
    ("methods", "strong"),
    [
        (["pwd"], False),
        (["otp"], False),
        (["pwd", "otp"], True),
        (["mfa"], True),
        ("mfa", False),
        (None, False),
    ],
)
def test_knows_when_two_factors_were_shown(methods: Any, strong: bool) -> None:
    assert identity_from_claims(CLAIMS | {"amr": methods}, ClaimMapping()).strong is strong


@pytest.mark.parametrize(
    ("email", "verified", "form", "expected"),
    [
        ("a.b@corp.test", True, UsernameForm.ADDRESS, "a.b@corp.test"),
        ("A.B@Corp.test", True, UsernameForm.LOCAL_PART, "a.b"),
        ("a@corp.test", False, UsernameForm.ADDRESS, None),
        ("a@corp.test", "true", UsernameForm.ADDRESS, None),
        ("a@corp.test", 1, UsernameForm.ADDRESS, None),
        ("a@other.test", True, UsernameForm.ADDRESS, None),
        ("a@b@corp.test", True, UsernameForm.LOCAL_PART, None),
        ("@corp.test", True, UsernameForm.LOCAL_PART, None),
        (None, True, UsernameForm.ADDRESS, None),
    ],
)
def test_reads_a_user_name_from_a_verified_address_only(
    email: Any, verified: Any, form: UsernameForm, expected: str | None
) -> None:
    who: ExternalIdentity = identity_from_claims(
        CLAIMS | {"email": email, "email_verified": verified}, ClaimMapping()
    )

    assert username_for(who, ("corp.test",), form) == expected
