"""Signing in by a provider, as a browser walks it: there, back, and told when it is over.

`GET /sign-in/{provider}` sends the browser away, `…/callback` takes it back with a ticket for the
frontend, `POST …/backchannel-logout` is how a provider says that a session ended.
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
from identity.sign_in.services.office import Office
from identity.sign_in.services.oidc import authorization_flow as flows
from identity.sign_in.services.oidc.authorization_flow import Flow
from identity.sign_in.services.oidc.provider_client import Over, Party
from identity.sign_in.store import provider as store
from identity.sign_in.store.provider import ProviderRow

log = logging.getLogger("huichi.identity.oidc")

PATH = "/sign-in"
LARGEST_FORM = 64 * 1024
Step = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Visit:
    """A request about one provider."""

    request: Request
    office: Office
    db: Database
    provider: ProviderRow

    @property
    def party(self) -> Party:
        return self.office.parties.of(self.provider)

    def address(self, step: str) -> str:
        """Where a step of this provider is, as others reach it."""
        return f"{self.office.settings.public_address}{PATH}/{self.provider.name}/{step}"


def routes(office: Office) -> list[Route]:
    """The routes of all providers."""

    def step(path: str, serve: Step, method: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            with telemetry.span(
                "identity sign-in", kind=SpanKind.SERVER, parent=None, method=request.method
            ):
                try:
                    return await serve(await _visit(request, office))
                except HuichiError as problem:
                    return page.refused(request, problem)

        return Route(f"{PATH}/{{provider}}{path}", answer, methods=[method])

    return [
        step("", _begin),
        step("/callback", _back),
        step("/signed-out", _signed_out),
        step("/backchannel-logout", _told, "POST"),
    ]


async def _visit(request: Request, office: Office) -> Visit:
    db: Database = request.app.state.runtime.db
    found = await db.read(store.by_name, request.path_params["provider"])
    if found is None or not found.enabled:
        raise NotFound("There is no such way to sign in.", "没有这种登录方式。")
    return Visit(request, office, db, found)


async def _begin(visit: Visit) -> Response:
    asked, settings = visit.request.query_params, visit.office.settings
    return_to = flows.return_address(asked.get("returnTo"), settings.frontend_origins)
    provider = visit.provider
    flow = flows.begun(provider.name, provider.version, asked.get("challenge", ""), return_to)
    where = await visit.party.discovered()
    response = page.redirect(
        flows.authorization(
            flow,
            where.authorization,
            provider.client_id,
            " ".join(provider.scopes),
            visit.address("callback"),
        )
    )
    response.set_cookie(
        flows.cookie_name(flow.state),
        flows.closed(flow, visit.office.seal),
        max_age=flows.LASTS_SECONDS,
        path=f"{PATH}/{provider.name}/callback",
        secure=settings.public_address.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response


async def _back(visit: Visit) -> Response:
    state = visit.request.query_params.get("state", "")
    cookie = flows.cookie_name(state)
    kept = visit.request.cookies.get(cookie, "")
    flow = flows.opened(kept, visit.office.seal, state, visit.provider.name)
    if flow is None or flow.version != visit.provider.version:
        raise BadInput(
            "This sign-in was begun elsewhere, or too long ago; begin again.",
            "本次登录并非由此浏览器发起，或已超时，请重新开始。",
            field="state",
        )
    try:
        response = await _arrived(visit, flow)
    except HuichiError as problem:
        response = page.refused(visit.request, problem, flow.return_to)
    response.delete_cookie(cookie, path=f"{PATH}/{visit.provider.name}/callback")
    return response


async def _arrived(visit: Visit, flow: Flow) -> Response:
    code = await _code(visit)
    party, provider, seal = visit.party, visit.provider, visit.office.seal
    secret = await visit.db.read(store.client_secret, seal, provider.id)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": visit.address("callback"),
        "code_verifier": flow.verifier,
    }
    try:
        tokens = await party.traded(form, secret)
        if tokens.id_token is None:
            raise InvalidToken("there is none")
        claims = await party.who(
            tokens.id_token, nonce=flow.nonce, access_token=tokens.access_token
        )
    except (Over, InvalidToken) as problem:
        log.warning("provider %s: sign-in refused: %s", provider.name, problem or "code not good")
        raise _not_good() from problem
    who = domain.identity_from_claims(claims, provider.claims)
    kept = {"id_token": tokens.id_token, "refresh_token": tokens.refresh_token}
    ticket = await visit.db.write(
        sign_in_link.issue_ticket, seal, provider.id, who, kept, flow.challenge
    )
    if flow.return_to is not None:
        return page.redirect(flows.with_fragment(flow.return_to, ticket=ticket))
    seconds = int(sign_in_link.TICKET_LIFETIME.total_seconds())
    return page.answer({"ticket": ticket, "expiresIn": seconds})


async def _code(visit: Visit) -> str:
    """The code of an answer that is the provider's. Raises `Denied`."""
    said = visit.request.query_params
    where = await visit.party.discovered()
    named = said.get("iss")
    # RFC 9207: an answer of one provider must not be taken for another's.
    if (named or where.names_issuer) and named != visit.provider.issuer:
        raise _not_good()
    if "error" in said or "code" not in said:
        word = said.get("error", "")[:60]
        shown = word if word.replace("_", "").isalpha() and word.isascii() else "no code"
        raise Denied(f"The sign-in provider refused: {shown}.", f"登录提供方拒绝了请求：{shown}。")
    return said["code"]


async def _signed_out(visit: Visit) -> Response:
    frontends = visit.office.settings.frontend_origins
    return page.signed_out(visit.request, f"{frontends[0]}/" if frontends else None)


async def _told(visit: Visit) -> Response:
    """OpenID Connect Back-Channel Logout 1.0, 2.7 and 2.8."""
    raw = await body_of(visit.request, LARGEST_FORM)
    form = parse_qs(raw.decode("utf-8", "replace"))
    try:
        told = await visit.party.logout(form.get("logout_token", [""])[0])
    except InvalidToken as problem:
        log.warning("provider %s: logout refused: %s", visit.provider.name, problem)
        said = {"error": "invalid_request", "error_description": str(problem)}
        return page.answer(said, 400)
    await visit.db.write(provider_session.log_out, visit.provider.id, told)
    return Response(status_code=200, headers={"cache-control": "no-store"})


def _not_good() -> Denied:
    return Denied(
        "What the sign-in provider said could not be verified; begin again.",
        "登录提供方返回的信息未通过校验，请重新开始。",
    )
