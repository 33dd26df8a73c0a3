"""Bootstrap a company on an open database, or on the one that the environment names."""

from __future__ import annotations

from chassis.db import SyncDatabase
from chassis.settings import load
from identity.bootstrap import commands
from identity.bootstrap.commands import Bootstrapped
from identity.bootstrap.domain import Company
from identity.settings import IdentitySettings


def bootstrap_company(db: SyncDatabase, company: Company) -> Bootstrapped:
    """Make sure that this company exists; what exists already is left as it is."""
    return db.write(commands.bootstrap, company)


def bootstrap_from_environment(company: Company) -> Bootstrapped:
    """Make sure that this company exists in the database that HUICHI_IDENTITY_* names."""
    settings = load(IdentitySettings, "identity")
    db = SyncDatabase(settings.database_url, application="identity-bootstrap")
    try:
        return bootstrap_company(db, company)
    finally:
        db.close()
