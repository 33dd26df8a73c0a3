"""The composition root of the web application: its schema and the facts it handles."""

from __future__ import annotations

from starlette.applications import Starlette

from chassis.settings import load
from chassis.web import Service, application, serve
from integrations.facts import HANDLERS, LISTENS_TO
from integrations.schema import schema
from integrations.settings import IntegrationsSettings


def create(settings: IntegrationsSettings) -> Starlette:
    """Create the web application."""
    return application(
        Service(
            name="integrations",
            settings=settings,
            schema=schema,
            handlers=HANDLERS,
            listens_to=LISTENS_TO,
        )
    )


def main() -> None:
    """Serve until a signal stops the process; settings come from the environment."""
    settings = load(IntegrationsSettings, "integrations")
    serve(create(settings), settings)


if __name__ == "__main__":
    main()
