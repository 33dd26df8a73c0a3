"""The embedded servers: real, private, and gone when their launcher is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from onebox.servers import native, postgres
from tests.support.servers import free_port
from tests.support.waiting import wait_until


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, connect_timeout=3)


def test_is_postgresql_18_that_sorts_and_indexes_chinese(database: Callable[..., str]) -> None:
    with connect(database()) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        version, trigrams, upper, uuid = connection.execute(
            "SELECT current_setting('server_version_num')::int / 10000,"
            " cardinality(show_trgm('汇池客户')), upper('é'), uuid_extract_version(uuidv7())"
        ).fetchone() or (0, 0, "", 0)

    assert (version, trigrams, upper, uuid) == (18, 5, "É", 7)


def test_keeps_two_databases_of_a_test_apart(database: Callable[..., str]) -> None:
    one, two = database(), database()

    with connect(one) as connection:
        connection.execute("CREATE TABLE only_here (id int)")

    with connect(two) as connection:
        assert connection.execute("SELECT to_regclass('only_here')").fetchone() == (None,)


def test_is_a_valkey_that_wants_its_password(redis_url: str) -> None:
    given = redis.Redis.from_url(redis_url)
    without = redis.Redis(
        port=given.connection_pool.connection_kwargs["port"], retry=Retry(NoBackoff(), 0)
    )

    assert given.ping() is True
    with pytest.raises(redis.AuthenticationError):
        without.ping()


def test_gives_each_service_a_database_only_it_may_enter(tmp_path: Path) -> None:
    server = postgres.Postgres(tmp_path / "data", free_port(), "super", durable=False)
    process = server.start()
    try:
        server.wait(process)
        for name in ("identity", "customers", "identity"):
            postgres.ensure_database(server.url(), name, f"{name}-secret")

        with connect(server.url("identity", "identity", "identity-secret")) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("identity",)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connect(server.url("customers", "identity", "identity-secret"))
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(server.url("identity", "identity", "wrong"))
    finally:
        postgres.stop(process)


def test_keeps_what_was_written_when_stopped_and_started(tmp_path: Path) -> None:
    server = postgres.Postgres(tmp_path / "data", free_port(), "super", durable=True)
    for statement in ("CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)"):
        process = server.start()
        try:
            server.wait(process)
            with connect(server.url()) as connection:
                connection.execute(statement)
        finally:
            postgres.stop(process)
        assert process.returncode == 0


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root becomes nobody")
def test_runs_as_nobody_where_user_namespaces_are_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "user_namespaces", lambda: False)
    monkeypatch.setattr(postgres, "REACHABLE", Path("/tmp") / f"huichi-test-{os.getpid()}")
    server = postgres.Postgres(tmp_path / "data", free_port(), "super", durable=False)
    try:
        process = server.start()
        try:
            server.wait(process)
            assert os.stat(f"/proc/{process.pid}").st_uid == 65534
        finally:
            postgres.stop(process)
    finally:
        subprocess.run(["rm", "-rf", str(postgres.REACHABLE)], check=True)


LAUNCHER = """
import sys, time
from pathlib import Path
from onebox.servers.postgres import Postgres
server = Postgres(Path(sys.argv[1]), int(sys.argv[2]), "super", durable=False)
process = server.start()
server.wait(process)
print(process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not native.LINUX, reason="only Linux tells a process that its parent died")
def test_ends_when_its_launcher_is_killed(tmp_path: Path) -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(tmp_path / "data"), str(free_port())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert launcher.stdout is not None
    server = int(launcher.stdout.readline())

    launcher.send_signal(signal.SIGKILL)
    launcher.wait()

    wait_until(lambda: not Path(f"/proc/{server}").exists())
