"""What identity does by the clock, and the command that rotates keys by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable

import psycopg
import pytest

from chassis.worker import celery
from identity import rotate
from identity.worker import register
from tests.identity.conftest import settings_for

Make = Callable[..., str]


def keys(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM signing_key").fetchone()
        assert row is not None
        return int(row[0])


def test_registers_its_tasks_on_its_own_queue(database: Make) -> None:
    settings = settings_for(database("identity"), "redis://127.0.0.1:1/0")
    app = celery("huichi", settings)

    register(app, settings)

    ours = {name for name in app.tasks if name.startswith("identity.")}
    assert ours == {
        "identity.rotate_keys",
        "identity.forget_sessions",
        "identity.settle_accesses",
        "identity.forget_uses",
        "identity.review_access",
    }
    assert ours <= {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert app.conf.task_routes["identity.*"] == {"queue": "identity"}


def test_makes_a_key_only_when_the_newest_is_old(database: Make) -> None:
    url = database("identity")
    settings = settings_for(url, "redis://127.0.0.1:1/0")
    app = celery("huichi", settings)
    register(app, settings)

    app.tasks["identity.rotate_keys"]()
    app.tasks["identity.rotate_keys"]()
    first = keys(url)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE signing_key SET created_at = now() - interval '91 days'")
    app.tasks["identity.rotate_keys"]()

    assert (first, keys(url)) == (1, 2)


def test_forgets_sessions_that_are_long_over(database: Make) -> None:
    url = database("identity")
    settings = settings_for(url, "redis://127.0.0.1:1/0")
    app = celery("huichi", settings)
    register(app, settings)
    with psycopg.connect(url) as connection:
        connection.execute(
            """
            WITH someone AS (
              INSERT INTO user_account (username, display_name) VALUES ('aa', 'A') RETURNING id
            ), opened AS (
              INSERT INTO session (user_id, expires_at)
              SELECT id, now() - make_interval(days => days)
              FROM someone, unnest(ARRAY[1, 91]) AS days RETURNING id
            )
            INSERT INTO refresh_token (digest, session_id, expires_at)
            SELECT id::text::bytea, id, now() FROM opened
            """
        )

    app.tasks["identity.forget_sessions"]()

    with psycopg.connect(url) as connection:
        left = connection.execute(
            "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM refresh_token)"
        ).fetchone()
    assert left == (1, 1)


def test_rotates_by_hand(
    database: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = database("identity")
    monkeypatch.setenv("HUICHI_IDENTITY_DATABASE_URL", url)
    monkeypatch.setenv("HUICHI_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("HUICHI_ISSUER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HUICHI_IDENTITY_SECRET", "a secret that is long enough for it")
    monkeypatch.setattr(sys, "argv", ["rotate"])

    rotate.main()

    assert keys(url) == 1
    assert "is published" in capsys.readouterr().out
