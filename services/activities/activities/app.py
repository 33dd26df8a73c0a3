"""The composition root of activities: its schema, its loaders and what it listens to."""

from __future__ import annotations

from starlette.applications import Starlette

from activities.facts import HANDLERS, LISTENS_TO
from activities.schema import schema
from activities.settings import ActivitiesSettings
from chassis.settings import load
from chassis.web import Service, application, serve


def create(settings: ActivitiesSettings) -> Starlette:
    """The web application."""
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
    """Serve until told to stop; settings come from the environment."""
    settings = load(ActivitiesSettings, "activities")
    serve(create(settings), settings)


if __name__ == "__main__":
    main()
