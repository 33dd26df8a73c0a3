"""Measures the time from a published policy to the last service that applies it.

The company has 2,400 rules and 5,000 people, and all services run.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from benchmarks.access.company import CUSTOM_ROLES, PEOPLE, RULES, person, policy
from benchmarks.access.figures import Figure, percentile
from onebox.house import PARTS
from tests.e2e import test_walk_3_policy as walk
from tests.e2e.conftest import Running, block_of_ports, start, stop

USERNAME = "chen.jing"


def measure(changes: int) -> list[Figure]:
    """Return the figures of so many changes of the policy."""
    with tempfile.TemporaryDirectory(prefix="huichi-bench-") as folder:
        house = start(Path(folder) / "var", block_of_ports())
        try:
            return _publication(house, changes)
        finally:
            stop(house)


def _publication(house: Running, changes: int) -> list[Figure]:
    me = house.data("{ viewer { id } }", who=USERNAME)["viewer"]["id"]
    _grow(house)
    rules = [
        walk.add(house, subject=f"user:{me}", object=object, action="read")
        for object in walk.OBJECTS.values()
    ]
    for service in walk.QUESTIONS:
        walk.second_until(house, service, USERNAME, False, time.monotonic())
    slowest, answers = [], []
    denied = None
    with ThreadPoolExecutor(len(walk.QUESTIONS)) as watchers:
        for _ in range(changes):
            started = time.monotonic()
            if denied:
                walk.remove(house, denied)
                denied = None
            else:
                denied = walk.add(
                    house, subject=f"user:{me}", object="*", action="read", effect="deny"
                )
            answered = time.monotonic()
            answers.append(answered - started)
            waits = [
                watchers.submit(
                    walk.second_until, house, service, USERNAME, denied is not None, answered
                )
                for service in walk.QUESTIONS
            ]
            slowest.append(max(wait.result() for wait in waits))
    for id in rules:
        walk.remove(house, id)
    return [
        Figure("the mutation itself (two requests), median", percentile(answers, 0.5) * 1e3, "ms"),
        Figure(
            "from its answer to the last service's first verdict, median",
            percentile(slowest, 0.5) * 1e3,
            "ms",
        ),
        Figure(
            "the same, p99", percentile(slowest, 0.99) * 1e3, "ms", 1_000, f"({changes} changes)"
        ),
    ]


def _grow(house: Running) -> None:
    """Insert 5,000 people and 2,400 rules, directly in the database."""
    company = policy()
    port = house.port + PARTS.index("postgres")
    password = house.secrets["identity_database_password"]
    url = f"postgresql://huichi_identity:{password}@127.0.0.1:{port}/huichi_identity"
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        custom = [f"team_{n}" for n in range(CUSTOM_ROLES)]
        cursor.executemany(
            "INSERT INTO role (name, description) VALUES (%s, '') ON CONFLICT DO NOTHING",
            [(role,) for role in custom],
        )
        cursor.executemany(
            "INSERT INTO role_inherits (role_id, inherits_id) "
            "SELECT a.id, b.id FROM role a, role b WHERE a.name = %s AND b.name = %s",
            [(role, above) for role in custom for above in company.roles[role]],
        )
        cursor.executemany(
            "INSERT INTO rule (subject, object, action, rows, redaction, effect) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (r.subject, r.object, r.action, r.rows, r.redaction, r.effect)
                for r in company.rules
                if r.subject.startswith("role:team_")
            ],
        )
        cursor.executemany(
            "INSERT INTO user_account (id, username, display_name, department_id) "
            "SELECT %s, %s, %s, id FROM department ORDER BY id "
            "OFFSET %s %% (SELECT count(*) FROM department) LIMIT 1",
            [(person(n), f"person.{n}", f"Person {n}", n) for n in range(PEOPLE)],
        )
        cursor.executemany(
            "INSERT INTO user_role (user_id, role_id) SELECT %s, id FROM role WHERE name = ANY(%s)",
            [(person(n), list(company.users[person(n)].roles)) for n in range(PEOPLE)],
        )
        cursor.execute("SELECT (SELECT count(*) FROM rule), (SELECT count(*) FROM user_account)")
        counted = cursor.fetchone()
        assert counted is not None
        assert (counted[0] >= RULES, counted[1] >= PEOPLE) == (True, True), counted
        cursor.execute("UPDATE policy SET version = version + 1")
        connection.commit()
    time.sleep(2)
