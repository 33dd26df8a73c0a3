"""Prepare what the services need to start: databases, migrations and the first company.

Containers run it as `python -m onebox.setup`: migrations, then the company, from HUICHI_* settings.
"""

from __future__ import annotations

import importlib
import os
import time

from onebox import company
from onebox.house import DATABASES, SERVICES, House
from onebox.servers import postgres

START_TIMEOUT = 60.0


def prepare(house: House) -> None:
    """Prepare everything as soon as PostgreSQL answers; existing data is kept.

    Raises `TimeoutError`.
    """
    from chassis import migrate

    deadline = time.monotonic() + START_TIMEOUT
    while not (house.external_postgres or house.postgres.ready()):
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL does not answer")
        time.sleep(0.05)
    for name in DATABASES:
        postgres.ensure_database(
            house.admin_url, f"huichi_{name}", house.secret[f"{name}_database_password"]
        )
    for name in SERVICES:
        migrate.upgrade(house.database_url(name), name)
    os.environ.update(house.environment())
    _create_company(house.secret["company_password"], house.secret["service_password"])


def main() -> None:
    """Prepare everything but the databases, which the PostgreSQL container creates itself."""
    from chassis import migrate

    for name in SERVICES:
        migrate.upgrade(os.environ[f"HUICHI_{name.upper()}_DATABASE_URL"], name)
        print(f"{name}: migrated to the newest revision", flush=True)
    _create_company(
        os.environ["HUICHI_COMPANY_PASSWORD"], os.environ["HUICHI_INTEGRATIONS_SERVICE_PASSWORD"]
    )


def _create_company(password: str, service_password: str) -> None:
    services = importlib.import_module("identity.bootstrap.services")
    services.bootstrap_from_environment(company.demonstration(password, service_password))


if __name__ == "__main__":
    main()
