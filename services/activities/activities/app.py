"""The composition root of activities: its schema and the facts it listens to."""

from __future__ import annotations

from starlette.applications import Starlette

from activities.facts import HANDLERS, LISTENS_TO
from activities.schema import schema
from activities.settings import ActivitiesSettings
from chassis.settings import load
from chassis.web import Service, application, serve


def create(settings: ActivitiesSettings) -> Starlette:
    """Return the web application."""
    return application(
        Service(
            name="activities",
            settings=settings,
            schema=schema,
            handlers=HANDLERS,
            listens_to=LISTENS_TO,
        )
    )


def main() -> None:
    """Serve until stopped; settings come from the environment."""
    settings = load(ActivitiesSettings, "activities")
    serve(create(settings), settings)


if __name__ == "__main__":
    main()
