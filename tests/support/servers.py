"""Real PostgreSQL and Valkey for tests: a server of the test run's own,
or one named in the environment.

A test never touches the servers of `make up`. A database is a copy of a template that was migrated
once in this run, so a fresh one costs some ten milliseconds. The servers' files are in memory where
the machine has a file system for that: thousands of copies would go to the disk otherwise.

Every worker of a run has servers of its own. Starting both and migrating all templates costs one
worker two seconds of CPU, once; sharing them would make `empty_redis`, roles and
checkpoints common.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from onebox.servers import native
from onebox.servers.postgres import Postgres, new_password, stop as stop_postgres
from onebox.servers.valkey import Valkey, stop as stop_valkey

DATABASE_URL = "HUICHI_TEST_DATABASE_URL"
REDIS_URL = "HUICHI_TEST_REDIS_URL"
START_SECONDS = 120
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 2 << 30


def free_port() -> int:
    """Find a port nobody listens on, below the range the kernel gives to outgoing connections."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        if native.port_is_free(port):
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def throwaway_parent() -> str | None:
    """Return a folder in memory with room for the files of servers;
    None: the usual temporary one."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED:
        return str(MEMORY)
    return None


@dataclass
class Databases:
    """Makes databases for tests; `fresh("customers")` gives the address of a migrated one."""

    server: str
    session: str = field(default_factory=lambda: secrets.token_hex(3))
    templates: dict[str, str] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    count: int = 0
    _connection: psycopg.Connection | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fresh(self, package: str | None = None) -> str:
        """Give the address of a new database, migrated to the head of a package if one is named."""
        self.count += 1
        name = f"test_{self.session}_{package or 'empty'}_{self.count}"
        self._create(name, self._template(package) if package else "template0")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database made here, whoever is still connected."""
        self._drop(str(conninfo_to_dict(url)["dbname"]))

    def drop_all(self) -> None:
        """Drop everything that was made here."""
        for name in list(self.made):
            self._drop(name)
        if self._connection is not None:
            self._connection.close()

    def url(self, name: str) -> str:
        """Give the address of a database of the same server."""
        base, _, query = self.server.partition("?")
        return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    def _template(self, package: str) -> str:
        if package not in self.templates:
            from chassis import migrate

            name = f"test_{self.session}_{package}_template"
            self._create(name, "template0")
            migrate.upgrade(self.url(name), package)
            self.templates[package] = name
        return self.templates[package]

    def _create(self, name: str, template: str) -> None:
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        self.made.add(name)

    def _drop(self, name: str) -> None:
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self.made.discard(name)

    def _run(self, statement: str, *names: str) -> None:
        with self._lock:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self.server, autocommit=True)
            self._connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a careless, empty PostgreSQL and give the superuser's address."""
    with tempfile.TemporaryDirectory(prefix="huichi-pg-", dir=throwaway_parent()) as folder:
        server = Postgres(Path(folder) / "data", free_port(), new_password(), durable=False)
        with (Path(folder) / "log").open("wb") as log:
            process = server.start(log)
        try:
            server.wait(process, START_SECONDS)
            _hash_password_once(server)
            yield server.url()
        finally:
            stop_postgres(process)


@contextmanager
def valkey_server() -> Iterator[str]:
    """Run an empty Valkey without persistence and give its address."""
    with tempfile.TemporaryDirectory(prefix="huichi-valkey-") as folder:
        server = Valkey(Path(folder), free_port(), new_password(), durable=False)
        process = server.start()
        try:
            server.wait(process, START_SECONDS)
            yield server.url()
        finally:
            stop_valkey(process)


def _hash_password_once(server: Postgres) -> None:
    # 4,096 rounds would cost every connection of every test several milliseconds of CPU.
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SET scram_iterations = 1")
        connection.execute(
            sql.SQL("ALTER ROLE postgres PASSWORD {}").format(sql.Literal(server.password))
        )


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The superuser's address of a PostgreSQL 18 for this run."""
    if given := os.environ.get(DATABASE_URL):
        yield given
        return
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a Valkey for this run, shared by its tests."""
    if given := os.environ.get(REDIS_URL):
        yield given
        return
    with valkey_server() as url:
        yield url


@pytest.fixture
def empty_redis(redis_url: str) -> Iterator[str]:
    """The run's Valkey with nothing in it."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield redis_url


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Iterator[Databases]:
    """The maker of databases, for fixtures that live longer than one test."""
    maker = Databases(postgres_url)
    yield maker
    maker.drop_all()


@pytest.fixture
def database(databases: Databases) -> Iterator[Callable[..., str]]:
    """Make fresh databases for one test: `url = database("customers")`."""
    urls: list[str] = []

    def make(package: str | None = None) -> str:
        urls.append(databases.fresh(package))
        return urls[-1]

    yield make
    for url in urls:
        databases.drop(url)
