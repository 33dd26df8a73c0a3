"""Ask the provider that began a session whether it is alive, and where it is signed out."""

from __future__ import annotations

import logging
from datetime import timedelta

from chassis.api.context import Context
from chassis.errors import Unavailable
from identity.core.domain.ids import SessionId
from identity.core.domain.seal import CannotUnseal
from identity.sign_in.commands import provider_session as commands
from identity.sign_in.services.oidc import authorization_flow as flows
from identity.sign_in.services.oidc.provider_client import InvalidGrant
from identity.sign_in.services.sign_in_service import SignInService
from identity.sign_in.store import provider as providers, provider_session as store

log = logging.getLogger("huichi.identity.oidc")


async def is_session_alive(ctx: Context, id: SessionId) -> bool:
    """Return whether a session is alive at its provider; one that began elsewhere always is.

    Asked now and then, with the refresh token of the provider. A refusal ends the session at once,
    silence ends it after a grace period.
    """
    sign_in_service = ctx.resource(SignInService)
    try:
        provider_session = await ctx.read(store.of_session, sign_in_service.seal, id)
    except CannotUnseal:
        await ctx.write(commands.end_by_provider, id)
        return False
    if provider_session is None:
        return True
    provider = await ctx.read(providers.by_id, provider_session.provider)
    if provider is None or not provider.enabled or provider.issuer != provider_session.issuer:
        await ctx.write(commands.end_by_provider, id)
        return False
    refresh_token, settings = provider_session.tokens.get("refresh_token"), sign_in_service.settings
    interval = timedelta(seconds=settings.provider_check_seconds)
    if refresh_token is None or not await ctx.write(commands.claim_check, id, interval):
        return True
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    try:
        secret = await ctx.read(providers.client_secret, sign_in_service.seal, provider.id)
        response = await sign_in_service.provider_clients.client_of(provider).request_tokens(
            form, secret
        )
    except InvalidGrant:
        await ctx.write(commands.end_by_provider, id)
        return False
    except Unavailable:
        grace = timedelta(seconds=settings.provider_grace_seconds)
        return not await ctx.write(commands.end_if_silent, id, grace)
    # If the provider issues no new refresh token, the old one stays valid (RFC 6749, 6).
    tokens = {**provider_session.tokens, "refresh_token": response.refresh_token or refresh_token}
    await ctx.write(commands.record_confirmation, sign_in_service.seal, id, tokens)
    return True


async def end_session_url(ctx: Context, id: SessionId) -> str | None:
    """Return where the browser is signed out at the provider too, or None.

    The address is that of RP-Initiated Logout 1.0.
    """
    sign_in_service = ctx.resource(SignInService)
    try:
        provider_session = await ctx.read(store.of_session, sign_in_service.seal, id)
        provider = (
            await ctx.read(providers.by_id, provider_session.provider) if provider_session else None
        )
        if (
            provider_session is None
            or provider is None
            or provider.issuer != provider_session.issuer
        ):
            return None
        metadata = await sign_in_service.provider_clients.client_of(provider).metadata()
    except (Unavailable, CannotUnseal):
        return None
    if metadata.end_session_endpoint is None:
        return None
    redirect_uri = f"{sign_in_service.settings.public_address}/sign-in/{provider.name}/signed-out"
    parameters = {"client_id": provider.client_id, "post_logout_redirect_uri": redirect_uri}
    id_token = provider_session.tokens.get("id_token")
    return flows.with_query(
        metadata.end_session_endpoint,
        parameters | ({"id_token_hint": id_token} if id_token else {}),
    )
