"""Keys that sign access tokens: made, sealed, opened, and rotated without anybody noticing.

A new key is published some seconds before it signs. Whoever verifies tokens looks at the published
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


def present_key(session: Session, seal: Seal) -> OKPKey | None:
    """The key that signs now. Raises `Unavailable` if the secret in the settings does not fit."""
    found = store.present(session)
    if found is None:
        return None
    try:
        opened = seal.open(found.sealed_key, found.id)
    except CannotUnseal as problem:
        raise Unavailable(
            "The signing key cannot be opened: HUICHI_IDENTITY_SECRET is not the one it was "
            f"sealed with ({found.seal}, not {seal.name}).",
            "签名密钥无法解开：HUICHI_IDENTITY_SECRET 与加密时使用的不一致。",
        ) from problem
    return OKPKey.import_key(json.loads(opened))


def first_key(session: Session, seal: Seal, lifetime: timedelta) -> None:
    """Make a key that signs at once, unless there is one."""
    store.hold(session)
    # Not `present`: to a transaction that waited for the lock, a key made meanwhile signs later.
    if not store.published(session):
        _make(session, seal, timedelta(0), lifetime)


def rotate(session: Session, seal: Seal, lifetime: timedelta) -> str:
    """Make a new key; the others sign until it does, and are believed until their tokens expire."""
    store.hold(session)
    first = store.present(session) is None
    return _make(session, seal, timedelta(0) if first else PUBLISHED_AHEAD, lifetime)


def rotate_if_old(session: Session, seal: Seal, lifetime: timedelta, age: timedelta) -> str | None:
    """Make a new key if all are older than this."""
    store.hold(session)
    return rotate(session, seal, lifetime) if store.newest_is_older(session, age) else None


def withdraw(session: Session, seal: Seal, lifetime: timedelta) -> str:
    """Let every token there is be refused, and sign with a new key at once."""
    store.hold(session)
    for name in store.withdraw_all(session):
        audit.record(session, audit.Entry(None, "withdraw", "SigningKey", name))
    return _make(session, seal, timedelta(0), lifetime)


def _make(session: Session, seal: Seal, ahead: timedelta, lifetime: timedelta) -> str:
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
