"""The composition root of identity: schema, resources, routes, keys and background work."""

from __future__ import annotations

from joserfc.jwk import KeySetSerialization
from starlette.applications import Starlette

from chassis.settings import load
from chassis.web import Runtime, Service, application, serve
from identity.directory.api.scim import endpoint as scim
from identity.facts import HANDLERS, LISTENS_TO
from identity.ledger.api import ledger_files
from identity.ledger.background.access_alert import watch_ledger
from identity.ledger.background.ledger import Sealer
from identity.policy.background import publish_policy
from identity.schema import schema
from identity.settings import IdentitySettings
from identity.sign_in.api import signing_key
from identity.sign_in.api.oidc.routes import routes as provider_routes
from identity.sign_in.background import publish_revoked_sessions
from identity.sign_in.services.sign_in_service import SignInService


def create(settings: IdentitySettings) -> Starlette:
    """Create the web application."""
    sign_in_service = SignInService(settings)

    sealer = Sealer(sign_in_service)

    async def watch_sealed(runtime: Runtime) -> None:
        await watch_ledger(runtime, sealer.sealed)

    async def published(runtime: Runtime) -> KeySetSerialization:
        return await sign_in_service.published_keys(runtime.db)

    return application(
        Service(
            name="identity",
            settings=settings,
            schema=schema,
            resources=[settings, sign_in_service],
            handlers=HANDLERS,
            listens_to=LISTENS_TO,
            routes=[
                signing_key.route(sign_in_service),
                scim.route(sign_in_service),
                *provider_routes(sign_in_service),
                *ledger_files.ROUTES,
            ],
            background=[
                publish_revoked_sessions,
                publish_policy,
                sealer.seal_ledger,
                watch_sealed,
            ],
            keys=published,
        )
    )


def main() -> None:
    """Serve identity with the settings of the environment."""
    settings = load(IdentitySettings, "identity")
    serve(create(settings), settings)


if __name__ == "__main__":
    main()
