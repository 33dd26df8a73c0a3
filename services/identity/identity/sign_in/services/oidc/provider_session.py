"""What a provider is asked of a session that it began: whether it goes on, and where it is ended."""

from __future__ import annotations

import logging
from datetime import timedelta

from chassis.api.context import Context
from chassis.errors import Unavailable
from identity.core.domain.ids import SessionId
from identity.core.domain.seal import CannotUnseal
from identity.sign_in.commands import provider_session as commands
from identity.sign_in.services.office import Office
from identity.sign_in.services.oidc import authorization_flow as flows
from identity.sign_in.services.oidc.provider_client import Over
from identity.sign_in.store import provider as providers, provider_session as store

log = logging.getLogger("huichi.identity.oidc")


async def still_there(ctx: Context, id: SessionId) -> bool:
    """Whether a session goes on as far as its provider says; one that it did not begin does.

    Asked now and then, with the refresh token the provider gave. Its no ends the session at once;
    its silence does after a grace.
    """
    office = ctx.resource(Office)
    try:
        known = await ctx.read(store.of_session, office.seal, id)
    except CannotUnseal:
        await ctx.write(commands.end_by_provider, id)
        return False
    if known is None:
        return True
    provider = await ctx.read(providers.by_id, known.provider)
    if provider is None or not provider.enabled or provider.issuer != known.issuer:
        await ctx.write(commands.end_by_provider, id)
        return False
    token, settings = known.tokens.get("refresh_token"), office.settings
    every = timedelta(seconds=settings.provider_check_seconds)
    if token is None or not await ctx.write(commands.claim_check, id, every):
        return True
    form = {"grant_type": "refresh_token", "refresh_token": token}
    try:
        secret = await ctx.read(providers.client_secret, office.seal, provider.id)
        fresh = await office.parties.of(provider).traded(form, secret)
    except Over:
        await ctx.write(commands.end_by_provider, id)
        return False
    except Unavailable:
        grace = timedelta(seconds=settings.provider_grace_seconds)
        return not await ctx.write(commands.end_if_silent, id, grace)
    # A provider that gives no new one lets the old one be used again (RFC 6749, 6).
    tokens = {**known.tokens, "refresh_token": fresh.refresh_token or token}
    await ctx.write(commands.record_confirmation, office.seal, id, tokens)
    return True


async def sign_out_address(ctx: Context, id: SessionId) -> str | None:
    """Where the browser is signed out at the provider too (RP-Initiated Logout 1.0)."""
    office = ctx.resource(Office)
    try:
        known = await ctx.read(store.of_session, office.seal, id)
        provider = await ctx.read(providers.by_id, known.provider) if known else None
        if known is None or provider is None or provider.issuer != known.issuer:
            return None
        where = await office.parties.of(provider).discovered()
    except (Unavailable, CannotUnseal):
        return None
    if where.end_session is None:
        return None
    back = f"{office.settings.public_address}/sign-in/{provider.name}/signed-out"
    asked = {"client_id": provider.client_id, "post_logout_redirect_uri": back}
    hint = known.tokens.get("id_token")
    return flows.with_query(where.end_session, asked | ({"id_token_hint": hint} if hint else {}))
