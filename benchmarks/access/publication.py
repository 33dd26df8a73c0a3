"""From a published policy to the last service that keeps to it: 2,400 rules, 5,000 people, a whole house."""

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

WHO = "chen.jing"


def measure(changes: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="huichi-bench-") as folder:
        house = start(Path(folder) / "var", block_of_ports())
        try:
            return _followed(house, changes)
        finally:
            stop(house)


def _followed(house: Running, changes: int) -> list[Figure]:
    me = house.data("{ viewer { id } }", who=WHO)["viewer"]["id"]
    _grow(house)
    rules = [
        walk.add(house, subject=f"user:{me}", object=object, action="read")
        for object in walk.OBJECTS.values()
    ]
    for service in walk.QUESTIONS:
        walk.second_until(house, service, WHO, False, time.monotonic())
    slowest, answers = [], []
    denied = None
    with ThreadPoolExecutor(len(walk.QUESTIONS)) as watchers:
        for _ in range(changes):
            begun = time.monotonic()
            if denied:
                walk.remove(house, denied)
                denied = None
            else:
                denied = walk.add(
                    house, subject=f"user:{me}", object="*", action="read", effect="deny"
                )
            answered = time.monotonic()
            answers.append(answered - begun)
            waits = [
                watchers.submit(
                    walk.second_until, house, service, WHO, denied is not None, answered
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
    """The company grows to 5,000 people under 2,400 rules, straight in the database."""
    grown = policy()
    port = house.port + PARTS.index("postgres")
    password = house.secrets["identity_database_password"]
    url = f"postgresql://huichi_identity:{password}@127.0.0.1:{port}/huichi_identity"
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        own = [f"team_{n}" for n in range(CUSTOM_ROLES)]
        cursor.executemany(
            "INSERT INTO role (name, description) VALUES (%s, '') ON CONFLICT DO NOTHING",
            [(role,) for role in own],
        )
        cursor.executemany(
            "INSERT INTO role_inherits (role_id, inherits_id) SELECT a.id, b.id FROM role a, role b "
            "WHERE a.name = %s AND b.name = %s",
            [(role, above) for role in own for above in grown.roles[role]],
        )
        cursor.executemany(
            "INSERT INTO rule (subject, object, action, rows, redaction, effect) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (r.subject, r.object, r.action, r.rows, r.redaction, r.effect)
                for r in grown.rules
                if r.subject.startswith("role:team_")
            ],
        )
        cursor.executemany(
            "INSERT INTO user_account (id, username, display_name, department_id) "
            "SELECT %s, %s, %s, id FROM department ORDER BY id OFFSET %s % (SELECT count(*) FROM department) LIMIT 1".replace(
                "%s % (", "%s %% ("
            ),
            [(person(n), f"person.{n}", f"Person {n}", n) for n in range(PEOPLE)],
        )
        cursor.executemany(
            "INSERT INTO user_role (user_id, role_id) SELECT %s, id FROM role WHERE name = ANY(%s)",
            [(person(n), list(grown.users[person(n)].roles)) for n in range(PEOPLE)],
        )
        cursor.execute("SELECT (SELECT count(*) FROM rule), (SELECT count(*) FROM user_account)")
        counted = cursor.fetchone()
        assert counted is not None
        assert (counted[0] >= RULES, counted[1] >= PEOPLE) == (True, True), counted
        cursor.execute("UPDATE policy SET version = version + 1")
        connection.commit()
    time.sleep(2)
