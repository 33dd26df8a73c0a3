"""Brings a service's database to the newest shape, one migrator at a time.

A service keeps Alembic revisions in `<package>/migrations/versions`; there is no `env.py` to copy,
for this module is it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from chassis.db import driver_url
from chassis.tables import add_chassis_tables

# Any number does, as long as every migrator takes the same one.
_LOCK = 0x6875696368


def upgrade(url: str, package: str, revision: str = "head") -> None:
    """To `revision` of `<package>/migrations`. A second migrator waits, then finds it done."""
    _run(url, package, revision, down=False)


def downgrade(url: str, package: str, revision: str) -> None:
    """Back to `revision` ("base" for nothing)."""
    _run(url, package, revision, down=True)


def chassis_tables(op: object) -> None:
    """Creates outbox, inbox and answered; called by the first revision of every service."""
    from sqlalchemy import MetaData

    metadata = MetaData()
    add_chassis_tables(metadata)
    metadata.create_all(op.get_bind())  # type: ignore[attr-defined]  # alembic.op is a proxy module


def drop_chassis_tables(op: object) -> None:
    """The way back of `chassis_tables`."""
    from sqlalchemy import MetaData

    metadata = MetaData()
    add_chassis_tables(metadata)
    metadata.drop_all(op.get_bind())  # type: ignore[attr-defined]  # alembic.op is a proxy module


def folder(package: str) -> Path:
    """Where a service keeps its migrations."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"no package is called {package}")
    return Path(spec.submodule_search_locations[0]) / "migrations"


def _run(url: str, package: str, revision: str, *, down: bool) -> None:
    config = Config()
    config.set_main_option("script_location", str(folder(package)))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)

    def steps(current: object, _context: object) -> object:
        if down:
            return script._downgrade_revs(revision, current)  # type: ignore[arg-type]
        return script._upgrade_revs(revision, current)  # type: ignore[arg-type]

    engine = create_engine(driver_url(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
            try:
                environment = EnvironmentContext(config, script, fn=steps, as_sql=False)
                with environment:
                    environment.configure(connection=connection, transactional_ddl=True)
                    with environment.begin_transaction():
                        environment.run_migrations()
                connection.commit()
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
                connection.commit()
    finally:
        engine.dispose()


def main() -> None:
    """`python -m chassis.migrate PACKAGE`: for containers, before the service starts."""
    parser = argparse.ArgumentParser(description="Bring a service's database to its newest shape.")
    parser.add_argument("package", help="the package of the service")
    parser.add_argument("--revision", default="head")
    asked = parser.parse_args()
    variable = f"HUICHI_{asked.package.upper()}_DATABASE_URL"
    url = os.environ.get(variable) or os.environ.get("HUICHI_DATABASE_URL")
    if not url:
        parser.error(f"{variable} is not set")
    upgrade(url, asked.package, asked.revision)


if __name__ == "__main__":
    main()
