"""The composition root of customers: its schema, the routes for files, and its fact handlers."""

from __future__ import annotations

from starlette.applications import Starlette

from chassis.settings import load
from chassis.web import Service, application, serve
from customers.exports.api.export_files import ROUTES as EXPORT_ROUTES
from customers.facts import HANDLERS, LISTENS_TO
from customers.imports.api.files import ROUTES
from customers.schema import schema
from customers.settings import CustomersSettings


def create(settings: CustomersSettings) -> Starlette:
    """Create the web application."""
    return application(
        Service(
            name="customers",
            settings=settings,
            schema=schema,
            handlers=HANDLERS,
            listens_to=LISTENS_TO,
            routes=[*ROUTES, *EXPORT_ROUTES],
        )
    )


def main() -> None:
    """Serve until stopped, with the settings of the environment."""
    settings = load(CustomersSettings, "customers")
    serve(create(settings), settings)


if __name__ == "__main__":
    main()
