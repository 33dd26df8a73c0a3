"""What signing people in needs beside a request: settings, the seal, the present signing key."""

from __future__ import annotations

import time
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from joserfc.jwk import KeySetSerialization, OKPKey

from chassis.db import Database
from identity.core.domain.ids import SessionId, UserId
from identity.core.domain.seal import Seal
from identity.settings import IdentitySettings
from identity.sign_in.commands import signing_key as commands
from identity.sign_in.commands.session import Lifetimes
from identity.sign_in.domain.passkey import RelyingParty
from identity.sign_in.domain.token import sign_access_token
from identity.sign_in.services.oidc.provider_clients import Parties
from identity.sign_in.services.passwords import Passwords
from identity.sign_in.store import signing_key as store

# Below PUBLISHED_AHEAD: a process learns of a new key before the old one is withdrawn.
_KEY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed token and when it ends."""

    text: str
    expires_at: datetime


class Office:
    """One a process."""

    def __init__(self, settings: IdentitySettings) -> None:
        self.settings = settings
        self.passwords = Passwords(("huichi", *settings.password_words.split(",")))
        self.lifetimes = Lifetimes(
            idle=timedelta(seconds=settings.refresh_token_seconds),
            absolute=timedelta(seconds=settings.session_seconds),
        )
        self.seal = Seal(settings.secret)
        self.parties = Parties(insecure=settings.allow_insecure_providers)
        self.fresh = timedelta(seconds=settings.fresh_seconds)
        self.relying = _relying(settings)
        self._key: tuple[float, OKPKey] | None = None

    async def access_token(
        self,
        db: Database,
        user: UserId,
        session: SessionId,
        withdrawn: Container[str] = (),
        *,
        lasts: timedelta | None = None,
    ) -> AccessToken:
        """A token for one session, signed with the present key."""
        key, now = await self._present(db, withdrawn), time.time()
        usual = self.settings.access_token_seconds
        seconds = usual if lasts is None else min(usual, int(lasts.total_seconds()))
        text = sign_access_token(key, user, session, now=now, seconds=seconds)
        return AccessToken(text, datetime.fromtimestamp(int(now) + seconds, UTC))

    async def published(self, db: Database) -> KeySetSerialization:
        """The public keys, as `/.well-known/jwks.json` shows them.

        Never an empty set: a verifier that saw none would look again only seconds later, and
        refuse the first people who sign in.
        """
        keys = await db.read(store.published_keys)
        if not keys:
            await self._make_first(db)
            keys = await db.read(store.published_keys)
        return {"keys": keys}

    async def signing_key(self, db: Database) -> OKPKey:
        """The key that signs now."""
        return await self._present(db, ())

    def forget_key(self) -> None:
        """Look for the present key again."""
        self._key = None

    async def _present(self, db: Database, withdrawn: Container[str]) -> OKPKey:
        known = self._key
        fresh = known is not None and time.monotonic() - known[0] < _KEY_SECONDS
        if known is not None and fresh and str(known[1].kid) not in withdrawn:
            return known[1]
        key = await db.read(commands.current_key, self.seal)
        if key is None:
            await self._make_first(db)
            key = await db.read(commands.current_key, self.seal)
            assert key is not None
        self._key = (time.monotonic(), key)
        return key

    async def _make_first(self, db: Database) -> None:
        lifetime = timedelta(seconds=self.settings.access_token_seconds)
        await db.write(commands.create_first_key, self.seal, lifetime)


def _relying(settings: IdentitySettings) -> RelyingParty | None:
    """For whom passkeys are made; None where no frontend is known, so nobody can have one."""
    host = settings.passkey_host
    if not host:
        return None
    return RelyingParty(host, settings.frontend_origins, settings.passkey_user_verification)
