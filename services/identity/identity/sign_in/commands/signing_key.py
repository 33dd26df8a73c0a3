"""Create, seal, unseal and rotate the keys that sign access tokens.

A new key is published some seconds before it signs. Services that verify tokens read the published
keys at most every five seconds, so by the time a token names the new key, it is known or may be
looked up. The old key stays published until its last token has expired.
"""

from __future__ import annotations

import json
from datetime import timedelta

from joserfc.jwk import OKPKey
from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.authentication.tokens import LEEWAY_SECONDS
from chassis.errors import Unavailable
from identity.core.domain.seal import CannotUnseal, Seal
from identity.sign_in.domain.token import new_key
from identity.sign_in.store import signing_key as store

PUBLISHED_AHEAD = timedelta(seconds=15)


def current_key(session: Session, seal: Seal) -> OKPKey | None:
    """Return the key that signs now.

    Raises `Unavailable` if the configured secret does not open it.
    """
    key_row = store.current(session)
    if key_row is None:
        return None
    try:
        private_key = seal.open(key_row.sealed_key, key_row.id)
    except CannotUnseal as problem:
        raise Unavailable(
            "The signing key cannot be opened: HUICHI_IDENTITY_SECRET is not the one it was "
            f"sealed with ({key_row.seal}, not {seal.name}).",
            "签名密钥无法解密：HUICHI_IDENTITY_SECRET 与加密时使用的不一致。",
        ) from problem
    return OKPKey.import_key(json.loads(private_key))


def create_first_key(session: Session, seal: Seal, lifetime: timedelta) -> None:
    """Create a key that signs at once, unless one exists."""
    store.lock_rotation(session)
    # Not `store.current`: to a transaction that waited for the lock, a key that was created
    # meanwhile starts to sign later.
    if not store.published_keys(session):
        _create_key(session, seal, timedelta(0), lifetime)


def rotate(session: Session, seal: Seal, lifetime: timedelta) -> str:
    """Create a new key and return its id.

    The old keys sign until it starts, and stay accepted until their tokens expire.
    """
    store.lock_rotation(session)
    is_first = store.current(session) is None
    return _create_key(session, seal, timedelta(0) if is_first else PUBLISHED_AHEAD, lifetime)


def rotate_if_old(
    session: Session, seal: Seal, lifetime: timedelta, max_age: timedelta
) -> str | None:
    """Create a new key if all are older than `max_age`; return its id, or None."""
    store.lock_rotation(session)
    return rotate(session, seal, lifetime) if store.newest_is_older(session, max_age) else None


def withdraw_all(session: Session, seal: Seal, lifetime: timedelta) -> str:
    """Refuse every token signed so far, and sign with a new key at once; return its id."""
    store.lock_rotation(session)
    for key_id in store.withdraw_all(session):
        audit.record(session, audit.Entry(None, "withdraw", "SigningKey", key_id))
    return _create_key(session, seal, timedelta(0), lifetime)


def _create_key(session: Session, seal: Seal, ahead: timedelta, lifetime: timedelta) -> str:
    key = new_key()
    assert key.kid is not None
    private = json.dumps(key.as_dict(private=True)).encode()
    store.add(
        session,
        id=key.kid,
        public_key=dict(key.as_dict(private=False)),
        sealed_key=seal.close(private, key.kid),
        seal=seal.name,
        signs_after=ahead,
    )
    margin = timedelta(seconds=LEEWAY_SECONDS + 60)
    store.retire_others(session, key.kid, ahead + lifetime + margin)
    audit.record(session, audit.Entry(None, "create", "SigningKey", key.kid))
    return key.kid
