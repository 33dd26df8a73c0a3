"""HTTP routes of signing in through a provider.

`GET /sign-in/{provider}` sends the browser to the provider, `…/callback` receives it back and
issues a ticket for the frontend, `POST …/backchannel-logout` receives logout tokens from the
provider.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis import telemetry
from chassis.api.endpoint import body_of
from chassis.db import Database
from chassis.errors import BadInput, Denied, HuichiError, NotFound
from identity.sign_in.api.oidc import page
from identity.sign_in.commands import provider_session, sign_in_link
from identity.sign_in.domain import provider as domain
from identity.sign_in.domain.id_token import InvalidToken
from identity.sign_in.services.oidc import authorization_flow as flows
from identity.sign_in.services.oidc.authorization_flow import AuthorizationFlow
from identity.sign_in.services.oidc.provider_client import InvalidGrant, ProviderClient
from identity.sign_in.services.sign_in_service import SignInService
from identity.sign_in.store import provider as store
from identity.sign_in.store.provider import ProviderRow

log = logging.getLogger("huichi.identity.oidc")

PATH = "/sign-in"
MAX_FORM_BYTES = 64 * 1024
Handler = Callable[["ProviderRequest"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """A request about one provider."""

    request: Request
    sign_in_service: SignInService
    db: Database
    provider: ProviderRow

    @property
    def client(self) -> ProviderClient:
        """The client of the provider."""
        return self.sign_in_service.provider_clients.client_of(self.provider)

    def address(self, step: str) -> str:
        """Return the public URL of a step of this provider."""
        return f"{self.sign_in_service.settings.public_address}{PATH}/{self.provider.name}/{step}"


def routes(sign_in_service: SignInService) -> list[Route]:
    """Return the routes of all providers."""

    def step(path: str, serve: Handler, method: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            with telemetry.span(
                "identity sign-in", kind=SpanKind.SERVER, parent=None, method=request.method
            ):
                try:
                    return await serve(await _provider_request(request, sign_in_service))
                except HuichiError as problem:
                    return page.error_page(request, problem)

        return Route(f"{PATH}/{{provider}}{path}", answer, methods=[method])

    return [
        step("", _begin),
        step("/callback", _callback),
        step("/signed-out", _signed_out),
        step("/backchannel-logout", _backchannel_logout, "POST"),
    ]


async def _provider_request(request: Request, sign_in_service: SignInService) -> ProviderRequest:
    db: Database = request.app.state.runtime.db
    provider = await db.read(store.by_name, request.path_params["provider"])
    if provider is None or not provider.enabled:
        raise NotFound(
            "No enabled sign-in provider has this name.", "没有使用该名称且已启用的登录提供方。"
        )
    return ProviderRequest(request, sign_in_service, db, provider)


async def _begin(provider_request: ProviderRequest) -> Response:
    parameters, settings = (
        provider_request.request.query_params,
        provider_request.sign_in_service.settings,
    )
    return_to = flows.check_return_address(parameters.get("returnTo"), settings.frontend_origins)
    provider = provider_request.provider
    flow = flows.begin_flow(
        provider.name, provider.version, parameters.get("challenge", ""), return_to
    )
    metadata = await provider_request.client.metadata()
    response = page.redirect(
        flows.authorization_url(
            flow,
            metadata.authorization_endpoint,
            provider.client_id,
            " ".join(provider.scopes),
            provider_request.address("callback"),
        )
    )
    response.set_cookie(
        flows.cookie_name(flow.state),
        flows.seal_flow(flow, provider_request.sign_in_service.seal),
        max_age=flows.LIFETIME_SECONDS,
        path=f"{PATH}/{provider.name}/callback",
        secure=settings.public_address.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response


async def _callback(provider_request: ProviderRequest) -> Response:
    state = provider_request.request.query_params.get("state", "")
    cookie_name = flows.cookie_name(state)
    cookie_value = provider_request.request.cookies.get(cookie_name, "")
    flow = flows.unseal_flow(
        cookie_value, provider_request.sign_in_service.seal, state, provider_request.provider.name
    )
    if flow is None or flow.version != provider_request.provider.version:
        raise BadInput(
            "state does not belong to a sign-in of this browser, or it expired; begin again.",
            "state 不属于此浏览器发起的登录，或登录已超时，请重新开始。",
            field="state",
        )
    try:
        response = await _issue_ticket(provider_request, flow)
    except HuichiError as problem:
        response = page.error_page(provider_request.request, problem, flow.return_to)
    response.delete_cookie(cookie_name, path=f"{PATH}/{provider_request.provider.name}/callback")
    return response


async def _issue_ticket(provider_request: ProviderRequest, flow: AuthorizationFlow) -> Response:
    code = await _authorization_code(provider_request)
    client, provider, seal = (
        provider_request.client,
        provider_request.provider,
        provider_request.sign_in_service.seal,
    )
    secret = await provider_request.db.read(store.client_secret, seal, provider.id)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": provider_request.address("callback"),
        "code_verifier": flow.verifier,
    }
    try:
        tokens = await client.request_tokens(form, secret)
        if tokens.id_token is None:
            raise InvalidToken("the response holds no ID token")
        claims = await client.validate_id_token(
            tokens.id_token, nonce=flow.nonce, access_token=tokens.access_token
        )
    except (InvalidGrant, InvalidToken) as problem:
        log.warning("provider %s: sign-in refused: %s", provider.name, problem or "invalid_grant")
        raise _not_verified() from problem
    identity = domain.identity_from_claims(claims, provider.claims)
    stored_tokens = {"id_token": tokens.id_token, "refresh_token": tokens.refresh_token}
    ticket = await provider_request.db.write(
        sign_in_link.issue_ticket, seal, provider.id, identity, stored_tokens, flow.challenge
    )
    if flow.return_to is not None:
        return page.redirect(flows.with_fragment(flow.return_to, ticket=ticket))
    expires_in = int(sign_in_link.TICKET_LIFETIME.total_seconds())
    return page.json_response({"ticket": ticket, "expiresIn": expires_in})


async def _authorization_code(provider_request: ProviderRequest) -> str:
    """Return the code of an authorization response of this provider. Raises `Denied`."""
    parameters = provider_request.request.query_params
    metadata = await provider_request.client.metadata()
    issuer = parameters.get("iss")
    # RFC 9207: a response of one provider must not be accepted as that of another.
    if (issuer or metadata.sends_issuer) and issuer != provider_request.provider.issuer:
        raise _not_verified()
    if "error" in parameters or "code" not in parameters:
        error = parameters.get("error", "")[:60]
        shown_error = error if error.replace("_", "").isalpha() and error.isascii() else "no code"
        raise Denied(
            f"The sign-in provider refused the request: {shown_error}.",
            f"登录提供方拒绝了请求：{shown_error}。",
        )
    return parameters["code"]


async def _signed_out(provider_request: ProviderRequest) -> Response:
    frontends = provider_request.sign_in_service.settings.frontend_origins
    return page.signed_out_page(provider_request.request, f"{frontends[0]}/" if frontends else None)


async def _backchannel_logout(provider_request: ProviderRequest) -> Response:
    """Answer a logout token (OpenID Connect Back-Channel Logout 1.0, 2.7 and 2.8)."""
    content = await body_of(provider_request.request, MAX_FORM_BYTES)
    form = parse_qs(content.decode("utf-8", "replace"))
    try:
        logout = await provider_request.client.validate_logout_token(
            form.get("logout_token", [""])[0]
        )
    except InvalidToken as problem:
        log.warning("provider %s: logout refused: %s", provider_request.provider.name, problem)
        body = {"error": "invalid_request", "error_description": str(problem)}
        return page.json_response(body, 400)
    await provider_request.db.write(provider_session.log_out, provider_request.provider.id, logout)
    return Response(status_code=200, headers={"cache-control": "no-store"})


def _not_verified() -> Denied:
    return Denied(
        "The response of the sign-in provider could not be verified; begin again.",
        "登录提供方返回的信息未通过校验，请重新开始。",
    )
