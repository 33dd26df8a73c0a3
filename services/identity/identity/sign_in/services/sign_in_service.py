"""What signing in needs beside a request: settings, the seal, provider clients, the signing key."""

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
from identity.sign_in.services.oidc.provider_clients import ProviderClients
from identity.sign_in.services.passwords import PasswordService
from identity.sign_in.store import signing_key as store

# Below PUBLISHED_AHEAD: a process learns of a new key before the old one is withdrawn.
_KEY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed access token and when it expires."""

    text: str
    expires_at: datetime


class SignInService:
    """The services of signing in; one instance a process."""

    def __init__(self, settings: IdentitySettings) -> None:
        self.settings = settings
        self.passwords = PasswordService(("huichi", *settings.password_words.split(",")))
        self.lifetimes = Lifetimes(
            idle=timedelta(seconds=settings.refresh_token_seconds),
            absolute=timedelta(seconds=settings.session_seconds),
        )
        self.seal = Seal(settings.secret)
        self.provider_clients = ProviderClients(insecure=settings.allow_insecure_providers)
        self.max_sign_in_age = timedelta(seconds=settings.fresh_seconds)
        self.relying_party = _relying_party(settings)
        self._key: tuple[float, OKPKey] | None = None

    async def access_token(
        self,
        db: Database,
        user: UserId,
        session: SessionId,
        withdrawn: Container[str] = (),
        *,
        lifetime: timedelta | None = None,
    ) -> AccessToken:
        """Return an access token for a session, signed with the current key."""
        key, now = await self._current_key(db, withdrawn), time.time()
        configured = self.settings.access_token_seconds
        seconds = configured if lifetime is None else min(configured, int(lifetime.total_seconds()))
        text = sign_access_token(key, user, session, now=now, seconds=seconds)
        return AccessToken(text, datetime.fromtimestamp(int(now) + seconds, UTC))

    async def published_keys(self, db: Database) -> KeySetSerialization:
        """Return the public keys, as `/.well-known/jwks.json` shows them.

        Never an empty set: a verifier that saw none would look again only seconds later, and refuse
        the first users who sign in.
        """
        keys = await db.read(store.published_keys)
        if not keys:
            await self._create_first_key(db)
            keys = await db.read(store.published_keys)
        return {"keys": keys}

    async def signing_key(self, db: Database) -> OKPKey:
        """Return the key that signs now."""
        return await self._current_key(db, ())

    def forget_key(self) -> None:
        """Drop the cached key, so that the current one is read again."""
        self._key = None

    async def _current_key(self, db: Database, withdrawn: Container[str]) -> OKPKey:
        cached = self._key
        is_fresh = cached is not None and time.monotonic() - cached[0] < _KEY_SECONDS
        if cached is not None and is_fresh and str(cached[1].kid) not in withdrawn:
            return cached[1]
        key = await db.read(commands.current_key, self.seal)
        if key is None:
            await self._create_first_key(db)
            key = await db.read(commands.current_key, self.seal)
            assert key is not None
        self._key = (time.monotonic(), key)
        return key

    async def _create_first_key(self, db: Database) -> None:
        lifetime = timedelta(seconds=self.settings.access_token_seconds)
        await db.write(commands.create_first_key, self.seal, lifetime)


def _relying_party(settings: IdentitySettings) -> RelyingParty | None:
    """Return the relying party of passkeys.

    None where no frontend is configured, so that there can be no passkeys.
    """
    host = settings.passkey_host
    if not host:
        return None
    return RelyingParty(host, settings.frontend_origins, settings.passkey_user_verification)
