"""The composition root of integrations: its schema, its loaders and what it listens to."""

from __future__ import annotations

from starlette.applications import Starlette

from chassis.settings import load
from chassis.web import Service, application, serve
from integrations.core.api.loaders import Loaders
from integrations.facts import HANDLERS, LISTENS_TO
from integrations.schema import schema
from integrations.settings import IntegrationsSettings


def create(settings: IntegrationsSettings) -> Starlette:
    """The web application."""
    return application(
        Service(
            name="integrations",
            settings=settings,
            schema=schema,
            loaders=Loaders,
            handlers=HANDLERS,
            listens_to=LISTENS_TO,
        )
    )


def main() -> None:
    """Serve until told to stop; settings come from the environment."""
    settings = load(IntegrationsSettings, "integrations")
    serve(create(settings), settings)


if __name__ == "__main__":
    main()
