"""Migrate a service's database, one migrator at a time.

A service keeps Alembic revisions in `<package>/migrations/versions`; this module takes the place of
Alembic's `env.py`.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, text
from sqlalchemy.pool import NullPool

from chassis.db import driver_url
from chassis.tables import add_chassis_tables

# The advisory lock: any number, as long as every migrator uses the same one.
_LOCK = 0x6875696368


def upgrade(url: str, package: str, revision: str = "head") -> None:
    """Migrate up to a revision of `<package>/migrations`; a second migrator waits for the first."""
    _run(url, package, revision, down=False)


def downgrade(url: str, package: str, revision: str) -> None:
    """Migrate down to a revision ("base" removes everything)."""
    _run(url, package, revision, down=True)


def chassis_tables(op: object) -> None:
    """Create the chassis' tables; called by the first revision of every service."""
    metadata = MetaData()
    add_chassis_tables(metadata)
    metadata.create_all(op.get_bind())  # type: ignore[attr-defined]  # alembic.op is a proxy module


def drop_chassis_tables(op: object) -> None:
    """Drop the chassis' tables; called by the downgrade of the first revision."""
    metadata = MetaData()
    add_chassis_tables(metadata)
    metadata.drop_all(op.get_bind())  # type: ignore[attr-defined]  # alembic.op is a proxy module
    # The former name of `idempotency_key`, which `restore_answered` has given back.
    op.execute("DROP TABLE IF EXISTS answered")  # type: ignore[attr-defined]


def rename_answered(op: object) -> None:
    """Rename the table `answered` of older databases to `idempotency_key`.

    A database whose first revision created `idempotency_key` already stays as it is.
    """
    _rename(op, "answered", "idempotency_key")


def restore_answered(op: object) -> None:
    """Undo `rename_answered`."""
    _rename(op, "idempotency_key", "answered")


def _rename(op: object, old: str, new: str) -> None:
    for statement in (
        f"ALTER TABLE IF EXISTS {old} RENAME TO {new}",
        f"ALTER INDEX IF EXISTS {old}_pkey RENAME TO {new}_pkey",
        f"ALTER INDEX IF EXISTS {old}_at RENAME TO {new}_at",
    ):
        op.execute(statement)  # type: ignore[attr-defined]  # alembic.op is a proxy module


def rename_facts(op: object, names: Mapping[str, str]) -> None:
    """Rename facts in the outbox, `{old: new}`; called by a revision of their service.

    What was shipped within the last hour is shipped again under its new name: a listener that had
    not read it yet would not know the old name, and one that had ignores an id it has seen.
    """
    for old, new in names.items():
        statement = text(
            "UPDATE outbox SET name = :new, shipped_at = CASE "
            "WHEN shipped_at > now() - interval '1 hour' THEN NULL ELSE shipped_at END "
            "WHERE name = :old"
        )
        op.get_bind().execute(  # type: ignore[attr-defined]  # alembic.op is a proxy module
            statement, {"old": old, "new": new}
        )


def folder(package: str) -> Path:
    """Return the folder of a service's migrations. Raise `ValueError` for no package."""
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
    """Run `python -m chassis.migrate PACKAGE`: for containers, before the service starts."""
    parser = argparse.ArgumentParser(description="Migrate a service's database.")
    parser.add_argument("package", help="the package of the service")
    parser.add_argument("--revision", default="head")
    arguments = parser.parse_args()
    variable = f"HUICHI_{arguments.package.upper()}_DATABASE_URL"
    url = os.environ.get(variable) or os.environ.get("HUICHI_DATABASE_URL")
    if not url:
        parser.error(f"{variable} is not set")
    upgrade(url, arguments.package, arguments.revision)


if __name__ == "__main__":
    main()
