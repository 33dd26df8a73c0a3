"""What has to be there before the services start: databases, their newest shape, the first company.

Containers run it as `python -m onebox.setup`: migrations, then the company, from HUICHI_* settings.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable

from onebox import company, postgres
from onebox.house import DATABASES, SERVICES, House


def databases(house: House) -> None:
    """Make one database and one role for each part that keeps something."""
    for name in DATABASES:
        postgres.ensure_database(
            house.admin_url, f"huichi_{name}", house.secret[f"{name}_database_password"]
        )


def migrations(house: House) -> dict[str, Callable[[], None]]:
    """Give the jobs that bring each service's database to its newest shape."""

    def job(name: str) -> Callable[[], None]:
        def upgrade() -> None:
            from chassis import migrate

            migrate.upgrade(house.database_url(name), name)

        return upgrade

    return {f"migration of {name}": job(name) for name in SERVICES}


def found(house: House) -> None:
    """Found the demonstration company, unless there is a company already."""
    os.environ.update(house.environment())
    _found(house.secret["company_password"], house.secret["service_password"])


def main() -> None:
    """Do all of it but the databases, which the PostgreSQL container makes itself."""
    from chassis import migrate

    for name in SERVICES:
        migrate.upgrade(os.environ[f"HUICHI_{name.upper()}_DATABASE_URL"], name)
        print(f"{name} has its newest shape", flush=True)
    _found(
        os.environ["HUICHI_COMPANY_PASSWORD"], os.environ["HUICHI_INTEGRATIONS_SERVICE_PASSWORD"]
    )


def _found(password: str, service_password: str) -> None:
    commands = importlib.import_module("identity.found")
    commands.found(company.demonstration(password, service_password))


if __name__ == "__main__":
    main()
