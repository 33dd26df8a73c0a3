"""Facts got new names: those in an older outbox are renamed, and shipped again where it matters."""

from __future__ import annotations

import runpy
from collections.abc import Callable

import psycopg
import pytest

from chassis import migrate
from chassis.facts.types import FACTS
from onebox.facts_page import SERVICES, registered

BEFORE_NAMES = {
    "identity": "0051",
    "customers": "0011",
    "activities": "0005",
    "integrations": "0003",
}


@pytest.mark.parametrize(
    ("shipped", "expected"),
    [
        ("NULL", (None, "audit.event.recorded")),
        ("now() - interval '5 minutes'", (None, "audit.event.recorded")),
        ("now() - interval '2 hours'", ("shipped", "audit.event.recorded")),
    ],
)
@pytest.mark.parametrize("package", ["identity", "customers", "activities", "integrations"])
def test_facts_of_an_older_outbox_get_their_new_names(
    database: Callable[..., str], package: str, shipped: str, expected: tuple[str | None, str]
) -> None:
    url = database()
    migrate.upgrade(url, package, BEFORE_NAMES[package])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO outbox (name, subject, body, shipped_at) "
            f"VALUES ('audit.recorded', '', '{{}}', {shipped})"
        )

    migrate.upgrade(url, package)

    query = "SELECT CASE WHEN shipped_at IS NOT NULL THEN 'shipped' END, name FROM outbox"
    with psycopg.connect(url) as connection:
        assert connection.execute(query).fetchall() == [expected]
    migrate.downgrade(url, package, BEFORE_NAMES[package])
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT name FROM outbox").fetchall() == [("audit.recorded",)]


def test_every_fact_that_was_renamed_is_one_of_today() -> None:
    today = {fact.name for service in SERVICES for fact in registered(service)}
    today |= {fact.name for fact in FACTS}

    for package in SERVICES:
        [path] = migrate.folder(package).glob("versions/*_names_of_facts.py")
        names = runpy.run_path(str(path))["NAMES"]

        assert set(names.values()) <= today
